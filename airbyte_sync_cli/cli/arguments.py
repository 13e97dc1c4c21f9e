"""Command line values parsed: connections, job ids, policies."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import JobType
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.durations import parse_duration, parse_moment
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings.shown import NOT_SHOWN, require_name, shown_name, without_value
from airbyte_sync_cli.settings.sources import unquoted
from airbyte_sync_cli.sync.policy import IfRunning, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.select import as_connection_id

_MOST_DIGITS: Final = 18
"""Of a job id: Airbyte counts them in 64 bits."""
_SEVERAL: Final = "name one with --conn ID or NAME, or several with --tag"
OR_LATEST_JOB: Final = "give a JOB_ID, or --conn ID or NAME for a connection's latest job"
OR_ACTIVE_JOB: Final = "give a JOB_ID, or --conn ID or NAME for a connection's active job"
"""The hints of commands that take job ids as well."""
ONE_BY_ONE: Final = "name one with --conn ID or NAME"
"""The hint of a command without `--tag`."""


def wanted_connections(
    conn: Sequence[str] | None,
    tag: Sequence[str] | None,
    environ: Mapping[str, str],
    *,
    hint: str = _SEVERAL,
) -> tuple[Sequence[str], Sequence[str]]:
    """Tell the connections and tags that are meant: options win over AIRBYTE_CONNECTION.

    Raises UsageError where nothing (with `hint`), an empty text, or half an id was given.
    """
    names, tags = list(conn or ()), list(tag or ())
    where = "--conn"
    if not names and not tags:
        names, where = _names_in(environ.get("AIRBYTE_CONNECTION", "")), "AIRBYTE_CONNECTION"
    if not names and not tags:
        raise UsageError("no connection given", hint=hint)
    if not all(text.strip() for text in [*names, *tags]):
        raise UsageError("an empty --conn or --tag", hint="is a variable in your shell not set?")
    for name in names:
        as_connection_id(require_name(name.strip(), where=where))
    for one in tags:
        require_name(one.strip(), where="--tag")
    return [name.strip() for name in names], [tag.strip() for tag in tags]


def _names_in(text: str) -> list[str]:
    """Read a JSON list, one name a line, or names with commas between them.

    Only in the last form a name can hold no comma.
    """
    text = unquoted(text)
    if text.startswith("["):
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, list) and all(isinstance(one, str) for one in found):
                return found
    separated = text.splitlines() if "\n" in text else text.split(",")
    return [part for part in separated if part.strip(" ,")]


def connections_if_any(conn: Sequence[str] | None, environ: Mapping[str, str]) -> Sequence[str]:
    """Tell the connections that are meant, where any are. Raises UsageError."""
    if not conn and not _names_in(environ.get("AIRBYTE_CONNECTION", "")):
        return []
    return wanted_connections(conn, None, environ)[0]


def one_job(
    job_id: str | None, conn: Sequence[str] | None, environ: Mapping[str, str]
) -> int | str:
    """Tell the job that is meant: its id, or the connection whose latest it is.

    Raises UsageError for neither, both, or several.
    """
    found: Sequence[int | str]
    if job_id is not None:
        found = job_numbers_alone([job_id], conn, None)
    else:
        found, _ = wanted_connections(conn, None, environ, hint=OR_LATEST_JOB)
    if len(found) > 1:
        raise UsageError("only one job at a time", hint=OR_LATEST_JOB)
    return found[0]


def job_numbers_alone(
    texts: Sequence[str], conn: Sequence[str] | None, tag: Sequence[str] | None
) -> Sequence[int]:
    """Read job ids that were given instead of connections. Raises UsageError for both."""
    if conn or tag:
        raise UsageError("job ids and connections at once", hint="give the one or the other")
    return job_numbers(texts, or_connections=True)


def job_numbers(texts: Sequence[str], *, or_connections: bool = False) -> Sequence[int]:
    """Read job ids, once each; several may stand in one text. Raises UsageError.

    `or_connections` is for a command that would take `--conn` instead.
    """
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    if not parts:
        raise UsageError("no job id given", hint="`airbyte-sync jobs --conn NAME` lists them")
    return list(dict.fromkeys(_job_number(part, or_connections=or_connections) for part in parts))


def _job_number(text: str, *, or_connections: bool) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0:
        return int(text)
    from airbyte_sync_cli.cli.help import meant_as_connections  # noqa: PLC0415  # in error only

    is_number = text.lstrip("-").isdigit()
    told = repr(text) if is_number else shown_name(text)
    raise UsageError(
        f"{told} is not a job id",
        hint=meant_as_connections([text])
        if or_connections and not is_number and told != NOT_SHOWN
        else "a job id is a positive number, as `trigger` prints it",
    )


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
