"""`Retry-After` is parsed in all its forms."""

from datetime import timedelta

import pytest

from airbyte_sync_cli.airbyte.request import read_retry_after
from tests.support.core import LoopClock
from tests.support.virtual import run


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-3", 0),
        ("1.5", 1.5),
        ("1e400", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("999999", 300),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2026 00:00:30", None),
        ("Thu, 99 Jan 2026 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_parsed_in_every_form_and_capped(text: str, seconds: float | None) -> None:
    async def work() -> float | None:
        return read_retry_after({"retry-after": text}, LoopClock())

    assert run(work()) == seconds


@pytest.mark.parametrize("ahead", [-3600.0, -30.0, 0.0, 30.0, 3600.0])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 02:00:00 GMT", 300.0),
        ("7", 7.0),
    ],
)
def test_retry_after_date_counts_from_date_of_response(
    text: str, seconds: float, ahead: float
) -> None:
    """Independently of our own clock."""
    clock = LoopClock()
    clock.skew = timedelta(seconds=ahead)
    headers = {"retry-after": text, "date": "Thu, 01 Jan 2026 00:00:00 GMT"}

    async def work() -> float | None:
        return read_retry_after(headers, clock)

    assert run(work()) == seconds


@pytest.mark.parametrize("date", ["soon", "", "Thu, 01 Jan 2026 00:00:10", "Thu, 99 Jan 2026"])
def test_retry_after_date_counts_from_our_clock_without_readable_date(
    date: str,
) -> None:
    headers = {"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT", "date": date}

    async def work() -> float | None:
        return read_retry_after(headers, LoopClock())

    assert run(work()) == 30
