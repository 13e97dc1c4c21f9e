"""Unpack airbyte-sync.pyz: at the first start of a Python, or of a new version."""

import compileall
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import NoReturn
from zipfile import ZipFile

_USAGE = 2
"""The exit code: no request was sent (airbyte_sync_cli/exit_codes.py)."""


def unpack(
    archive: str,
    platform: str,
    *,
    build: str,
    folders: Sequence[str],
    check: Callable[[str], None],
) -> str:
    """Unpack into the first folder that allows it; return the folder of the packages."""
    layers = ["any", platform.partition("-")[2], platform]
    reasons = []
    with ZipFile(archive) as outer:
        if f"{platform}.zip" not in outer.namelist():
            return _fail(f"{archive} has no packages for {platform}", hint=_covered(outer))
        for folder in folders:
            try:
                _make(Path(folder))
                check(folder)
                with _stoppable():
                    return str(_unpack_into(Path(folder), build, outer, layers))
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror or error}")
    hint = "set XDG_CACHE_HOME to a folder that this user can write 60 MB to"
    return _fail(f"{archive} cannot be unpacked ({'; '.join(reasons)})", hint=hint)


def _covered(outer: ZipFile) -> str:
    covered = sorted(name.removesuffix(".zip") for name in outer.namelist() if "cp3" in name)
    return f"it is for {', '.join(covered)}, with glibc; install with pip instead"


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Exit at a signal that would end a program.

    Process 1 of a container has no default actions: it would unpack, and then start a sync.
    """
    handled = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    numbers = [number for number in handled if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, lambda number, _frame: os._exit(128 + number))
    yield
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)


def _unpack_into(folder: Path, build: str, outer: ZipFile, layers: Sequence[str]) -> Path:
    """Unpack under a lock: many first starts at the same time do it once."""
    content = folder / build / layers[-1]
    partial = content.with_suffix(".partial")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not content.is_dir():
            shutil.rmtree(partial, ignore_errors=True)  # of a start that was killed
            try:
                for layer in layers:
                    with outer.open(f"{layer}.zip") as file, ZipFile(file) as inner:
                        inner.extractall(partial)
                _compile(partial)
                partial.rename(content)
            except OSError:  # such as a full disk
                shutil.rmtree(partial, ignore_errors=True)
                raise
    return content


def _compile(folder: Path) -> None:
    """Compile everything: PYTHONDONTWRITEBYTECODE would make every start compile again."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(str(folder), quiet=2, invalidation_mode=mode)


def _fail(error: str, *, hint: str) -> NoReturn:
    sys.stderr.write(f"error: {error}\nhint: {hint}\n")
    sys.exit(_USAGE)
