"""stdout, stderr and the result file: what is written where, also if they are closed or full."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.support.children import until
from tests.support.program import FollowingClock, call, start
from tests.support.servers import Stage

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = ("run", "--conn", "orders")
QUICK = "pending 1, running 3, succeeded"


@pytest.fixture
def sandbox() -> Sandbox:
    it = Sandbox(SandboxConfig(speed=50))
    it.add_connection("orders", script=JobScript(life=QUICK))
    return it


@pytest.fixture
def url(stage: Stage, sandbox: Sandbox) -> str:
    return stage.sandbox(sandbox)


def test_stdout_has_only_the_result(url: str) -> None:
    ending = call(*RUN, AIRBYTE_URL=url)

    [line] = ending.stdout.splitlines()
    assert line.startswith("succeeded  orders  job 1")
    assert "started" in ending.stderr


@pytest.mark.parametrize(
    ("form", "lines"), [("id", ["1"]), ("text", ["succeeded"]), ("json", ['{"schema_version":1'])]
)
def test_output_format_can_be_set_in_environment(url: str, form: str, lines: list[str]) -> None:
    ending = call(*RUN, AIRBYTE_URL=url, AIRBYTE_OUTPUT=form)

    told = ending.stdout.splitlines()
    assert len(told) == len(lines)
    assert all(line.startswith(start) for line, start in zip(told, lines, strict=True))


def test_json_log_is_json_in_every_line(url: str) -> None:
    ending = call(*RUN, "--log-format", "json", "-vv", "--min-records", "9999", AIRBYTE_URL=url)

    lines = [json.loads(line) for line in ending.stderr.splitlines()]
    assert ending.code == 13
    assert len({tuple(line) for line in lines}) == 1, "the same keys in each"
    assert [line["event"] for line in lines][-2:] == ["error", "hint"]


def test_quiet_writes_no_log_and_vv_writes_requests(url: str) -> None:
    quiet, plain, loud = (call(*RUN, *more, AIRBYTE_URL=url) for more in (["-q"], [], ["-vv"]))

    assert {ending.code for ending in (quiet, plain, loud)} == {0}
    assert quiet.stderr == ""
    assert "GET " not in plain.stderr
    assert "GET " in loud.stderr


@pytest.mark.parametrize(("every", "beats"), [("60s", True), ("0", False)])
def test_heartbeat_is_logged_at_its_interval(stage: Stage, every: str, beats: object) -> None:
    sandbox = Sandbox(clock=FollowingClock())
    plot = JobScript(life="running 600, succeeded")
    sandbox.start_job(sandbox.add_connection("orders", script=plot))
    argv = ("wait", "1", "--heartbeat", every)

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert ("still running" in ending.stderr) is beats


@pytest.mark.parametrize(
    ("environ", "painted"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_pipe_has_colours_only_with_force_color(
    url: str, environ: dict[str, str], painted: object
) -> None:
    ending = start(*RUN, AIRBYTE_URL=url, **environ)

    assert ending.code == 0
    assert ("\x1b[" in ending.stdout) is painted


@pytest.mark.parametrize("form", ["text", "json", "id"])
def test_broken_stdout_pipe_changes_no_exit_code(url: str, sandbox: Sandbox, form: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *RUN, "-o", form],
        env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
        cwd=REPOSITORY,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(writer)

    assert done.returncode == 0
    assert [job.status for job in sandbox.jobs] == ["succeeded"]
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


def with_streams(redirections: str, *argv: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a shell that redirects or closes its streams."""
    return subprocess.run(  # noqa: S603  # our own program
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m",
         "airbyte_sync_cli", *argv],
        env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )  # fmt: skip


full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")


@full_disk
@pytest.mark.parametrize("form", ["text", "json", "id"])
def test_unprintable_result_of_sync_is_a_warning_with_same_exit_code(url: str, form: str) -> None:
    done = with_streams(">/dev/full", *RUN, "-q", "-o", form, url=url)

    assert done.returncode == 0, "the exit code is Airbyte's word on the sync"
    assert "warning: could not write the result to stdout: No space left" in done.stderr
    assert "job 1 (orders): succeeded" in done.stderr


@full_disk
@pytest.mark.parametrize("form", ["text", "json", "id"])
@pytest.mark.parametrize(
    "line", ["connections", "jobs -c orders", "status -c orders", "logs -c orders"]
)
def test_unprintable_listing_exits_2(url: str, line: str, form: str) -> None:
    call(*RUN, AIRBYTE_URL=url)

    done = with_streams(">/dev/full", *line.split(), "-o", form, url=url)

    assert done.returncode == 2
    error, hint = done.stderr.splitlines()
    assert error == "error: could not write the result to stdout: No space left on device"
    assert hint.startswith("hint: use --result-file")


@full_disk
@pytest.mark.parametrize(
    ("line", "code"), [("check", 0), ("status -c orders --exit-status", 7), ("config show", 2)]
)
def test_other_unprintable_results_are_reported(url: str, line: str, code: int) -> None:
    done = with_streams(">/dev/full", *line.split(), "-o", "json", url=url)

    assert done.returncode == code
    assert "could not write the result to stdout: No space left on device" in done.stderr


@full_disk
@pytest.mark.parametrize("line", ["--help", "run --help", "--version", "sandbox --print-scenario"])
def test_unprintable_help_exits_2_without_traceback(line: str) -> None:
    done = with_streams(">/dev/full", *line.split(), url="")

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@full_disk
def test_unprintable_listing_is_in_result_file_with_exit_code(url: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"

    done = with_streams(">/dev/full", "connections", "--result-file", str(file), url=url)

    report = json.loads(file.read_text("utf-8"))
    assert (done.returncode, report["exit_code"]) == (2, 2)
    assert report["connections"], "what was read is there"
    assert f"hint: the result is in {file}" in done.stderr


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"]
)
@pytest.mark.parametrize(("line", "code"), [("run -c orders", 0), ("run", 2), ("run -c no", 7)])
def test_closed_streams_change_no_exit_code(url: str, closed: str, line: str, code: int) -> None:
    done = with_streams(closed, *line.split(), "-o", "json", url=url)

    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == (0 if ">&-" in closed.split() else 1)


def test_closed_stdout_is_a_warning(url: str) -> None:
    done = with_streams(">&-", *RUN, "-q", url=url)

    assert done.returncode == 0
    assert "could not write the result to stdout: it is closed" in done.stderr


def test_reader_that_closes_pipe_early_is_no_failure(url: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    codes = [
        subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", "airbyte_sync_cli", *argv],
            env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
            cwd=REPOSITORY,
            stdout=writer,
            timeout=30,
            check=False,
        ).returncode
        for argv in (["connections"], ["run", "--help"], ["--version"])
    ]
    os.close(writer)

    assert codes == [0, 0, 0]


def test_result_file_dev_stdout_overwrites_nothing(url: str, tmp_path: Path) -> None:
    shown = tmp_path / "shown"

    with_streams(f">{shown}", *RUN, "--result-file", "/dev/stdout", url=url)

    first, second = shown.read_text("utf-8").splitlines()
    assert json.loads(first)["exit_code"] == 0
    assert second.startswith("succeeded  orders")


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_sandbox_serves_without_stderr(closed: str) -> None:
    """It cannot print its address, so the test uses a fixed port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603  # our own program
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "airbyte_sync_cli",
         "sandbox", "--port", str(port)],
        cwd=REPOSITORY,
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or is_listening(port))
        assert process.poll() is None
    finally:
        process.terminate()
        code = process.wait(timeout=30)

    assert code == 0


def is_listening(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def can_mount() -> bool:
    tried = ["unshare", "-rm", "true"]
    return bool(which("unshare")) and not subprocess.run(tried, check=False).returncode  # noqa: S603


mounting = pytest.mark.skipif(not can_mount(), reason="mounts need a mount namespace")


def with_mounts(
    mounts: str, folder: Path, *argv: str, url: str
) -> subprocess.CompletedProcess[str]:
    """Run the program with the folder as a mount point that has other mounts in it."""
    script = f'set -e; mount --bind . .; cd "$PWD"; {mounts}; cd /; exec "$@"'
    return subprocess.run(  # noqa: S603  # our own program
        ["unshare", "-rm", "/bin/sh", "-c", script, "sh", sys.executable, "-m",  # noqa: S607
         "airbyte_sync_cli", *argv],
        env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url, "PYTHONPATH": str(REPOSITORY)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )  # fmt: skip


@mounting
@pytest.mark.parametrize("more", ["true", "mount -o remount,bind,ro ."])
def test_result_file_that_is_a_mount_is_written(url: str, more: str, tmp_path: Path) -> None:
    """Docker and Kubernetes mount single files this way, also into a read-only folder."""
    for name in ("result.json", "outside"):
        (tmp_path / name).touch()
    mounts = f"mount --bind outside result.json; {more}"
    file = tmp_path / "result.json"

    done = with_mounts(mounts, tmp_path, *RUN, "--result-file", str(file), url=url)

    assert done.returncode == 0, done.stderr
    assert "could not write" not in done.stderr
    assert json.loads((tmp_path / "outside").read_text("utf-8"))["exit_code"] == 0


@mounting
def test_result_file_in_read_only_folder_is_a_usage_error_before_any_request(
    url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "result.json"

    done = with_mounts(
        "mount -o remount,bind,ro .", tmp_path, *RUN, "--result-file", str(file), url=url
    )

    assert done.returncode == 2, done.stderr
    assert f"{file} cannot be written: directory {tmp_path} is not writable" in done.stderr
    assert sandbox.requests == []
