"""From what was typed to policies: how to start, how long to wait, how to end."""

from typing import TypedDict

from airbyte_sync_cli.cli.run_options import AtTheEndOption, IfRunningOption, JobTypeOption
from airbyte_sync_cli.durations import parse_duration, parse_timestamp
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy

_SHORTEST_POLL = 0.1
"""Seconds: below that it is no waiting any more."""


class WaitChoices(TypedDict):
    """What was typed about time."""

    timeout: str
    start_timeout: str | None
    poll_interval: str
    max_outage: str


class TriggerChoices(TypedDict):
    """What was typed about starting."""

    job_type: JobTypeOption
    if_running: IfRunningOption
    since: str | None


class EndChoices(TypedDict):
    """What was typed about endings."""

    on_timeout: AtTheEndOption
    on_interrupt: AtTheEndOption


def wait_policy(typed: WaitChoices) -> WaitPolicy:
    """Read the time limits. Raises UsageError."""
    timeout = parse_duration(typed["timeout"], name="--timeout")
    return WaitPolicy(
        timeout=timeout or None,
        start_timeout=_optional_duration(typed["start_timeout"], name="--start-timeout"),
        poll_interval=_poll_interval(typed["poll_interval"]),
        max_outage=parse_duration(typed["max_outage"], name="--max-outage"),
    )


def trigger_policy(typed: TriggerChoices) -> TriggerPolicy:
    """Read how to start. Raises UsageError."""
    since = typed["since"]
    return TriggerPolicy(
        job_type=typed["job_type"].value,
        if_running=typed["if_running"].value,
        since=None if since is None else parse_timestamp(since, name="--since"),
    )


def run_policy(
    trigger: TriggerChoices, wait: WaitChoices, ends: EndChoices, **more: object
) -> RunPolicy:
    """Put a whole policy together; `more` are RunPolicy's plain fields. Raises UsageError."""
    return RunPolicy(
        trigger=trigger_policy(trigger),
        wait=wait_policy(wait),
        on_timeout=ends["on_timeout"].value,
        on_interrupt=ends["on_interrupt"].value,
        **more,  # type: ignore[arg-type]  # passed through from typed options
    )


def _optional_duration(text: str | None, *, name: str) -> float | None:
    return None if text is None else parse_duration(text, name=name) or None


def _poll_interval(text: str) -> float | None:
    if text.strip().lower() == "auto":
        return None
    return max(parse_duration(text, name="--poll-interval"), _SHORTEST_POLL)
