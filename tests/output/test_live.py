"""The live view on a terminal: drawn in place, below the log, and gone without a trace."""

import asyncio
import os
import signal
from collections.abc import Callable

import pyte
import pytest

from airbyte_sync_cli.output.live.canvas import Canvas, LiveView
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.terminal import Screen, wants_colour, wants_live_view
from airbyte_sync_cli.sync import events as ev
from tests.output.scenes import HandClock, Terminal, job, progress, size, snapshot, told

ENVIRON = {"TERM": "xterm-256color"}


class Sight:
    """What a person sees of what was written to a terminal."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.stream = Terminal()
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._bytes = pyte.Stream(self.screen)
        self._read = 0

    def lines(self) -> list[str]:
        content = self.stream.getvalue()
        # What a terminal's driver does: a new line begins at its left edge.
        self._bytes.feed(content[self._read :].replace("\n", "\r\n"))
        self._read = len(content)
        shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def scrolled_away(self) -> int:
        return len(self.screen.history.top)


def canvas(sight: Sight, look: Callable[[], os.terminal_size] | None = None) -> Canvas:
    return Canvas(sight.stream, screen=Screen(colour=True), size=look or (lambda: size(80)))


def test_new_lines_take_the_place_of_the_old_ones() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("first line"), Styled.of("second line"), Styled.of("third line")])
    view.replace([Styled.of("first"), Styled.of("second")])

    assert sight.lines() == ["first", "second"]


def test_log_lines_stand_above_and_stay() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("a long view"), Styled.of("below")])
    view.above("log")
    view.replace([Styled.of("new view"), Styled.of("below")])
    view.above("more")

    assert sight.lines() == ["log", "more", "new view", "below"]


def test_it_goes_without_a_trace() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("one"), Styled.of("two")])
    view.above("log")
    view.replace([])

    assert sight.lines() == ["log"]
    assert (sight.screen.cursor.y, sight.screen.cursor.x) == (1, 0)


def test_a_full_screen_is_drawn_a_thousand_times_and_nothing_scrolls() -> None:
    sight = Sight(lines=24)
    view = canvas(sight)

    for number in range(1000):
        view.replace([Styled.of(f"{number} line {i}") for i in range(23)])

    assert sight.lines()[0] == "999 line 0"
    assert sight.scrolled_away == 0


def test_the_same_picture_is_written_once() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("same")])
    written = len(sight.stream.getvalue())
    view.replace([Styled.of("same")])

    assert len(sight.stream.getvalue()) == written


def test_a_terminal_that_got_narrower_has_wrapped_what_was_drawn() -> None:
    sight, now = Sight(), [size(80)]
    view = canvas(sight, lambda: now[0])
    view.replace([Styled.of("x" * 75), Styled.of("y" * 10)])

    now[0] = size(40)
    view.replace([Styled.of("z")])

    assert sight.stream.getvalue().split("y" * 10)[1].lstrip("\x1b[K\n").startswith("\r\x1b[3A")


def test_no_mode_of_the_terminal_is_changed_so_none_must_be_restored() -> None:
    sight = Sight()
    view = canvas(sight)

    view.replace([Styled.of("one", "bold red")])
    view.above("log")

    assert "\x1b[?" not in sight.stream.getvalue()
    assert sight.stream.getvalue().count("\x1b[0m") >= 1


def test_no_color_leaves_the_text() -> None:
    sight = Sight()
    view = Canvas(sight.stream, screen=Screen(), size=lambda: size(80))

    view.replace([Styled.of("one", "red")])

    assert "\x1b[31m" not in sight.stream.getvalue()
    assert sight.lines() == ["one"]


def test_a_terminal_that_is_gone_is_let_go() -> None:
    sight = Sight()
    view = canvas(sight)
    sight.stream.close()

    view.replace([Styled.of("one")])
    view.above("log")

    assert sight.stream.closed


class Watched:
    """A live view whose clock is moved by hand."""

    def __init__(self, columns: int = 80) -> None:
        self.sight, self.clock, self.size = Sight(columns), HandClock(), size(columns)
        self.view = LiveView(
            self.sight.stream, clock=self.clock, environ=ENVIRON, size=lambda: self.size
        )

    def begin(self) -> None:
        known = ev.JobKnown(sync=snapshot("orders", job=job()))
        self.view.take(known)

    @property
    def written(self) -> int:
        return len(self.sight.stream.getvalue())


def test_it_is_drawn_when_something_happened_or_the_clock_moved_on_and_else_not() -> None:
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
def test_fifty_rows_and_more_are_drawn_every_other_second(
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


def test_it_is_drawn_anew_for_a_new_size() -> None:
    watched = Watched()
    watched.begin()
    watched.view.refresh()
    first = watched.written

    watched.size = size(12)
    watched.view.refresh()

    assert watched.written > first


def test_it_runs_until_it_is_cancelled_and_cleans_up() -> None:
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


@pytest.mark.parametrize(
    ("options", "environ", "wanted"),
    [
        ({}, {}, True),
        ({"verbosity": 2}, {}, True),
        ({}, {"NO_COLOR": "1"}, True),
        ({}, {"CI": "false"}, True),
        ({}, {"CI": "true"}, False),
        ({}, {"TERM": "dumb"}, False),
        ({"verbosity": -1}, {}, False),
        ({"format": "json"}, {}, False),
        ({"format": "id"}, {}, False),
        ({"log_format": "json"}, {}, False),
    ],
)
def test_it_is_for_those_who_look_at_a_terminal(
    options: dict[str, object], environ: dict[str, str], *, wanted: bool
) -> None:
    chosen = OutputOptions(**options)  # type: ignore[arg-type]  # one of its fields

    assert wants_live_view("run", chosen, environ=environ, stream=Terminal()) is wanted


def test_it_is_neither_for_a_file_nor_for_a_command_that_does_not_wait() -> None:
    options, terminal = OutputOptions(), Terminal()

    assert not wants_live_view("run", options, environ={}, stream=told().stderr)
    assert not wants_live_view("status", options, environ={}, stream=terminal)
    terminal.close()
    assert not wants_live_view("run", options, environ={}, stream=terminal)


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colours_follow_the_environment(environ: dict[str, str], *, colour: bool) -> None:
    assert wants_colour(Terminal(), environ) is colour
    assert wants_colour(told().stdout, environ) is (colour and "FORCE_COLOR" in environ)


def reporter(verbosity: int = 0) -> tuple[Output, Sight]:
    sight = Sight()
    output = told(OutputOptions(verbosity=verbosity), stderr=sight.stream, environ=ENVIRON)
    return output.output, sight


@pytest.mark.parametrize("verbosity", [0, 1])
def test_lines_that_the_view_shows_anyway_need_v(verbosity: int) -> None:
    telling, sight = reporter(verbosity)

    async def play() -> None:
        async with telling.alive():
            telling(ev.Triggering(sync=snapshot("orders"), number=1))
            telling(ev.Warned(sync=snapshot("orders"), message="odd"))
            await asyncio.sleep(0)

    asyncio.run(play())

    lines = sight.lines()
    assert ("starting a job" in "\n".join(lines)) is (verbosity > 0)
    assert lines[-1].endswith("warning: [orders] odd")


@pytest.mark.parametrize("place", ["take", "refresh"])
def test_a_view_that_fails_ends_no_sync(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    telling, sight = reporter()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(LiveView, place, fail)
    after: list[str] = []

    async def play() -> None:
        async with telling.alive():
            telling(ev.OutageEnded(sync=snapshot("orders"), seconds=1))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            telling(ev.Triggering(sync=snapshot("orders"), number=1))
            after.append("still here")

    asyncio.run(asyncio.wait_for(play(), 5))

    assert after == ["still here"]
    text = "\n".join(sight.lines())
    assert "live view failed (ZeroDivisionError: a bug)" in text
    assert "starting a job" in text


def test_after_ctrl_z_it_is_drawn_below_what_the_shell_wrote() -> None:
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
