"""The start of airbyte-sync.pyz: where it unpacks, what it trusts, and what it says otherwise.

The archives here hold a stand-in for the program; tests/e2e/test_release.py runs the real one.
"""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pyz.build import archive
from pyz.start import check, find_folders, find_platform
from pyz.unpack import unpack
from tests.support.children import until

PROGRAM = """
import os, sys, other
def main():
    print(os.path.dirname(os.path.dirname(__file__)), sys.argv[1:], other.__file__)
    raise SystemExit(7)
"""
LAYERS = {
    "any": {"airbyte_sync_cli/__init__.py": b"", "airbyte_sync_cli/__main__.py": PROGRAM.encode()},
    find_platform().partition("-")[2]: {"other.py": b""},
    find_platform(): {"compiled.py": b""},
    "cp399-x86_64": {},
}


@pytest.fixture
def pyz(tmp_path: Path) -> Path:
    file = tmp_path / "a folder" / "airbyte-sync.pyz"
    file.parent.mkdir()
    file.write_bytes(archive(LAYERS))
    return file


def command(pyz: Path, *words: str) -> list[str]:
    return [sys.executable, str(pyz), *words]


def start(pyz: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # Python
        command(pyz, "run", "--conn"), env=environ, capture_output=True, text=True, check=False
    )


def unpacked(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*/*"))


def test_first_start_unpacks_and_compiles_into_the_cache(pyz: Path, tmp_path: Path) -> None:
    done = start(pyz, HOME=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")

    (content,) = unpacked(tmp_path / ".cache")
    assert done.stdout == f"{content} ['run', '--conn'] {content / 'other.py'}\n", done.stderr
    assert done.returncode == 7
    assert content.name == find_platform()
    assert len(list(content.rglob("*.pyc"))) == 4
    assert stat.S_IMODE((tmp_path / ".cache" / "airbyte-sync-pyz").stat().st_mode) == 0o700


def test_later_start_uses_what_is_there(pyz: Path, tmp_path: Path) -> None:
    start(pyz, XDG_CACHE_HOME=str(tmp_path))
    (content,) = unpacked(tmp_path)
    (content / "other.py").unlink()
    (content / "other.py").write_text("print('kept')", encoding="utf-8")
    for compiled in content.glob("__pycache__/other*"):
        compiled.unlink()

    assert start(pyz, XDG_CACHE_HOME=str(tmp_path)).stdout.startswith("kept\n")


def test_another_build_gets_its_own_folder(pyz: Path, tmp_path: Path) -> None:
    start(pyz, XDG_CACHE_HOME=str(tmp_path))
    pyz.write_bytes(archive({**LAYERS, "any": {**LAYERS["any"], "new.py": b""}}))

    done = start(pyz, XDG_CACHE_HOME=str(tmp_path))

    assert done.returncode == 7
    assert len(unpacked(tmp_path)) == 2


def test_many_first_starts_unpack_once(pyz: Path, tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    processes = [
        subprocess.Popen(command(pyz), env=environ, stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(5)
    ]

    outputs = {process.communicate()[0] for process in processes}

    assert len(outputs) == 1
    assert len(unpacked(tmp_path)) == 1


def test_rest_of_a_killed_start_is_replaced(pyz: Path, tmp_path: Path) -> None:
    start(pyz, XDG_CACHE_HOME=str(tmp_path))
    (content,) = unpacked(tmp_path)
    partial = content.rename(content.with_name(f"{content.name}.partial"))
    (partial / "airbyte_sync_cli" / "__main__.py").write_text("half", encoding="utf-8")

    done = start(pyz, XDG_CACHE_HOME=str(tmp_path))

    assert done.returncode == 7, done.stderr
    assert unpacked(tmp_path) == [content]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_while_unpacking_ends_the_start(pyz: Path, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "airbyte-sync-pyz"
    folder.mkdir(mode=0o700)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the start waits: another one is unpacking
        process = subprocess.Popen(command(pyz), env={"XDG_CACHE_HOME": str(tmp_path)})  # noqa: S603
        until(lambda: str(folder / "lock") in _open_files(process.pid))
        process.send_signal(number)

        assert process.wait(timeout=30) == 128 + number


def _open_files(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            found.add(str(descriptor.readlink()))
    return found


def test_cache_that_cannot_be_written_is_replaced_by_a_private_folder(
    pyz: Path, tmp_path: Path
) -> None:
    done = start(pyz, HOME="/dev/null", TMPDIR=str(tmp_path))

    folder = tmp_path / f"airbyte-sync-pyz-{os.geteuid()}"
    assert done.stdout.startswith(str(folder)), done.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_folder_that_others_can_write_to_is_not_trusted(pyz: Path, tmp_path: Path) -> None:
    cache, other = tmp_path / "cache", tmp_path / "other"
    start(pyz, XDG_CACHE_HOME=str(cache))
    (cache / "airbyte-sync-pyz").chmod(0o777)

    done = start(pyz, XDG_CACHE_HOME=str(cache), TMPDIR=str(other))

    assert done.stdout.startswith(str(other)), done.stderr


def test_link_to_another_folder_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="only this user"):
        check(str(link))


def test_no_folder_ends_with_the_reason_of_each(
    pyz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["/dev/null/a/b", "/proc/b"]

    with pytest.raises(SystemExit) as ending:
        unpack(str(pyz), find_platform(), build="1", folders=folders, check=check)

    error, hint = capsys.readouterr().err.splitlines()
    assert ending.value.code == 2
    assert error.startswith(f"error: {pyz} cannot be unpacked (/dev/null/a/b: Not a directory; ")
    assert "/proc/b: No such file or directory" in error
    assert hint == "hint: set XDG_CACHE_HOME to a folder that this user can write 60 MB to"


def test_python_without_its_packages_ends_with_what_is_covered(
    pyz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        unpack(str(pyz), "cp311-musl", build="1", folders=[str(tmp_path)], check=check)

    error, hint = capsys.readouterr().err.splitlines()
    assert ending.value.code == 2
    assert error == f"error: {pyz} has no packages for cp311-musl"
    assert "cp399-x86_64, with glibc; install with pip instead" in hint


@pytest.mark.parametrize("name", ["zipfile", "compileall", "other", "airbyte_sync_cli"])
def test_pythonpath_shadows_nothing(pyz: Path, tmp_path: Path, name: str) -> None:
    shadows = tmp_path / "shadows"
    shadows.mkdir()
    (shadows / f"{name}.py").write_text("raise ImportError('shadow')", encoding="utf-8")

    done = start(pyz, XDG_CACHE_HOME=str(tmp_path), PYTHONPATH=str(shadows))

    assert done.returncode == 7, done.stderr


def test_relative_cache_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")

    assert find_folders()[0] == "/home/someone/.cache/airbyte-sync-pyz"


def test_archive_has_same_bytes_twice() -> None:
    backwards = dict(reversed(LAYERS.items()))

    assert archive(LAYERS) == archive(backwards)
