"""The files under docs/launchers behave as docs/launchers.md describes.

Their scripts and command lines run unchanged against a sandbox; their exit codes are compared with
the program's table. Schemas of other programs: tests/e2e/test_launcher_schemas.py.
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
from tests.support.children import until
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
)
from tests.support.pod_security import violations
from tests.support.sandboxes import serve_in_thread

CRON = LAUNCHERS / "airbyte-sync-cron"
SECRETS = {"client-id": "sandbox-client-id", "client-secret": "sandbox-client-secret"}

WORTH_RETRYING = {code for code, row in TABLE.items() if row.worth_retrying.startswith("yes")}
MOVED = {ExitCode.SIGTERM}
"""In a cluster: the pod was terminated, and another pod continues."""
KILLED = 137
"""The exit code of a process that was killed by SIGKILL."""

in_a_pod = pytest.mark.skipif(sys.platform != "linux", reason="needs GNU date, as in the pod")
with_jq = pytest.mark.skipif(which("jq") is None, reason="needs jq, which GitHub's runners have")


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", text)}


# exit codes


def test_cron_job_fails_at_once_on_permanent_exit_codes() -> None:
    rules = cron_job()["podFailurePolicy"]["rules"]
    fails = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]

    assert [rule["operator"] for rule in fails] == ["In"]
    assert fails[0]["values"] == sorted(set(fails[0]["values"])), (
        "the API server requires sorted values"
    )
    assert set(fails[0]["values"]) == set(ExitCode) - {ExitCode.OK} - WORTH_RETRYING - MOVED
    assert fails[0]["containerName"] == cron_job()["template"]["spec"]["containers"][0]["name"]


def test_cron_job_ignores_no_exit_code() -> None:
    ignored = [
        rule for rule in cron_job()["podFailurePolicy"]["rules"] if rule["action"] == "Ignore"
    ]

    assert ignored
    assert all("onExitCodes" not in rule for rule in ignored)


def test_argo_retries_temporary_failures_and_kills() -> None:
    expression = argo_template()["retryStrategy"]["expression"]

    codes = re.fullmatch(
        r'lastRetry.status == "Error" \|\| asInt\(lastRetry.exitCode\) in \[(.*)\]', expression
    )

    assert codes
    assert numbers(codes[1]) == WORTH_RETRYING | MOVED | {KILLED}


def test_cron_script_retries_temporary_failures() -> None:
    state = re.search(r"^ +([\d |]+)\) ;;", CRON.read_text(encoding="utf-8"), re.MULTILINE)

    assert state
    assert numbers(state[1]) == WORTH_RETRYING


def test_every_cell_of_decision_table_says_whether_it_was_seen() -> None:
    page = (ROOT / "docs" / "launchers.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## What happens at.*?^## ", page, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[1:]  # without the header

    for row in rows:
        launcher, *cells = row.split(" | ")
        assert len(cells) == 5, launcher
        unmarked = [
            cell for cell in cells if not re.search(r"(\*\*[ACP]( [ACP])*\*\*|\N{EN DASH})$", cell)
        ]
        assert unmarked == [], launcher
    assert len(rows) == 9


# scripts and command lines


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
def test_second_pod_of_a_job_starts_no_second_sync(machine: Machine, sandbox: Sandbox) -> None:
    command, environ = machine.pod(cron_job_container(), JOB_NAME=scheduled_now())

    first = machine.run(*command, **environ)
    second = machine.run(*command, **environ)

    assert (first[0], second[0]) == (0, 0), first[1] + second[1]
    assert len(sandbox.jobs) == 1


@in_a_pod
def test_moved_pod_leaves_its_sync_to_the_next_pod(machine: Machine, sandbox: Sandbox) -> None:
    sandbox.add_connection("orders", script=JobScript(life="running 1500, succeeded"))
    command, environ = machine.pod(cron_job_container(), JOB_NAME=scheduled_now())
    moved = machine.start(*command, **environ)
    until(lambda: any(job.status == "running" for job in sandbox.jobs))

    moved.send_signal(signal.SIGTERM)
    said, _ = moved.communicate(timeout=30)
    after = machine.run(*command, **environ)

    assert moved.returncode == ExitCode.SIGTERM, said
    assert after[0] == 0, after[1]
    assert [job.status for job in sandbox.jobs] == ["succeeded"]


@in_a_pod
def test_manually_created_job_attaches_to_running_sync(
    machine: Machine, sandbox: Sandbox, orders: SimConnection
) -> None:
    sandbox.start_job(orders, script=JobScript(life="running 2500, succeeded"))
    command, environ = machine.pod(cron_job_container(), JOB_NAME="orders-by-hand")

    code, said = machine.run(*command, **environ)

    assert code == 0, said
    assert len(sandbox.jobs) == 1


@pytest.mark.usefixtures("orders")
def test_argo_retry_starts_no_second_sync_and_writes_result(
    machine: Machine, sandbox: Sandbox
) -> None:
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


def test_argo_output_path_is_the_result_file() -> None:
    template = argo_template()

    path = template["outputs"]["parameters"][0]["valueFrom"]["path"]

    assert f"--result-file={path}" in template["container"]["args"]
    assert str(Path(path).parent) in [
        mount["mountPath"] for mount in template["container"]["volumeMounts"]
    ]


@with_jq
@pytest.mark.usefixtures("orders")
def test_github_rerun_starts_no_second_sync_and_writes_summary(
    machine: Machine, sandbox: Sandbox
) -> None:
    environ = runner(machine)

    codes = [machine.run(*github_step(name), **environ) for name in ("Sync", "Sync", "Summary")]

    assert [code for code, _ in codes] == [0, 0, 0], codes
    assert len(sandbox.jobs) == 1
    summary = Path(environ["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    assert summary.startswith("- orders: ok, ")


def test_cancelled_github_workflow_cancels_its_sync(machine: Machine, sandbox: Sandbox) -> None:
    sandbox.add_connection("orders", script=JobScript(life="running 100000, succeeded"))
    environ = runner(machine)
    step = machine.start(*github_step("Sync"), **environ)
    until(lambda: any(job.status == "running" for job in sandbox.jobs))

    step.send_signal(signal.SIGINT)  # to the step's process alone, as the runner does
    said, _ = step.communicate(timeout=7.5)  # then it would send SIGTERM

    assert step.returncode == ExitCode.SIGINT, said
    assert [job.status for job in sandbox.jobs] == ["cancelled"]


def runner(machine: Machine) -> dict[str, str]:
    """Return the environment of a GitHub run, with a fake `gh` that prints its creation time."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine.place("gh", f'#!/bin/sh\ntest "$2" = repos/o/r/actions/runs/7 && echo {created}\n')
    return {
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "7",
        "RUNNER_TEMP": str(machine.folder),
        "GITHUB_STEP_SUMMARY": str(machine.folder / "summary.md"),
    }


@pytest.mark.usefixtures("orders")
def test_cron_script_runs_a_sync(machine: Machine, sandbox: Sandbox) -> None:
    code, said = machine.run(str(CRON), "orders")

    assert code == 0, said
    assert [job.status for job in sandbox.jobs] == ["succeeded"]


def test_cron_script_skips_while_a_sync_is_running(
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
def test_cron_script_retries_until_final_exit_code(
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
    assert len(set(lines)) == 1, "every try uses the same --since"


def test_pods_run_as_image_user_and_are_admissible_in_restricted_namespace() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    uid = re.search(r"^USER (\d+)", dockerfile, re.MULTILINE)
    assert uid
    workflow = documents("argo-workflows.yaml")[0]["spec"]
    pods = {
        "CronJob": (cron_job()["template"]["spec"], cron_job_container()),
        "Argo": ({**argo_template(), **workflow}, argo_template()["container"]),
    }

    for name, (pod, container) in pods.items():
        assert pod["securityContext"]["runAsUser"] == int(uid[1]), name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert violations({**pod, "containers": [{"name": "main", **container}]}) == [], name
        assert re.search(r":(?!latest$)[^/:]+$", container["image"]), f"{name}: a version"
