"""What the live view shows, at any size."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.output.live.view import Frame, draw
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.anomalies import History
from tests.output.scenes import START, WRONG_KEY, LiveScene, job, progress, snapshot

UNICODE, ASCII = Screen(), Screen(unicode=False)


def shown(
    scene: LiveScene, width: int = 79, height: int = 23, screen: Screen = UNICODE
) -> list[str]:
    frame = Frame(screen, width, height, scene.clock.monotonic())
    return [line.plain.rstrip() for line in draw(scene.state, frame)]


def test_nothing_is_drawn_before_the_first_event() -> None:
    assert shown(LiveScene()) == []


def test_single_sync_shows_state_bar_estimate_numbers_and_streams() -> None:
    scene = LiveScene()
    scene.begin(past=(240, 300, 360))
    streams = ("orders", "order_lines")
    scene.take(
        ev.Polled(sync=scene.sync("orders", job=job(), progress=progress(0, 0, streams=streams))),
        at=20,
    )
    scene.take(
        ev.Polled(
            sync=scene.sync("orders", job=job(), progress=progress(5000, 4096, streams=streams))
        ),
        at=60,
    )

    assert shown(scene) == [
        "● orders  job 42  running  1m 00s",
        "  ━━━━━━━━────────────────────────────────  about 3-5 min left",
        "  5,000 records  4.0 KiB  125 records/s  102 B/s",
        "  orders              5,000    4.0 KiB",
        "  order_lines         5,000    4.0 KiB",
    ]


def test_sync_without_history_has_no_estimate() -> None:
    scene = LiveScene()
    scene.begin()

    assert shown(scene) == ["● orders  job 42  running  0s"]


def test_second_attempt_is_shown_without_an_estimate() -> None:
    scene = LiveScene()
    scene.begin(past=(240, 300, 360))
    scene.take(
        ev.Polled(sync=scene.sync("orders", job=job(), progress=progress(10, 10, attempts=2))),
        at=9,
    )

    first, *rest = shown(scene)

    assert "attempt 2" in first
    assert not any("left" in line for line in rest)


def test_queued_time_does_not_count_for_the_estimate() -> None:
    scene = LiveScene()
    scene.begin(status="queued", past=(240, 300, 360))
    scene.take(ev.Polled(sync=scene.sync("orders", job=job("running"))), at=1000)
    scene.clock.at = 1060

    assert "about 3-5 min left" in shown(scene)[1]


def test_adopted_job_has_its_age_from_airbyte() -> None:
    scene = LiveScene()
    scene.clock.at = 180
    old = Job(id=7, connection_id="c", type="sync", status="running", created_at=START)
    scene.take(
        ev.JobKnown(
            sync=scene.sync(
                "job 7", job=old, adopted=True, history=History(durations=(240, 300, 360))
            )
        )
    )

    assert shown(scene) == [
        "● job 7  job 7  running  3m 00s  adopted",
        "  ━━━━━━━━━━━━━━━━━━━━━━━━────────────────  about 1-3 min left",
    ]


def test_rate_is_recent_and_falls_without_records() -> None:
    scene = LiveScene()
    scene.begin()
    scene.take(ev.Polled(sync=scene.sync("orders", job=job(), progress=progress(0, 0))), at=0)
    scene.take(ev.Polled(sync=scene.sync("orders", job=job(), progress=progress(1000, 0))), at=10)
    row = scene.state.rows["orders"]

    assert row.rates(10) == (100.0, 0.0)
    assert row.rates(60) == (100.0, 0.0)
    assert row.rates(160) == (10.0, 0.0)


def test_falling_numbers_restart_the_rate() -> None:
    scene = LiveScene()
    scene.begin()
    for at, records in ((0, 500), (10, 900), (20, 10)):
        scene.take(
            ev.Polled(sync=scene.sync("orders", job=job(), progress=progress(records, 0))), at=at
        )

    assert scene.state.rows["orders"].rates(20) is None


def test_interrupted_view_shows_how_to_quit_at_once() -> None:
    scene = LiveScene()
    scene.begin()
    scene.take(ev.Interrupted(signal="SIGINT"))

    assert shown(scene)[-1] == "SIGINT: stopping; Ctrl-C again quits at once"


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (ev.BlockedBy(sync=snapshot("orders"), other=job(number=7)), "after 7"),
        (ev.Triggering(sync=snapshot("orders"), number=1), "starting"),
        (ev.LookingForJob(sync=snapshot("orders"), reason="lost"), "looking"),
        (ev.OutageBegan(sync=snapshot("orders"), reason="503", seconds=1800), "unreachable"),
        (ev.OutageEnded(sync=snapshot("orders"), seconds=3), "not started"),
        (
            ev.Cancelling(sync=snapshot("orders", job=job()), because="--timeout passed"),
            "cancelling",
        ),
    ],
)
def test_activity_is_shown_instead_of_the_status(event: ev.Event, state: str) -> None:
    scene = LiveScene()
    scene.take(event)

    assert state in shown(scene)[0].split("  ")


def many(number: int, *, failed: int = 0, running: int = 0) -> LiveScene:
    scene = LiveScene()
    names = [f"table {i} of the warehouse" for i in range(number)]
    for name in names:
        scene.begin(name, past=(240, 300, 360))
    scene.take(ev.Planned(syncs=[scene.sync(name) for name in names]), at=60)
    for name in names[: number - failed - running]:
        scene.finish(name, records_synced=1000, bytes_synced=2048, duration_seconds=59.0)
    for name in names[number - failed :]:
        scene.finish(name, 3, failure=WRONG_KEY)
    return scene


def test_several_syncs_are_a_table_with_a_total() -> None:
    assert shown(many(3, failed=1, running=1)) == [
        "3 syncs: 1 succeeded, 1 failed, 1 running  1m 00s",
        "  connection                state         time              left     records",
        "✓ table 0 of the warehouse  succeeded      59s  ━━━━━━━━━━             1,000",
        "● table 1 of the warehouse  running     1m 00s  ━━────────  3-5 min",
        "✗ table 2 of the warehouse  failed              The API key was rejected.",
        "  total                     2/3 done            ━━━━━━━───  3-5 min    1,000",
    ]


def test_narrow_table_keeps_state_and_time_left() -> None:
    assert shown(many(3, failed=1, running=1), 40) == [
        "3 syncs: 1 succeeded, 1 failed, 1 runni…",
        "  connection         state       left",
        "✓ table 0 …arehouse  succeeded",
        "● table 1 …arehouse  running     3-5 min",
        "✗ table 2 …arehouse  failed      The AP…",
        "  total              2/3 done    3-5 min",
    ]


def test_wide_table_shows_bytes_and_rates() -> None:
    scene = many(2, running=2)
    for at, records in ((61, 0), (71, 2500)):
        event = ev.Polled(
            sync=scene.sync(
                "table 0 of the warehouse", job=job(), progress=progress(records, records * 100)
            )
        )
        scene.take(event, at=at)

    assert shown(scene, 200)[2].split()[-4:] == ["2,500", "244.1", "KiB", "250/s"]


def test_hundred_syncs_show_failed_and_active_ones_first() -> None:
    lines = shown(many(100, failed=4, running=5))

    assert len(lines) == 23
    assert [line[0] for line in lines[2:11]] == ["✗"] * 4 + ["●"] * 5
    assert lines[-2] == "  + 81 more: 81 succeeded"
    assert "95/100 done" in lines[-1]


def test_many_failures_leave_room_for_active_syncs() -> None:
    lines = shown(many(100, failed=80, running=20))

    assert sum(line.startswith("✗") for line in lines) == 9
    assert sum(line.startswith("●") for line in lines) == 10


def test_low_terminal_has_no_titles() -> None:
    lines = shown(many(3, failed=1, running=1), 79, 7)

    assert lines[1].startswith("✓ table 0")


def test_attempt_numbers_are_explained_in_the_title() -> None:
    scene = many(2, running=2)
    polled = ev.Polled(
        sync=scene.sync("table 1 of the warehouse", job=job(), progress=progress(1, 1, attempts=2))
    )
    scene.take(polled)

    _, titles, _, retried, _ = shown(scene)

    assert "state #try" in titles
    assert "running #2" in retried


def test_total_shows_the_share_done() -> None:
    scene = many(2, running=2)
    scene.take(
        ev.Polled(sync=scene.sync("table 1 of the warehouse", job=job(), progress=None)), at=150
    )

    assert "━━━━━─────" in shown(scene)[-1], "half of the usual 300 s"


def test_screen_without_unicode_gets_ascii() -> None:
    lines = shown(many(100, failed=4, running=5), 60, 20, ASCII)

    assert all(line.isascii() for line in lines)
    assert lines[2].startswith("x table")


def test_control_characters_in_names_are_removed() -> None:
    scene = LiveScene()
    scene.begin("evil\x1b[2J\nname")

    assert shown(scene)[0].startswith("● evil name")


@settings(max_examples=60)
@given(
    width=st.integers(1, 250),
    height=st.integers(1, 60),
    number=st.integers(1, 40),
    share=st.integers(0, 40),
)
def test_view_fits_any_terminal(width: int, height: int, number: int, share: int) -> None:
    failed = min(share, number)
    scene = many(number, failed=failed, running=(number - failed) // 2)

    lines = draw(scene.state, Frame(UNICODE, width, height, 60.0))

    assert len(lines) <= height
    assert all(line.width <= width for line in lines)
    assert not any(re.search(r"[\x00-\x1f]", line.plain) for line in lines)


def test_colour_of_a_state_does_not_reach_its_row() -> None:
    scene = many(2, failed=1)

    for line in draw(scene.state, Frame(UNICODE, 79, 23, 60.0))[2:4]:
        [style] = [style for text, style in line.pieces if "table" in text]
        assert style is None


def test_total_has_no_estimate_while_one_sync_is_late() -> None:
    scene = LiveScene()
    scene.begin("late", past=(10, 20, 30))
    scene.begin("punctual", past=(240, 300, 360))
    scene.take(ev.Planned(syncs=[scene.sync("late"), scene.sync("punctual")]), at=60)

    _, _, late, punctual, total = shown(scene)

    assert late.endswith("late")
    assert punctual.endswith("3-5 min")
    assert "min" not in total
