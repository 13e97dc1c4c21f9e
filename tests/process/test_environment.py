"""The environment of a process: another user, an odd HOME, no threads, packages on PYTHONPATH."""

import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import airbyte_sync_cli
from tests.support.program import CommandResult, assert_told_well
from tests.support.sandboxes import a_sandbox
from tests.support.servers import Stage

NOBODY = 65534
AT_NOBODY = "http://127.0.0.1:9"
"""An address without a listener."""
SHADOWS = ("typer", "rich", "pydantic", "httpx", "logging", "asyncio", "typing")


def as_user(number: int) -> list[str]:
    """Return the prefix that runs a command as another user."""
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={number}", f"--regid={number}", "--clear-groups"]


def can_change_user() -> bool:
    """Return whether this Python runs as another user."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    line = [*as_user(NOBODY), sys.executable, "-c", "import airbyte_sync_cli, pydantic, rich"]
    return subprocess.run(line, check=False, capture_output=True).returncode == 0  # noqa: S603


only_root = pytest.mark.skipif(
    not can_change_user(), reason="needs root, setpriv, and a Python that all users can run"
)


def start(
    *argv: str,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    before: Callable[[], None] | None = None,
    program: Sequence[str] = ("-m", "airbyte_sync_cli"),
) -> CommandResult:
    """Run the installed program as a process of another user, or in another folder."""
    done = subprocess.run(  # noqa: S603  # our own program
        [*(() if user is None else as_user(user)), sys.executable, *program, *argv],
        env=environ or {},
        cwd=cwd,
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Make a folder that only its owner can search, below one that everyone can."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if folder.stat().st_uid == os.geteuid() and mode & 0o055 != 0o055:  # r-x
            folder.chmod(mode | 0o055)  # only adds permissions: one of these may be /tmp itself
    place = tmp_path / "closed"
    place.mkdir(mode=0o700)
    (place / "file.pem").touch()
    yield place
    place.chmod(0o700)


@only_root
def test_unreadable_home_is_ignored(stage: Stage, closed: Path) -> None:
    url = stage.sandbox(a_sandbox())

    for environ in ({"HOME": str(closed)}, {"XDG_CONFIG_HOME": str(closed)}):
        ending = start("status", "--conn", "orders", "--url", url, user=NOBODY, environ=environ)

        assert ending.code == 0, ending.stderr


@only_root
@pytest.mark.parametrize("option", ["--ca-bundle", "--client-cert", "--result-file"])
def test_option_file_in_unreadable_folder_is_a_usage_error(closed: Path, option: str) -> None:
    file = str(closed / "file.pem")

    ending = start("status", "1", option, file, "--url", AT_NOBODY, user=NOBODY)

    assert_told_well(ending, 2)
    assert file in ending.lines("error: ")[0]


@pytest.mark.parametrize("option", ["--ca-bundle", "--client-cert", "--result-file"])
@pytest.mark.parametrize("name", ["~/file.pem", f"/dev/{'n' * 300}.pem", "/dev/null/file.pem"])
def test_impossible_option_file_is_a_usage_error(option: str, name: str) -> None:
    ending = start(
        "status", "1", option, name, "--url", AT_NOBODY, environ={"HOME": "/no/such/home"}
    )

    assert_told_well(ending, 2)


@pytest.mark.parametrize("home", ["~", "/dev/null", "n" * 300, "relative"])
def test_invalid_home_is_ignored(stage: Stage, home: str) -> None:
    ending = start(
        "status", "--conn", "orders", "--url", stage.sandbox(a_sandbox()), environ={"HOME": home}
    )

    assert ending.code == 0, ending.stderr


@only_root
def test_tilde_of_unknown_user_is_a_usage_error() -> None:
    ending = start("status", "1", "--ca-bundle", "~/x.pem", "--url", AT_NOBODY, user=54_321)

    assert_told_well(ending, 2)


def test_path_with_null_character_is_a_usage_error(tmp_path: Path) -> None:
    for key in ("client_secret_file", "ca_bundle"):
        (tmp_path / "config.toml").write_text(f'[default]\n{key} = "/etc/x\\u0000y"\n')

        ending = start("status", "1", environ={"AIRBYTE_CONFIG": str(tmp_path / "config.toml")})

        assert_told_well(ending, 2)


def test_deleted_working_directory_matters_only_to_relative_paths(
    stage: Stage, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    url = stage.sandbox(a_sandbox())
    delete = f"os.rmdir({str(gone)!r})"
    line = [sys.executable, "-c", f"import os, sys; {delete}; os.execv(sys.argv[1], sys.argv[1:])"]
    program = [
        sys.executable,
        "-m",
        "airbyte_sync_cli",
        "status",
        "--conn",
        "orders",
        "--url",
        url,
    ]

    for more, code in (([], 0), (["--result-file", "result.json"], 2)):
        gone.mkdir(exist_ok=True)
        done = subprocess.run(  # noqa: S603  # our own program
            [*line, *program, *more], env={}, cwd=gone, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


@only_root
def test_unreadable_xcom_folder_changes_no_exit_code(closed: Path) -> None:
    """Every command checks for the folder of Airflow's sidecar at its end."""
    (closed / "airflow" / "xcom").mkdir(parents=True)
    script = (
        "import os, pathlib, sys\n"
        "from airbyte_sync_cli.clock import SystemClock\n"
        "from airbyte_sync_cli.commands.signals import Signals\n"
        "from airbyte_sync_cli.commands.wiring import Wiring\n"
        "from airbyte_sync_cli.cli.app import run\n"
        f"wiring = Wiring(root=pathlib.Path({str(closed)!r}), environ=os.environ,\n"
        "    clock=SystemClock(), stdout=sys.stdout, stderr=sys.stderr, signals=Signals())\n"
        "sys.exit(run(sys.argv[1:], wiring))\n"
    )
    ending = start("config", "show", user=NOBODY, program=("-c", script))

    assert (ending.code, ending.stderr) == (0, "")


def one_process() -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def test_host_name_is_resolved_without_threads(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox()).replace("127.0.0.1", "localhost")
    line = ("status", "--conn", "orders", "--url", url)
    user = NOBODY if os.geteuid() == 0 else None

    ending = start(*line, user=user, before=one_process)
    nowhere = start(
        "status", "1", "--url", "http://no-such-host.invalid", user=user, before=one_process
    )

    assert ending.code == 0, ending.stderr
    assert_told_well(nowhere, 9)
    assert "name does not resolve" in nowhere.stderr


# Packages of other programs


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """Make a folder of packages that fail when they are imported."""
    folder = tmp_path / "shadows"
    folder.mkdir()
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('the wrong {name}')\n")
    return folder


def test_packages_on_pythonpath_do_not_shadow_installed_ones(shadows: Path) -> None:
    for argv in (("--help",), ("config", "show")):
        ending = start(*argv, cwd=shadows.parent, environ={"PYTHONPATH": str(shadows)})

        assert (ending.code, ending.stderr) == (0, "")


def test_modules_in_the_working_directory_do_not_shadow_installed_ones(shadows: Path) -> None:
    ending = start("config", "show", cwd=shadows)

    assert (ending.code, ending.stderr) == (0, "")


def test_console_script_is_not_shadowed(shadows: Path) -> None:
    script = Path(sys.executable).with_name("airbyte-sync")
    if not script.exists():
        pytest.skip("the program is not installed beside this Python")

    done = subprocess.run(  # noqa: S603  # our own program
        [script, "config", "show"], env={"PYTHONPATH": str(shadows)}, cwd=shadows,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_broken_dependency_on_pythonpath_is_named(tmp_path: Path) -> None:
    """If the program itself is on PYTHONPATH, its dependencies are expected there, too."""
    target = tmp_path / "target"
    shutil.copytree(
        Path(airbyte_sync_cli.__file__).parent,
        target / "airbyte_sync_cli",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (target / "typer.py").write_text("raise RuntimeError('an old typer')\n")

    ending = start("config", "show", cwd=tmp_path, environ={"PYTHONPATH": str(target)})

    assert ending.code == 1
    assert ending.stderr.splitlines()[0] == (
        "error: airbyte-sync cannot start: RuntimeError: an old typer"
    )
    assert ending.lines("hint: ")[0].startswith(f"hint: {target / 'typer.py'} was imported")
    assert "Traceback" not in ending.stderr
