"""The log on stderr, line by line."""

import io
import json
from datetime import timedelta

import pytest

from airbyte_sync_cli.output.log import Entry, Log
from airbyte_sync_cli.output.log_entries import LogEntries
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from tests.output.scenes import START, ManualClock, job, progress, result, snapshot

LEVELS = ("debug", "info", "warning", "error")


def log(*, verbosity: int = 0, as_json: bool = False) -> tuple[Log, io.StringIO]:
    stream = io.StringIO()
    made = Log(stream, clock=ManualClock(), verbosity=verbosity, as_json=as_json)
    return made, stream


def test_line_has_time_connection_and_job() -> None:
    written, stream = log()
    written.write(
        Entry(event="status", message="running", connection_name="orders", job_id=7, level="info")
    )

    assert stream.getvalue() == "2026-01-01T00:00:00Z [orders job=7] running\n"


@pytest.mark.parametrize(
    ("verbosity", "told_levels"),
    [(-1, LEVELS[2:]), (0, LEVELS[1:]), (1, LEVELS[1:]), (2, LEVELS)],
)
def test_verbosity_chooses_the_levels(verbosity: int, told_levels: tuple[str, ...]) -> None:
    written, stream = log(verbosity=verbosity, as_json=True)
    for level in LEVELS:
        written.write(Entry(event="log", message=level, level=level))  # type: ignore[arg-type]

    assert tuple(json.loads(line)["level"] for line in stream.getvalue().splitlines()) == (
        told_levels
    )


def test_every_json_line_has_the_same_keys() -> None:
    written, stream = log(as_json=True)
    written.write(Entry(event="status", message="ünicode", connection_name="orders", job_id=7))
    written.write(Entry(event="warning", message="odd", level="warning"))
    written.write_error("it failed", hint="look")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["status", "warning", "error", "hint"]
    assert len({tuple(line) for line in lines}) == 1


def test_control_characters_in_messages_are_removed() -> None:
    written, stream = log()
    written.write(
        Entry(event="warning", message="a\nb\x1b[31mc\x1b]0;title\x07d", level="warning")
    )

    assert stream.getvalue() == "2026-01-01T00:00:00Z warning: a b c d\n"


def test_closed_stream_is_ignored() -> None:
    written, stream = log()
    stream.close()

    written.write(Entry(event="status", message="running"))
    written.write_line("error: nobody reads this")

    assert stream.closed


@pytest.mark.parametrize(
    ("adopted", "named", "told", "more"),
    [
        (False, False, "started", ""),
        (True, False, "adopted", "; its outcome is reported, it is never cancelled"),
        (True, True, "watching", ""),
    ],
)
def test_known_job_is_started_adopted_or_watched(
    adopted: bool,  # noqa: FBT001  # cases
    named: bool,  # noqa: FBT001
    told: str,
    more: str,
) -> None:
    known = ev.JobKnown(
        sync=snapshot("orders", job=job(), adopted=adopted, url="http://a/7"),
        named=named,
    )

    entry = LogEntries().entry(known)

    assert entry is not None

    assert (entry.event, entry.message, entry.url) == (
        told,
        f"{told}: running{more}",
        "http://a/7",
    )


@pytest.mark.parametrize(
    ("verbosity", "live", "has_link"), [(0, False, True), (0, True, False), (1, True, True)]
)
def test_link_is_in_the_log_but_not_above_a_live_view(
    verbosity: int,
    live: bool,  # noqa: FBT001  # cases
    has_link: bool,  # noqa: FBT001
) -> None:
    written, stream = log(verbosity=verbosity)
    above: list[str] = []
    written.divert(above.append if live else None)

    written.write(Entry(event="started", message="started: running", url="http://a/7"))

    line = above[0] if live else stream.getvalue()
    assert line.rstrip().endswith("started: running http://a/7" if has_link else "running")


def test_error_and_hint_are_folded_without_breaking_links() -> None:
    stream = io.StringIO()
    written = Log(stream, clock=ManualClock(), verbosity=0, as_json=False, screen=Screen(width=40))

    link = "http://" + "x" * 50
    written.write_error("job 7 (orders) failed: the key was revoked", hint=f"see {link}")

    assert stream.getvalue().splitlines() == [
        "error: job 7 (orders) failed: the key",
        "       was revoked",
        f"hint: see {link}",
    ]


def test_only_changes_are_logged() -> None:
    entries = LogEntries()
    events: list[ev.Event] = [
        ev.JobKnown(sync=snapshot("orders", job=job("pending"))),
        ev.Polled(sync=snapshot("orders", job=job("pending"))),
        ev.Polled(sync=snapshot("orders", job=job("running"))),
        ev.Polled(sync=snapshot("orders", job=job("running"), progress=progress(10, 20))),
        ev.Polled(
            sync=snapshot("orders", job=job("running"), progress=progress(10, 20, attempts=2))
        ),
        ev.Polled(sync=snapshot("orders", job=job("succeeded"))),
        ev.Finished(sync=snapshot("orders"), result=result(records_synced=10)),
    ]

    lines = [entry.message for event in events if (entry := entries.entry(event))]

    assert lines == [
        "started: pending",
        "running",
        "running, attempt 2, 10 records read, 20 B",
        "succeeded, 10 records",
    ]


def test_heartbeat_counts_active_syncs_by_status() -> None:
    entries = LogEntries()
    assert entries.heartbeat() is None
    for name, status in (("a", "running"), ("b", "queued"), ("c", "running")):
        known = ev.JobKnown(sync=snapshot(name, job=job(status), adopted=True))
        entries.entry(known)

    beat = entries.heartbeat()
    assert beat is not None
    assert beat.message == "still active: 1 queued, 2 running"

    for name in "abc":
        entries.entry(ev.Finished(sync=snapshot(name), result=result()))
    assert entries.heartbeat() is None


def test_heartbeat_in_an_outage_has_the_age_of_the_status() -> None:
    entries = LogEntries()
    known = ev.JobKnown(sync=snapshot("a", job=job("running"), adopted=True))
    entries.entry(known, now=0)
    entries.entry(ev.Polled(sync=snapshot("a", job=job("running"))), now=30)
    entries.entry(
        ev.OutageBegan(sync=snapshot("a", job=job()), reason="503", seconds=1800), now=40
    )

    during = entries.heartbeat(now=330)
    entries.entry(ev.OutageEnded(sync=snapshot("a", job=job()), seconds=300), now=340)
    entries.entry(ev.Polled(sync=snapshot("a", job=job("running"))), now=340)
    after = entries.heartbeat(now=345)

    assert during is not None
    assert during.message == "still waiting: running when last read, 5m 00s ago"
    assert after is not None
    assert after.message == "still running, for 5m 45s"


def test_heartbeat_of_many_marks_stale_statuses() -> None:
    entries = LogEntries()
    for name in "abc":
        known = ev.JobKnown(sync=snapshot(name, job=job("running"), adopted=True))
        entries.entry(known, now=0)
    entries.entry(ev.OutageBegan(sync=snapshot("b", job=job()), reason="503", seconds=1800), now=1)

    beat = entries.heartbeat(now=10)

    assert beat is not None
    assert beat.message == (
        "still active: 2 running, 1 running when last read, the longest for 10s"
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            ev.BlockedBy(sync=snapshot("a"), other=job("running")),
            "still waiting for job 42 to finish, for 1m 00s",
        ),
        (ev.Triggering(sync=snapshot("a"), number=1), "still starting a job, for 1m 00s"),
        (
            ev.LookingForJob(sync=snapshot("a"), reason="502"),
            "still looking for the job, for 1m 00s",
        ),
        (
            ev.Refused(sync=snapshot("a"), seconds=120, reason="409"),
            "still retrying to start a job, for 1m 00s",
        ),
    ],
)
def test_heartbeat_without_a_job_has_the_activity(event: ev.Event, said: str) -> None:
    entries = LogEntries()
    entries.entry(event)

    beat = entries.heartbeat(now=60)

    assert beat is not None
    assert beat.message == said


def test_refusal_has_its_reason_and_the_retry_limit() -> None:
    entry = LogEntries().entry(
        ev.Refused(sync=snapshot("a"), seconds=120, reason="POST x: 409 (y)")
    )

    assert entry is not None
    assert entry.message == (
        "trigger rejected (POST x: 409 (y)), nothing is running, retrying for up to 2m 00s"
    )


def test_outage_of_many_syncs_is_logged_once() -> None:
    entries = LogEntries()
    names = ("a", "b", "c")
    events: list[ev.Event] = [
        *(ev.OutageBegan(sync=snapshot(name), reason="503", seconds=1800) for name in names),
        *(ev.OutageEnded(sync=snapshot(name), seconds=9) for name in names),
        ev.OutageBegan(sync=snapshot("b"), reason="503", seconds=1800),
    ]

    told = [entry.event for event in events if (entry := entries.entry(event))]

    assert told == ["outage", "recovered", "outage"]


def test_wait_for_another_job_says_which_and_what_follows() -> None:
    other = job("running")
    entries = LogEntries()
    blocked = ev.BlockedBy(sync=snapshot("orders"), other=other, url="http://a/42")
    entry = entries.entry(blocked, wall=START + timedelta(minutes=5))
    ended = entries.entry(ev.Unblocked(sync=snapshot("orders"), other=job("succeeded")))

    assert entry is not None
    assert (entry.message, entry.url) == (
        "waiting for job 42 of 'orders' (running, created 5m 00s ago) to finish, then starting "
        "ours",
        "http://a/42",
    )
    assert ended is not None
    assert ended.message.startswith("job 42 has ended: succeeded")
