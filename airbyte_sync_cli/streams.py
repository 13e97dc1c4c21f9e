"""Writes to stdout and stderr, whose reader may have stopped: Ctrl-S, a pager, a stuck collector.

Such a write blocks the only thread, so a signal could never be acted on. Once one has arrived,
`cli.signals` calls `give_up_blocked_write` twice a second.
"""

import errno
import os
from typing import Final, TextIO

_under_way: Final = {"write": False, "seen": False}
"""Whether a write is under way, and whether `give_up_blocked_write` has seen it."""


def write(stream: TextIO, text: str) -> None:
    """Write and flush. Raises OSError or ValueError.

    TimeoutError where the reader has stopped and a signal has arrived: what is written to the
    stream from then on, what is left in its buffer included, goes nowhere.
    """
    _under_way.update(write=True, seen=False)
    try:
        stream.write(text)
        stream.flush()
    except TimeoutError:
        _discard(stream)
        raise
    finally:
        _under_way["write"] = False


def give_up_blocked_write() -> None:
    """Raise TimeoutError out of a write that was under way at the last call already."""
    if _under_way["write"] and _under_way["seen"]:
        _under_way["write"] = False
        raise TimeoutError(errno.ETIMEDOUT, "its reader does not read")
    _under_way["seen"] = _under_way["write"]


def _discard(stream: TextIO) -> None:
    """Let the descriptor lead to nowhere: a later flush would block again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
