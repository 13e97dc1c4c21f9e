"""The live view on a terminal: drawn in place, below the log, and gone without a trace."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from airbyte_sync_cli.output.live.canvas import Canvas, LiveView
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from tests.output.scenes import (
    ENVIRON,
    ManualClock,
    Sight,
    job,
    progress,
    size,
    snapshot,
)


def canvas(sight: Sight, look: Callable[[], os.terminal_size] | None = None) -> Canvas:
    return Canvas(sight.stream, screen=Screen(colour=True), size=look or (lambda: size(80)))


def test_new_lines_replace_the_old_ones() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("first line"), Styled.of("second line"), Styled.of("third line")])
    view.replace([Styled.of("first"), Styled.of("second")])

    assert sight.lines() == ["first", "second"]


def test_log_lines_stay_above_the_view() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("a long view"), Styled.of("below")])
    view.above("log")
    view.replace([Styled.of("new view"), Styled.of("below")])
    view.above("more")

    assert sight.lines() == ["log", "more", "new view", "below"]


def test_replacing_with_nothing_clears_the_view() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("one"), Styled.of("two")])
    view.above("log")
    view.replace([])

    assert sight.lines() == ["log"]
    assert (sight.screen.cursor.y, sight.screen.cursor.x) == (1, 0)


def test_full_screen_redrawn_a_thousand_times_never_scrolls() -> None:
    sight = Sight(lines=24)
    view = canvas(sight)

    for number in range(1000):
        view.replace([Styled.of(f"{number} line {i}") for i in range(23)])

    assert sight.lines()[0] == "999 line 0"
    assert sight.scrolled_away == 0


def test_unchanged_lines_are_not_redrawn() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("same")])
    written = len(sight.stream.getvalue())
    view.replace([Styled.of("same")])

    assert len(sight.stream.getvalue()) == written


def test_narrower_terminal_is_erased_by_its_wrapped_height() -> None:
    sight, now = Sight(), [size(80)]
    view = canvas(sight, lambda: now[0])
    view.replace([Styled.of("x" * 75), Styled.of("y" * 10)])

    now[0] = size(40)
    view.replace([Styled.of("z")])

    assert sight.stream.getvalue().split("y" * 10)[1].lstrip("\x1b[K\n").startswith("\r\x1b[3A")


def test_drawing_changes_no_terminal_mode() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("one", "bold red")])
    view.above("log")

    assert "\x1b[?" not in sight.stream.getvalue()
    assert sight.stream.getvalue().count("\x1b[0m") >= 1


def test_screen_without_colour_gets_plain_text() -> None:
    sight = Sight()
    view = Canvas(sight.stream, screen=Screen(), size=lambda: size(80))

    view.replace([Styled.of("one", "red")])

    assert "\x1b[31m" not in sight.stream.getvalue()
    assert sight.lines() == ["one"]


def test_closed_terminal_is_ignored() -> None:
    sight = Sight()
    view = canvas(sight)
    sight.stream.close()

    view.replace([Styled.of("one")])
    view.above("log")

    assert sight.stream.closed


class Watched:
    """A live view whose clock is moved by hand."""

    def __init__(self, columns: int = 80) -> None:
        self.sight, self.clock, self.size = Sight(columns), ManualClock(), size(columns)
        self.view = LiveView(
            self.sight.stream, clock=self.clock, environ=ENVIRON, size=lambda: self.size
        )

    def begin(self) -> None:
        known = ev.JobKnown(sync=snapshot("orders", job=job()))
        self.view.take(known)

    @property
    def written(self) -> int:
        return len(self.sight.stream.getvalue())


def test_view_is_redrawn_for_events_and_each_second() -> None:
    watched = Watched()
    watched.begin()
    watched.view.refresh()
    first = watched.written

    watched.clock.at = 0.5
    watched.view.refresh()
    assert watched.written == first

    watched.view.take(ev.Polled(sync=snapshot("orders", job=job(), progress=progress(7, 7))))
    watched.view.refresh()
    assert "7 records" in watched.sight.lines()[1]

    watched.clock.at = 5.0
    watched.view.refresh()
    assert watched.sight.lines()[0].endswith("5s")


@pytest.mark.parametrize(
    ("syncs", "lines", "redrawn"), [(60, 60, False), (60, 24, True), (4, 60, True)]
)
def test_view_of_fifty_rows_is_redrawn_every_other_second(
    syncs: int, lines: int, *, redrawn: bool
) -> None:
    watched = Watched()
    watched.size = os.terminal_size((80, lines))
    watched.view.take(ev.Planned(syncs=[snapshot(f"{number}") for number in range(syncs)]))
    watched.view.refresh()
    first = watched.written

    watched.clock.at = 1.5
    watched.view.take(ev.Triggering(sync=snapshot("1"), number=1))
    watched.view.refresh()
    assert (watched.written > first) is redrawn

    watched.clock.at = 2.0
    watched.view.refresh()
    assert watched.written > first


def test_resized_terminal_is_redrawn() -> None:
    watched = Watched()
    watched.begin()
    watched.view.refresh()
    first = watched.written

    watched.size = size(12)
    watched.view.refresh()

    assert watched.written > first


def test_cancelled_view_clears_its_lines() -> None:
    watched = Watched()
    watched.begin()

    async def play() -> None:
        task = asyncio.create_task(watched.view.run())
        for _ in range(3):
            await asyncio.sleep(0)
        assert watched.sight.lines() != []
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(play())

    assert watched.sight.lines() == []


def test_continued_view_is_drawn_below_the_shell() -> None:
    watched = Watched()
    watched.begin()

    async def play() -> None:
        task = asyncio.create_task(watched.view.run())
        await asyncio.sleep(0)
        watched.sight.stream.write("[1]+ Stopped\n")
        signal.raise_signal(signal.SIGCONT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        lines = watched.sight.lines()
        task.cancel()
        await asyncio.wait({task})
        assert [line.split("  ")[0] for line in lines] == ["● orders", "[1]+ Stopped", "● orders"]

    asyncio.run(play())

    assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL
