"""The files under docs/launchers do what docs/launchers.md says of them.

Their scripts and command lines are run as they are, against a sandbox; what they say of exit codes
is held to the program. What other programs say of them: tests/e2e/test_launcher_schemas.py.
"""

import json
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from airbyte_sync_cli.exit_codes import TABLE, ExitCode
from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig, SimConnection
from tests.support.launchers import (
    LAUNCHERS,
    ROOT,
    Machine,
    argo_template,
    cron_job,
    cron_job_container,
    documents,
    fill,
    github_step,
    scheduled_now,
    wait_until,
)
from tests.support.threaded import serve_in_thread

CRON = LAUNCHERS / "airbyte-sync-cron"
SECRETS = {"client-id": "sandbox-client-id", "client-secret": "sandbox-client-secret"}

WORTH_RETRYING = {code for code, row in TABLE.items() if row.worth_retrying.startswith("yes")}
MOVED = {ExitCode.SIGTERM}
"""In a cluster: the pod was ended, somebody else has to go on."""
KILLED = 137
"""Not ours: SIGKILL, as seen from outside."""

in_a_pod = pytest.mark.skipif(sys.platform != "linux", reason="a pod's date is not this one's")
with_jq = pytest.mark.skipif(which("jq") is None, reason="GitHub's runners have jq, this has not")


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", text)}


# what they make of exit codes


def test_the_cron_job_fails_at_once_for_everything_that_trying_again_does_not_mend() -> None:
    rules = cron_job()["podFailurePolicy"]["rules"]
    fails = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]

    assert [rule["operator"] for rule in fails] == ["In"]
    assert fails[0]["values"] == sorted(set(fails[0]["values"])), "the API server wants them so"
    assert set(fails[0]["values"]) == set(ExitCode) - {ExitCode.OK} - WORTH_RETRYING - MOVED
    assert fails[0]["containerName"] == cron_job()["template"]["spec"]["containers"][0]["name"]


def test_the_cron_job_never_ignores_an_exit_code_because_that_would_go_on_for_ever() -> None:
    ignored = [
        rule for rule in cron_job()["podFailurePolicy"]["rules"] if rule["action"] == "Ignore"
    ]

    assert ignored
    assert all("onExitCodes" not in rule for rule in ignored)


def test_argo_tries_again_what_is_worth_it_and_what_was_killed() -> None:
    expression = argo_template()["retryStrategy"]["expression"]

    codes = re.fullmatch(
        r'lastRetry.status == "Error" \|\| asInt\(lastRetry.exitCode\) in \[(.*)\]', expression
    )

    assert codes
    assert numbers(codes[1]) == WORTH_RETRYING | MOVED | {KILLED}


def test_the_cron_script_tries_again_what_is_worth_it() -> None:
    state = re.search(r"^ +([\d |]+)\) ;;", CRON.read_text(encoding="utf-8"), re.MULTILINE)

    assert state
    assert numbers(state[1]) == WORTH_RETRYING


# what they run


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(SandboxConfig(speed=1000, auth="client-credentials"))


@pytest.fixture
def orders(sandbox: Sandbox) -> SimConnection:
    return sandbox.add_connection("orders", script=JobScript(life="running 1, succeeded"))


@pytest.fixture
def machine(tmp_path: Path, sandbox: Sandbox) -> Iterator[Machine]:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret, encoding="utf-8")
    with serve_in_thread(sandbox) as url:
        credentials = {
            "AIRBYTE_CLIENT_ID_FILE": str(tmp_path / "client-id"),
            "AIRBYTE_CLIENT_SECRET_FILE": str(tmp_path / "client-secret"),
        }
        it = Machine(tmp_path, {"AIRBYTE_URL": url, **credentials})
        it.place("airbyte-sync", f'#!/bin/sh\nexec {sys.executable} -m airbyte_sync_cli "$@"\n')
        yield it
        it.clean()


@in_a_pod
@pytest.mark.usefixtures("orders")
def test_two_pods_of_one_job_are_one_sync(machine: Machine, sandbox: Sandbox) -> None:
    command, environ = machine.pod(cron_job_container(), JOB_NAME=scheduled_now())

    first = machine.run(*command, **environ)
    second = machine.run(*command, **environ)

    assert (first[0], second[0]) == (0, 0), first[1] + second[1]
    assert len(sandbox.jobs) == 1


@in_a_pod
def test_a_pod_that_is_moved_leaves_its_sync_to_the_next_one(
    machine: Machine, sandbox: Sandbox
) -> None:
    sandbox.add_connection("orders", script=JobScript(life="running 1500, succeeded"))
    command, environ = machine.pod(cron_job_container(), JOB_NAME=scheduled_now())
    moved = machine.start(*command, **environ)
    wait_until(lambda: any(job.status == "running" for job in sandbox.jobs))

    moved.send_signal(signal.SIGTERM)
    said, _ = moved.communicate(timeout=30)
    after = machine.run(*command, **environ)

    assert moved.returncode == ExitCode.SIGTERM, said
    assert after[0] == 0, after[1]
    assert [job.status for job in sandbox.jobs] == ["succeeded"]


@in_a_pod
def test_a_job_that_was_made_by_hand_attaches_to_what_runs(
    machine: Machine, sandbox: Sandbox, orders: SimConnection
) -> None:
    sandbox.start_job(orders, script=JobScript(life="running 2500, succeeded"))
    command, environ = machine.pod(cron_job_container(), JOB_NAME="orders-by-hand")

    code, said = machine.run(*command, **environ)

    assert code == 0, said
    assert len(sandbox.jobs) == 1


@pytest.mark.usefixtures("orders")
def test_two_tries_of_argo_are_one_sync_with_a_result(machine: Machine, sandbox: Sandbox) -> None:
    command, environ = machine.pod(argo_template()["container"])
    told = {
        "{{inputs.parameters.connection}}": "orders",
        "{{workflow.creationTimestamp.RFC3339}}": datetime.now(UTC).strftime("%FT%TZ"),
        "/result/": f"{machine.folder}/",
    }
    filled = [fill(word, told) for word in command]

    endings = [machine.run(*filled, **environ) for _ in range(2)]

    assert [code for code, _ in endings] == [0, 0], endings
    assert len(sandbox.jobs) == 1
    result = json.loads((machine.folder / "result.json").read_text(encoding="utf-8"))
    assert result["syncs"][0]["adopted"] is True


def test_argo_reads_the_result_where_the_program_writes_it() -> None:
    template = argo_template()

    path = template["outputs"]["parameters"][0]["valueFrom"]["path"]

    assert f"--result-file={path}" in template["container"]["args"]
    assert str(Path(path).parent) in [
        mount["mountPath"] for mount in template["container"]["volumeMounts"]
    ]


@with_jq
@pytest.mark.usefixtures("orders")
def test_a_rerun_on_github_is_the_same_sync_with_a_summary(
    machine: Machine, sandbox: Sandbox
) -> None:
    environ = runner(machine)

    codes = [machine.run(*github_step(name), **environ) for name in ("Sync", "Sync", "Summary")]

    assert [code for code, _ in codes] == [0, 0, 0], codes
    assert len(sandbox.jobs) == 1
    summary = Path(environ["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    assert summary.startswith("- orders: ok, ")


def test_a_workflow_that_is_cancelled_on_github_cancels_its_sync(
    machine: Machine, sandbox: Sandbox
) -> None:
    sandbox.add_connection("orders", script=JobScript(life="running 100000, succeeded"))
    environ = runner(machine)
    step = machine.start(*github_step("Sync"), **environ)
    wait_until(lambda: any(job.status == "running" for job in sandbox.jobs))

    step.send_signal(signal.SIGINT)  # to the step's process alone, as the runner does
    said, _ = step.communicate(timeout=7.5)  # then it would send SIGTERM

    assert step.returncode == ExitCode.SIGINT, said
    assert [job.status for job in sandbox.jobs] == ["cancelled"]


def runner(machine: Machine) -> dict[str, str]:
    """What a run on GitHub has in its environment; `gh` tells when it was created."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine.place("gh", f'#!/bin/sh\ntest "$2" = repos/o/r/actions/runs/7 && echo {created}\n')
    return {
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "7",
        "RUNNER_TEMP": str(machine.folder),
        "GITHUB_STEP_SUMMARY": str(machine.folder / "summary.md"),
    }


@pytest.mark.usefixtures("orders")
def test_the_cron_script_runs_a_sync(machine: Machine, sandbox: Sandbox) -> None:
    code, said = machine.run(str(CRON), "orders")

    assert code == 0, said
    assert [job.status for job in sandbox.jobs] == ["succeeded"]


def test_the_cron_script_does_nothing_while_the_last_sync_still_runs(
    machine: Machine, sandbox: Sandbox, orders: SimConnection
) -> None:
    sandbox.start_job(orders, script=JobScript(life="running 100000, succeeded"))
    sandbox.jobs[0].created_at -= 3600  # of the last run

    code, said = machine.run(str(CRON), "orders")

    assert code == 0, said
    assert len(sandbox.jobs) == 1
    assert "skip" in said


@pytest.mark.parametrize(
    ("codes", "ending"),
    [
        ([0], 0),
        ([3], 3),
        ([99], 0),
        ([9, 0], 0),
        ([12, 8, 3], 3),
        ([9, 9, 12], 12),
    ],
)
def test_the_cron_script_tries_as_often_as_it_should(
    machine: Machine, codes: list[int], ending: int
) -> None:
    tries = machine.folder / "tries"
    tries.write_text("", encoding="utf-8")
    machine.place(
        "airbyte-sync",
        f'#!/bin/sh\necho "$*" >> {tries}\n'
        f"set -- {' '.join(map(str, codes))}\nshift $(($(wc -l < {tries}) - 1))\nexit $1\n",
    )

    code, _ = machine.run(str(CRON), "orders", PAUSES="0 0")

    lines = tries.read_text(encoding="utf-8").splitlines()
    assert code == ending
    assert len(lines) == len(codes)
    assert len(set(lines)) == 1, "every try has the same --since"


def test_the_pods_run_as_the_images_user_and_write_nowhere() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    uid = re.search(r"^USER (\d+)", dockerfile, re.MULTILINE)
    assert uid
    pods = {
        "CronJob": (cron_job()["template"]["spec"], cron_job_container()),
        "Argo": (documents("argo-workflows.yaml")[0]["spec"], argo_template()["container"]),
    }

    for name, (pod, container) in pods.items():
        assert pod["securityContext"]["runAsUser"] == int(uid[1]), name
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, name
