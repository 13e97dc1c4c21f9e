"""The program's start: where to import from, signals, then everything else."""

import _signal  # type: ignore[import-not-found]  # what `signal` wraps, without its imports

# Ctrl-C during the imports below: 130 as of any program, instead of a traceback.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import airbyte_sync_cli.search_path  # noqa: F401  # before all that it decides the origin of

# isort: split
import atexit
import gc
import os
import sys
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.streams import is_terminal, write

_ALLOCATIONS_BETWEEN_COLLECTIONS = 200_000
"""Imports make some 150,000 objects and no garbage: looking for it once takes 4 ms."""


def main() -> None:
    """Run the command line and exit with its code."""
    signals = Signals()
    # A SIGTERM during the slow imports is kept until something can act on it.
    signals.note()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    _keep_pydantic_from_looking_for_plugins()
    try:
        from airbyte_sync_cli.cli.app import run  # noqa: PLC0415  # imports take time, signals do not
    except Exception as error:  # noqa: BLE001  # whatever a wrong package raises
        sys.exit(_wrong_package(error))

    wiring = Wiring(
        environ=os.environ,
        clock=SystemClock(),
        stdout=sys.stdout,
        stderr=sys.stderr,
        signals=signals,
        ask=_ask if is_terminal(sys.stdin) and is_terminal(sys.stderr) else None,
        open_browser=_open_browser,
    )
    _leave(run(sys.argv[1:], wiring))


def _wrong_package(error: Exception) -> str:
    """Return what a person needs to know where a package of another program came in."""
    package = (getattr(error, "name", None) or "").partition(".")[0]
    where, trace = getattr(sys.modules.get(package), "__file__", None), error.__traceback__
    while where is None and trace is not None:
        where = trace.tb_frame.f_code.co_filename if trace.tb_next is None else None
        trace = trace.tb_next
    return (
        f"error: airbyte-sync cannot start: {type(error).__name__}: {error}\n"
        f"hint: {where} was imported: is an outdated copy on PYTHONPATH? "
        "`python -I -m airbyte_sync_cli` ignores PYTHONPATH"
    )


def _ask(question: str, *, hidden: bool) -> str:
    """Ask on the terminal, where Ctrl-C and Ctrl-D end the program at once: nothing has begun."""
    noted = _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    try:
        if hidden:
            import getpass  # noqa: PLC0415  # for `config init` only

            return getpass.getpass(question).strip()
        write(sys.stderr, question)
        return _read_line().strip()
    except (EOFError, KeyboardInterrupt) as error:
        write(sys.stderr, "\n")  # the prompt of the shell begins its own line
        raise KeyboardInterrupt from error
    finally:
        _signal.signal(_signal.SIGINT, noted)


def _read_line() -> str:
    """Return a line as typed. Raises EOFError for Ctrl-D; `input` would prompt on stdout."""
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _open_browser(address: str) -> None:
    """Open an address in a graphical browser, if there is one.

    Without a display Python would start a text browser, which takes the terminal.
    """
    is_graphical = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if is_graphical:
        import webbrowser  # noqa: PLC0415  # for `open` only

        webbrowser.open(address)


def _leave(code: int) -> NoReturn:
    """End without freeing object by object what the kernel frees at once: 40 ms of every start.

    A stream whose reader is gone changes no exit code.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  # as `multiprocessing` leaves its processes
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or never there
            write(stream, "")
    os._exit(code)


def _keep_pydantic_from_looking_for_plugins() -> None:
    """Stand in for the module that would read the metadata of every installed distribution.

    Measured: 8 to 12 of the 370 ms of CPU of a `status`, with 28 distributions installed. Its
    switch PYDANTIC_DISABLE_PLUGINS comes too late: after the imports.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.__dict__["get_plugins"] = tuple
    sys.modules.setdefault(loader.__name__, loader)


if __name__ == "__main__":
    main()
