"""Write to stdout and stderr, whose reader may have stopped: Ctrl-S, a pager, a stuck collector.

Such a write blocks the only thread, so a signal could never be acted on. Once one has arrived,
`commands.signals` calls `give_up_blocked_write` twice a second.
"""

import errno
import os
from typing import Final, TextIO

_write_state: Final = {"write": False, "seen": False}
"""Whether a write is blocking, and whether `give_up_blocked_write` has seen it."""


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether the stream is a terminal; a closed one, or none, is not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def write(stream: TextIO, text: str) -> None:
    """Write and flush. Raises OSError or ValueError.

    TimeoutError where the reader has stopped and a signal has arrived: everything written to the
    stream from then on, including the rest of its buffer, is discarded.
    """
    _write_state.update(write=True, seen=False)
    try:
        stream.write(text)
        stream.flush()
    except TimeoutError:
        _discard(stream)
        raise
    finally:
        _write_state["write"] = False


def give_up_blocked_write() -> None:
    """Raise TimeoutError out of a write that has been blocking since the last call."""
    if _write_state["write"] and _write_state["seen"]:
        _write_state["write"] = False
        raise TimeoutError(errno.ETIMEDOUT, "timed out, its reader is blocked")
    _write_state["seen"] = _write_state["write"]


def _discard(stream: TextIO) -> None:
    """Point the descriptor to /dev/null: a later flush would block again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
