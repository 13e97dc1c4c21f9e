"""Render the pictures with the real code: fixed events, a fixed clock, the same bytes.

`make docs` runs it; tests/output/test_picture.py fails if one is stale.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from airbyte_sync_cli.airbyte.models import (
    Attempt,
    Connection,
    Failure,
    Job,
    Progress,
    SwitchedOff,
)
from airbyte_sync_cli.output.live.state import LiveState
from airbyte_sync_cli.output.live.view import Frame, draw
from airbyte_sync_cli.output.overview import overview_lines
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.overview import OverviewRow
from airbyte_sync_cli.sync.result import FailureResult, SyncResult
from airbyte_sync_cli.sync.state import Snapshot

_START: Final = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
_WIDTH: Final = 92
_SCREEN: Final = Screen(colour=True)
_PAST: Final = (410.0, 365.0, 480.0)


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


def _overview() -> list[Styled]:
    """Return what `status` shows of some connections, an hour after the start."""
    wrong_key = Failure(origin="source", type="config_error", message="The API key was rejected.")
    failed = Progress(attempt_list=[Attempt(number=1, failure=wrong_key)])
    off = SwitchedOff(reason="SCHEMA_CHANGES_ARE_BREAKING", at=_START - timedelta(days=2))
    rows = [
        _row(4181, "orders", "succeeded", 402, records=81_300, usual_seconds=410.0),
        _row(4182, "customers", "succeeded", 1510, records=12_300, usual_seconds=365.0),
        _row(4186, "web events", "running", usual_seconds=1500.0),
        _row(4187, "inventory", "pending", stuck="has not started"),
        _row(4184, "billing", "failed", 71, progress=failed, usual_seconds=140.0),
        _row(4070, "suppliers", "succeeded", 95, records=410, is_active=False, off=off),
    ]
    now = _START + timedelta(hours=1)
    return overview_lines(rows, every=len(rows), now=now, screen=replace(_SCREEN, width=_WIDTH))


def _row(
    number: int,
    name: str,
    status: str,
    seconds: int | None = None,
    *,
    records: int | None = None,
    is_active: bool = True,
    **more: Any,  # noqa: ANN401  # a shorthand
) -> OverviewRow:
    end = _START + timedelta(seconds=seconds) if seconds else None
    job = replace(_job(number, name, status), ended_at=end, records_synced=records)
    connection = Connection(id=name, name=name, status="active" if is_active else "inactive")
    return OverviewRow(connection=connection, job=job, **more)


def render() -> Mapping[str, str]:
    """Return the pictures as SVG, by their names."""
    scene = _play()
    live = draw(scene.board, Frame(_SCREEN, _WIDTH, 24, scene.at + 2))
    return {
        "live-view": _picture("run --tag nightly", live, "live-view"),
        "status": _picture("status", _overview(), "status"),
    }


def _picture(command: str, lines: Sequence[Styled], name: str) -> str:
    console = Console(
        file=io.StringIO(),
        record=True,
        width=_WIDTH,
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text(f"$ airbyte-sync {command}", "bold"))
    for line in lines:
        console.print(
            Text.from_ansi(line.paint(_SCREEN)), no_wrap=True, overflow="ignore", crop=False
        )
    svg = console.export_svg(title="airbyte-sync", unique_id=name)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from the network
    svg = svg.replace(
        "<svg ", '<svg xml:space="preserve" ', 1
    )  # some viewers trim non-breaking spaces
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    for name, picture in render().items():
        Path(__file__).with_name(f"{name}.svg").write_text(picture, encoding="utf-8")
