"""Durations and timestamps are read as people and schedulers write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.text import parse_duration, parse_moment

NOW = datetime(2026, 1, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h30m", 9000),
        ("2h 30m", 9000),
        ("2 hours 5 min", 7500),
        ("1 day", 86_400),
        ("1w", 604_800),
        ("72h", 259_200),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("1,5h", 5400),
        (" 5 Minutes ", 300),
        ("PT1H", 3600),
        ("PT1H30M", 5400),
        ("P1D", 86_400),
        ("p1dt2h", 93_600),
        ("P2W", 1_209_600),
        ("PT0.5S", 0.5),
    ],
)
def test_a_duration_may_be_written_in_many_ways(text: str, seconds: float) -> None:
    assert parse_duration(text, name="--timeout") == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-5", "+5", "5x", "30m2h", "5m5m", "1e5", "nan", "inf", "P", "PT", "P1M", "P1Y"],
)
def test_what_is_no_duration_is_told_with_the_option_and_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text, name="--timeout")

    assert caught.value.message == f"--timeout: {text!r} is not a duration"
    assert caught.value.hint == "write 90, 90s, 15m, 2h30m, or PT1H30M"


def test_a_duration_of_ages_is_a_slip() -> None:
    with pytest.raises(UsageError, match="longer than ten years"):
        parse_duration("9" * 40, name="--timeout")


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_iso_and_short_forms_mean_the_same(hours: int, minutes: int, seconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds

    assert parse_duration(f"{hours}h{minutes}m{seconds}s", name="x") == total
    assert parse_duration(f"PT{hours}H{minutes}M{seconds}S", name="x") == total


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T06:00:00Z", datetime(2026, 1, 1, 6, tzinfo=UTC)),
        ("2026-01-01 06:00:00.5+00:00", datetime(2026, 1, 1, 6, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-01T06:00:00+02:00", datetime(2026, 1, 1, 4, tzinfo=UTC)),
        ("2026-01-01T06:00", datetime(2026, 1, 1, 6, tzinfo=UTC)),
        ("20260101T060000", datetime(2026, 1, 1, 6, tzinfo=UTC)),
        (" 2026-01-01 ", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_timestamp_without_an_offset_is_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text, name="--since", now=NOW) == moment


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5x", "write 2026-01-01T06:00:00Z, or 2h for two hours ago"),
        ("yesterday", "write 2026-01-01T06:00:00Z"),
        ("2026-13-01", "write 2026-01-01T06:00:00Z"),
        ("9999-12-31T23:59:59Z", "write 2026-01-01T06:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "write 2026-01-01T06:00:00Z"),
        ("", "was the template rendered?"),
        ("None", "was the template rendered?"),
        ("{{ dag_run.start_date }}", "was the template rendered?"),
    ],
)
def test_what_is_no_timestamp_is_told_with_a_cure(text: str, hint: str) -> None:
    with pytest.raises(
        UsageError, match=r"--since: .* is neither a timestamp nor a duration"
    ) as caught:
        parse_moment(text, name="--since", now=NOW)

    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis wants it so
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001  # the same
        timezones=st.just(timezone(timedelta(hours=5, minutes=30))),
    )
)
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    assert parse_moment(str(moment), name="--since", now=NOW) == moment
    assert parse_moment(moment.isoformat(), name="--since", now=NOW) == moment


def test_seconds_since_1970_are_a_timestamp_as_for_date() -> None:
    """Schedulers name their runs after them, Kubernetes' CronJob for one."""
    assert parse_moment("@1767225600", name="--since", now=NOW) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["@", "@-5", "@1.5", "@99999999999999", "1767225600", "@\u0661"])
def test_other_numbers_are_no_timestamp(text: str) -> None:
    with pytest.raises(UsageError, match="is neither a timestamp nor a duration"):
        parse_moment(text, name="--since", now=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), (" 1 day ", 86_400), ("PT30M", 1800), ("0s", 0)]
)
def test_a_duration_with_a_unit_is_a_moment_so_long_ago(text: str, seconds: int) -> None:
    assert parse_moment(text, name="--since", now=NOW) == NOW - timedelta(seconds=seconds)


def test_a_duration_of_ages_is_no_moment() -> None:
    with pytest.raises(UsageError, match="longer than ten years"):
        parse_moment("9999w", name="--since", now=NOW)
