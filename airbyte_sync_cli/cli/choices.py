"""From what was typed to what is meant: policies, job ids, the connections to work on."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from airbyte_sync_cli.cli.run_options import AtTheEndOption, IfRunningOption, JobTypeOption
from airbyte_sync_cli.durations import parse_duration, parse_timestamp
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.select import as_connection_id

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


def wanted_connections(
    conn: Sequence[str] | None, tag: Sequence[str] | None, environ: Mapping[str, str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Tell the connections and tags that are meant: options win over AIRBYTE_CONNECTION.

    Raises UsageError where nothing, an empty text, or half an id was given.
    """
    names, tags = list(conn or ()), list(tag or ())
    if not names and not tags:
        names = [part for part in environ.get("AIRBYTE_CONNECTION", "").split(",") if part.strip()]
    if not names and not tags:
        raise UsageError(
            "no connection given", hint="name one with --conn ID or NAME, or several with --tag"
        )
    if not all(text.strip() for text in [*names, *tags]):
        raise UsageError("an empty --conn or --tag", hint="is a variable in your shell not set?")
    for name in names:
        as_connection_id(name.strip())
    return [name.strip() for name in names], [tag.strip() for tag in tags]


def job_numbers_alone(
    texts: Sequence[str], conn: Sequence[str] | None, tag: Sequence[str] | None
) -> Sequence[int]:
    """Read job ids that were given instead of connections. Raises UsageError for both."""
    if conn or tag:
        raise UsageError("job ids and connections at once", hint="give the one or the other")
    return job_numbers(texts)


def job_numbers(texts: Sequence[str]) -> Sequence[int]:
    """Read job ids, once each; several may stand in one text. Raises UsageError."""
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    if not parts:
        raise UsageError("no job id given", hint="`airbyte-sync jobs --conn NAME` lists them")
    return list(dict.fromkeys(_job_number(part) for part in parts))


def _job_number(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise UsageError(
        f"{text!r} is no job id", hint="a job id is a positive number, as `trigger` prints it"
    )
