"""From what was typed to policies: how to start, and how long to wait."""

from airbyte_sync_cli.airbyte.models import JobType
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.durations import parse_duration, parse_moment
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
        timeout=parse_duration(timeout, name="--timeout") or None,
        start_timeout=_optional_duration(start_timeout, name="--start-timeout"),
        poll_interval=_poll_interval(poll_interval),
        max_outage=parse_duration(max_outage, name="--max-outage"),
    )


def trigger_policy(
    *, job_type: JobType, if_running: IfRunning, since: str | None
) -> TriggerPolicy:
    """Read how to start. Raises UsageError."""
    return TriggerPolicy(
        job_type=job_type,
        if_running=if_running,
        since=None
        if since is None
        else parse_moment(since, name="--since", now=SystemClock().now()),
    )


def _optional_duration(text: str | None, *, name: str) -> float | None:
    return None if text is None else parse_duration(text, name=name) or None


def _poll_interval(text: str) -> float | None:
    if text.strip().lower() == "auto":
        return None
    return max(parse_duration(text, name="--poll-interval"), _SHORTEST_POLL)
