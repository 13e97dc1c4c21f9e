"""How the steps of `check` look: one line each with a mark, and how to fix it below."""

import textwrap
from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.output import words
from airbyte_sync_cli.output.check_reports import StepRow
from airbyte_sync_cli.output.tables import Screen

_MARKS: Final = {"ok": ("✓", "ok", "green"), "warning": ("!", "!", "yellow")}
_FAILED: Final = ("✗", "X", "red")
_NAME: Final = 11
_TIME: Final = 8


def steps_text(steps: Sequence[StepRow], screen: Screen) -> str:
    """Draw the steps."""
    return "\n".join(line for step in steps for line in _lines(step, screen))


def _lines(step: StepRow, screen: Screen) -> Sequence[str]:
    unicode, plain, colour = _MARKS.get(step.outcome, _FAILED)
    mark = (unicode if screen.blocks else plain).ljust(1 if screen.blocks else 2)
    head = f"{mark} {step.name:<{_NAME}}{_duration(step.seconds):>{_TIME}}  "
    message = _folded(step.message, len(head), screen)
    first = screen.paint(mark, colour) + head[len(mark) :] + message[0]
    cure = _folded(step.hint, len(head), screen) if step.hint else []
    return [first, *(" " * len(head) + line for line in [*message[1:], *cure])]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _folded(text: str, indent: int, screen: Screen) -> Sequence[str]:
    """Fold a text; masked before, because a secret over two lines would not be known for one."""
    text = words.plain(text)
    if screen.width is None:
        return [text]
    room = max(screen.width - indent, 30)
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]
