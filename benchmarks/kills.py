"""Kill `run` at random moments around the trigger: no job may be left behind, or nameless.

    make kills                       a hundred times SIGTERM, twenty times SIGKILL with a retry
    python benchmarks/kills.py 500   five hundred times SIGTERM
    python benchmarks/kills.py 100 7 the same moments again, from the seed 7

Each run is a real process before a sandbox on a real socket, whose trigger takes a third of a
second. The moments are spread evenly, from a seed that is printed, over start, sign-in, trigger,
and the first polls. After each kill the sandbox is asked what it has.
"""

import json
import random
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' support

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.children import Ended, running
from tests.support.threaded import serve_in_thread

SPREAD = (0.1, 0.9)
"""Seconds after the start: from the imports over the trigger, at about 0.4, to the first poll."""
TRIGGER_TAKES = 0.3


@dataclass
class Kill:
    """One run that was killed, and what was left."""

    moment: str
    seconds: float
    ended: Ended
    active: int
    nameless: int


def world() -> Sandbox:
    """Make a sandbox whose trigger takes a while, and whose job never ends by itself."""
    sandbox = Sandbox(SandboxConfig(speed=1))
    sandbox.add_connection("orders", script=JobScript(life="running 90000, succeeded"))
    sandbox.faults.add(
        Fault.model_validate(f"trigger:hold={TRIGGER_TAKES}{random.choice(['', ':applied'])}")  # noqa: S311  # no secret
    )
    return sandbox


def moment_of(sandbox: Sandbox) -> str:
    """Tell how far a run has come, by what its server has seen."""
    triggers = sandbox.sent("trigger")
    if not triggers:
        return "before the trigger"
    return "after the trigger" if triggers[0].answered else "while the trigger is under way"


def kill_once(after: float, number: Signals) -> Kill:
    """Start a run, kill it after so many seconds, and look at what is left."""
    sandbox = world()
    with serve_in_thread(sandbox) as url:
        with running("run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url) as child:
            time.sleep(after)
            moment, sent = moment_of(sandbox), child.send(number)
            ended = child.end()
        named = _named(ended)
        active = [job.id for job in sandbox.active_jobs()]
        nameless = [job.id for job in sandbox.jobs if job.id not in named]
    return Kill(moment, ended.at - sent, ended, len(active), len(nameless))


def _named(ended: Ended) -> set[int]:
    """Tell the jobs that the result names; a process that had not begun leaves no result."""
    if not ended.stdout.strip():
        return set()
    return {sync["job_id"] for sync in json.loads(ended.stdout.splitlines()[-1])["syncs"]}


def terminate(number: int) -> bool:
    """SIGTERM at so many moments; print the table, tell whether the promise was kept."""
    kills = [kill_once(random.uniform(*SPREAD), SIGTERM) for _ in range(number)]  # noqa: S311  # no secret
    print(f"{'SIGTERM came':<32}{'kills':>6}{'active':>8}{'nameless':>10}{'slowest':>9}")
    for moment in dict.fromkeys(kill.moment for kill in kills):
        some = [kill for kill in kills if kill.moment == moment]
        print(_line(moment, some))
    print(_line("in all", kills))
    print("exit codes:", dict(Counter(kill.ended.code for kill in kills)))
    print(f"median ending: {statistics.median(kill.seconds for kill in kills):.2f} s")
    return not any(kill.active or kill.nameless or kill.seconds > 5 for kill in kills)  # noqa: PLR2004  # Airflow's grace


def _line(name: str, kills: list[Kill]) -> str:
    active, nameless = sum(kill.active for kill in kills), sum(kill.nameless for kill in kills)
    slowest = max(kill.seconds for kill in kills)
    return f"{name:<32}{len(kills):>6}{active:>8}{nameless:>10}{slowest:>7.2f} s"


def kill_and_retry(number: int) -> bool:
    """SIGKILL at so many moments, then the same with --since; tell whether each made one sync."""
    jobs = Counter[int]()
    for _ in range(number):
        sandbox = Sandbox(SandboxConfig(speed=1))
        sandbox.add_connection("orders", script=JobScript(life="running 3, succeeded"))
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sandbox.clock.now()))
        argv = ("run", "--conn", "orders", "--since", since, "-o", "json")
        with serve_in_thread(sandbox) as url:
            with running(*argv, AIRBYTE_URL=url) as child:
                time.sleep(random.uniform(*SPREAD))  # noqa: S311  # no secret
                child.send(SIGKILL)
                child.end()
            with running(*argv, AIRBYTE_URL=url) as child:
                code = child.end().code
            jobs[len(sandbox.jobs)] += 1
            if code:
                print(f"a retry ended with {code}")
                return False
    print(f"SIGKILL, then a retry with --since: {number} times, syncs in each: {dict(jobs)}")
    return set(jobs) == {1}


def main() -> None:
    """Kill, and exit 1 where the promise was broken."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())  # noqa: PLR2004  # the second
    random.seed(seed)
    print(f"seed {seed}, moments spread over {SPREAD[0]:g} to {SPREAD[1]:g} s")
    kept = terminate(number) & kill_and_retry(max(number // 5, 1))
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
