"""What a stream can show: width, colours, characters, a live view."""

import io
import os

import pytest

from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.terminal import Screen, screen_of, wants_colour, wants_live_view
from tests.output.scenes import (
    Terminal,
    captured_output,
)


def test_file_has_no_width_and_no_colour() -> None:
    assert screen_of(io.StringIO(), {}) == Screen(width=None, colour=False, unicode=True)
    assert screen_of(None, {}) == Screen(width=None, colour=False, unicode=True)


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_terminal_shows_colours_unless_disabled(environ: dict[str, str], colour: object) -> None:
    assert screen_of(Terminal(), environ).colour is colour


@pytest.mark.parametrize(
    ("columns", "width"), [("132", 132), ("10", 40), ("0", 80), ("wide", 80), ("", 80)]
)
def test_columns_variable_sets_the_width(columns: str, width: int) -> None:
    assert screen_of(Terminal(), {"COLUMNS": columns}).width == width


def test_terminal_width_is_measured() -> None:
    leader, follower = os.openpty()
    try:
        with os.fdopen(follower, "w", encoding="utf-8") as stream:
            assert screen_of(stream, {}).width in {80, 40}  # it says 0 where nobody set it
            assert screen_of(stream, {"COLUMNS": "99"}).width == 99
    finally:
        os.close(leader)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "unheard-of"])
def test_encoding_without_block_characters_gets_ascii(encoding: str) -> None:
    assert not screen_of(Terminal(encoding), {}).unicode


def test_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert screen_of(stream, {}) == Screen()


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
def test_live_view_needs_text_output_on_a_terminal(
    options: dict[str, object], environ: dict[str, str], *, wanted: bool
) -> None:
    chosen = OutputOptions(**options)  # type: ignore[arg-type]  # one of its fields

    assert wants_live_view("run", chosen, environ=environ, stream=Terminal()) is wanted


def test_live_view_needs_a_waiting_command_and_an_open_terminal() -> None:
    options, terminal = OutputOptions(), Terminal()

    assert not wants_live_view("run", options, environ={}, stream=captured_output().stderr)
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
def test_colours_follow_no_color_and_force_color(environ: dict[str, str], *, colour: bool) -> None:
    assert wants_colour(Terminal(), environ) is colour
    assert wants_colour(captured_output().stdout, environ) is (colour and "FORCE_COLOR" in environ)
