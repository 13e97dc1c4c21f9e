"""From what was typed to policies: how to start, and how long to wait."""

from datetime import datetime

from airbyte_sync_cli.airbyte.models import JobType
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.durations import parse_duration, parse_moment
from airbyte_sync_cli.settings.shown import without_value
from airbyte_sync_cli.sync.policy import IfRunning, TriggerPolicy, WaitPolicy

_SHORTEST_POLL = 0.1
"""Seconds: below that it is no waiting any more."""


def wait_policy(
    *,
    timeout: str,
    max_outage: str,
    start_timeout: str | None = None,
    poll_interval: str = "auto",
) -> WaitPolicy:
    """Read the time limits. Raises UsageError."""
    return WaitPolicy(
        timeout=_duration(timeout, name="--timeout") or None,
        start_timeout=_optional_duration(start_timeout, name="--start-timeout"),
        poll_interval=_poll_interval(poll_interval),
        max_outage=_duration(max_outage, name="--max-outage"),
    )


def trigger_policy(
    *, job_type: JobType, if_running: IfRunning, since: str | None
) -> TriggerPolicy:
    """Read how to start. Raises UsageError."""
    return TriggerPolicy(job_type=job_type, if_running=if_running, since=_moment(since))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    with without_value(text, where="--since"):
        return parse_moment(text, name="--since", now=SystemClock().now())


def _duration(text: str, *, name: str) -> float:
    with without_value(text, where=name):
        return parse_duration(text, name=name)


def _optional_duration(text: str | None, *, name: str) -> float | None:
    return None if text is None else _duration(text, name=name) or None


def _poll_interval(text: str) -> float | None:
    if text.strip().lower() == "auto":
        return None
    return max(_duration(text, name="--poll-interval"), _SHORTEST_POLL)
