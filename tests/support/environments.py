"""Virtual environments for tests against other people's programs, made once and kept."""

import shutil
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = _REPOSITORY / ".e2e"
LOCKS = _REPOSITORY / "tests" / "e2e" / "locks"
"""What is wanted (`NAME.in`), and what that comes to (`NAME.txt`, by `make requirements`)."""


def environment(name: str) -> Path:
    """Make the virtual environment of this name from its lock; the path of its Python.

    Made by uv where that is installed, by venv and pip elsewhere. It is used again as long as
    Python and the lock are the same; `make clean` removes it.
    """
    folder = ROOT / name
    python = folder / "bin" / "python"
    stamp = folder / "made-from.txt"
    lock = LOCKS / f"{name}.txt"
    wanted = f"{sys.version}\n{lock.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    ROOT.mkdir(exist_ok=True)
    for command in _commands(folder, python, lock):
        subprocess.run(command, check=True)  # noqa: S603  # the commands below
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _commands(folder: Path, python: Path, lock: Path) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv is not None:
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    else:
        pip = [str(python), "-m", "pip", "install"]
        install = [*pip, "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        make = [sys.executable, "-m", "venv", str(folder)]
    return [make, [*install, "--requirement", str(lock)]]
