"""Render docs/live-view.svg with the real code: fixed events, a fixed clock, the same bytes.

`make docs` runs it; tests/output/test_picture.py fails if the picture is stale.
"""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from airbyte_sync_cli.airbyte.models import Connection, Job, Progress
from airbyte_sync_cli.output.live.state import LiveState
from airbyte_sync_cli.output.live.view import Frame, draw
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.result import FailureResult, SyncResult
from airbyte_sync_cli.sync.state import Snapshot

_START: Final = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
_WIDTH: Final = 92
_SCREEN: Final = Screen(colour=True)
_PAST: Final = (410.0, 365.0, 480.0)
_TARGET: Final = Path(__file__).with_name("live-view.svg")


class _Scene:
    """A live view at a chosen time."""

    def __init__(self) -> None:
        self.board = LiveState()
        self.at = 0.0
        self.syncs: dict[str, Snapshot] = {}

    def take(self, event: ev.Event) -> None:
        self.board.take(event, self.at, _START + timedelta(seconds=self.at))

    def start(self, number: int, name: str, status: str = "running") -> None:
        """Add a connection with a job."""
        connection = Connection(id=name, name=name, status="active")
        self.syncs[name] = Snapshot(
            key=name,
            connection=connection,
            job=_job(number, name, status),
            history=History(durations=_PAST),
        )
        self.take(ev.JobKnown(sync=self.syncs[name]))

    def move(self, name: str, records: int, *, attempts: int = 1) -> None:
        """Set the progress of a job."""
        progress = Progress(
            attempts=attempts, records_emitted=records, bytes_emitted=records * 214
        )
        self.take(ev.Polled(sync=replace(self.syncs[name], progress=progress)))

    def end(self, number: int, name: str, **more: object) -> None:
        """Set the result of a job."""
        fields = {"connection_name": name, "job_id": number, **more}
        self.take(ev.Finished(sync=self.syncs[name], result=SyncResult.model_validate(fields)))


def _job(number: int, name: str, status: str) -> Job:
    return Job(id=number, connection_id=name, type="sync", status=status, created_at=_START)


def _play() -> _Scene:
    scene = _Scene()
    names = ("orders", "customers", "web events", "billing", "inventory")
    for number, name in enumerate(names, start=4181):
        scene.start(number, name, "queued" if name == "inventory" else "running")
    for at, orders, customers, events in (
        (130.0, 61_000, 7_000, 410_000),
        (158.0, 83_500, 12_300, 528_000),
    ):
        scene.at = at
        scene.move("orders", orders)
        scene.move("customers", customers, attempts=2)
        scene.move("web events", events)
    wrong_key = FailureResult(
        origin="source",
        type="config_error",
        message="The API key was rejected.",
        retryable=False,
        stream=None,
    )
    scene.end(
        4184, "billing", exit_code=3, status="failed", duration_seconds=71, failure=wrong_key
    )
    return scene


def render() -> str:
    """Return the picture as SVG."""
    scene = _play()
    console = Console(
        file=io.StringIO(),
        record=True,
        width=_WIDTH,
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text("$ airbyte-sync run --tag nightly", "bold"))
    for line in draw(scene.board, Frame(_SCREEN, _WIDTH, 24, scene.at + 2)):
        console.print(
            Text.from_ansi(line.paint(_SCREEN)), no_wrap=True, overflow="ignore", crop=False
        )
    svg = console.export_svg(title="airbyte-sync", unique_id="live-view")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from the network
    svg = svg.replace(
        "<svg ", '<svg xml:space="preserve" ', 1
    )  # some viewers trim non-breaking spaces
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    _TARGET.write_text(render(), encoding="utf-8")
