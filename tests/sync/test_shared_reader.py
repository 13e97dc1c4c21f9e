"""Several waits read their jobs together: few requests, and the same outcomes."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.models import JobPage
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, SimConnection
from airbyte_sync_cli.sync.events import Finished, OutageBegan, OutageEnded
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.support.core import START, Bench, bench, script, wait_policy


class KeepsLists(Airbyte):
    """A client behind a proxy that answers each list with the first answer."""

    kept: JobPage | None = None

    async def workspace_jobs(self, *args: object, **kwargs: object) -> JobPage:
        self.kept = self.kept or await super().workspace_jobs(*args, **kwargs)  # type: ignore[arg-type]
        return self.kept


APIS = pytest.mark.parametrize("api", ["public", "config"])
VERSIONS = pytest.mark.parametrize("version", ["2.0", "latest"])
ENDINGS = {"succeeded": ExitCode.OK, "failed": ExitCode.FAILED, "cancelled": ExitCode.CANCELLED}


def given_jobs(
    number: int, version: str = "latest", *, seconds: float = 600.0, **more: object
) -> tuple[Bench, list[int]]:
    """Set up jobs that take up to so long and end in all ways; only a heartbeat needs numbers."""
    given = bench(version, **more)  # type: ignore[arg-type]
    given.numbers_every = 30.0
    chance = random.Random(number)  # noqa: S311  # no secret
    lives = [
        f"running {chance.uniform(0.5, 1) * seconds:.1f}, {list(ENDINGS)[index % 3]}"
        for index in range(number)
    ]
    connections = [
        given.sandbox.add_connection(f"c{index}", script=script(life))
        for index, life in enumerate(lives)
    ]
    return given, start(given, connections)


def start(given: Bench, connections: Sequence[SimConnection]) -> list[int]:
    return [given.sandbox.start_job(one).id for one in connections]


def endings(number: int) -> list[ExitCode]:
    return [list(ENDINGS.values())[index % 3] for index in range(number)]


def sent(given: Bench) -> Counter[str]:
    return Counter(record.name for record in given.sandbox.requests)


def delays(given: Bench) -> list[float]:
    """Return how late each end was noticed, as a share of the job's length."""
    ended = {job.id: job for job in given.sandbox.jobs}
    shares = []
    for event, at in given.timed:
        if isinstance(event, Finished) and event.result.job_id is not None:
            job = ended[event.result.job_id]
            shares.append((START.timestamp() + at - job.ends_at) / (job.ends_at - job.created_at))
    return shares


@APIS
@VERSIONS
def test_twenty_waits_need_few_requests(api: str, version: str) -> None:
    given, job_ids = given_jobs(20, version, api=api)

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(20)
    # Alone each job is read only when its wait begins, and for its numbers after its end.
    assert sent(given)["job"] + sent(given)["connection"] <= 20 * 4
    assert sent(given)["jobs"] < 200


@APIS
def test_end_is_noticed_as_early_as_by_a_wait_alone(api: str) -> None:
    given, job_ids = given_jobs(15, api=api)

    given.wait(*job_ids)

    assert len(delays(given)) == 15
    assert max(delays(given)) < 0.12


def test_outcomes_are_right_while_a_tenth_of_the_answers_fail() -> None:
    given, job_ids = given_jobs(20)
    actions = ["lost-before", "lost-after", "status", "html", "truncate", "bad-json", "rate-limit"]
    given.sandbox.faults.add(
        *(
            Fault.model_validate({"when": when, "action": actions[index % 7], "nth": 10 * index})
            for when in ("job", "jobs")
            for index in range(1, 60)
        )
    )

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(20)
    assert sent(given)["job"] + sent(given)["jobs"] < 300


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 404}, {"status": 422}, {"status": 500}, {"status": 503}]
)
@APIS
def test_jobs_are_read_alone_where_lists_are_refused(fault: dict[str, int], api: str) -> None:
    given, job_ids = given_jobs(6, api=api)
    given.sandbox.faults.add(
        Fault.model_validate({"when": "jobs", "action": "status", "connection": None, **fault})
    )

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(6)
    assert not given.emitted(OutageBegan)
    assert max(delays(given)) < 0.12


def test_queued_job_that_breaks_the_page_leaves_the_waits_running() -> None:
    given, job_ids = given_jobs(6, "2.1")
    other = given.sandbox.add_connection("other", script=script("queued 900, running 5, failed"))
    start(given, [other])

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(6)
    assert not given.emitted(OutageBegan)


def test_refresh_that_older_lists_hide_is_read_alone() -> None:
    given, job_ids = given_jobs(4, "2.0")
    hidden = script("running 300, failed", job_type="refresh")
    refresh = given.sandbox.add_connection("refreshed", script=hidden)

    states = given.wait(*job_ids, *start(given, [refresh]))

    assert [state.exit_code for state in states] == [*endings(4), ExitCode.FAILED]
    assert max(delays(given)) < 0.12


def test_outage_of_ten_minutes_is_one_of_every_wait_and_floods_no_server() -> None:
    given, job_ids = given_jobs(20, seconds=1800)
    given.sandbox.faults.add(Fault(when="any", action="status", from_seconds=60, for_seconds=600))

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(20)
    assert len(given.emitted(OutageBegan)) == len(given.emitted(OutageEnded)) == 20
    began = START.timestamp() + 60
    during = [one for one in given.sandbox.requests if 30 < one.time - began < 600]
    assert len(during) < 100


def test_outage_beyond_max_outage_ends_every_wait_as_unknown() -> None:
    given, job_ids = given_jobs(5, seconds=9000, policy=wait_policy(max_outage=900))
    given.sandbox.faults.add(Fault(when="any", action="status", from_seconds=60))

    states = given.wait(*job_ids)

    assert {state.exit_code for state in states} == {ExitCode.UNKNOWN}
    assert 900 < given.seconds < 1000


def test_job_that_ended_in_time_is_no_timeout() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=100)))
    lives = ("running 99.9, succeeded", "running 100.1, succeeded", "running 500, succeeded")
    connections = [given.sandbox.add_connection(life, script=script(life)) for life in lives]

    states = given.wait(*start(given, connections))

    codes = [state.exit_code for state in states]
    assert codes == [ExitCode.OK, ExitCode.TIMEOUT, ExitCode.TIMEOUT]
    assert given.seconds < 107


def test_list_that_never_changes_delays_an_end_at_most_by_a_quarter_of_an_hour() -> None:
    given, job_ids = given_jobs(4, seconds=400)
    given.client = KeepsLists

    states = given.wait(*job_ids)

    assert [state.exit_code for state in states] == endings(4)
    assert given.seconds < 900 + 60


@APIS
def test_run_of_many_connections_ends_as_each_of_its_jobs(api: str) -> None:
    given = bench(api=api)
    given.numbers_every = 30.0
    connections = [
        given.sandbox.add_connection(
            f"c{index}", script=script(f"pending 2, running {60 + index}, {word}")
        )
        for index, word in enumerate(list(ENDINGS) * 10)
    ]

    states = given.run(*connections)

    assert [state.exit_code for state in states] == endings(30)
    assert len(given.sandbox.jobs) == 30
