"""Parses command line values: connections, job ids, policies. Raises UsageError."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import JobType
from airbyte_sync_cli.commands.session import Selection
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings.shown import NOT_SHOWN, require_name, shown_name, without_value
from airbyte_sync_cli.settings.sources import unquoted
from airbyte_sync_cli.sync.policy import IfRunning, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.select import as_connection_id
from airbyte_sync_cli.text import parse_duration, parse_moment

_MOST_DIGITS: Final = 18
"""Of a job id: Airbyte counts them in 64 bits."""
_SHORTEST_POLL: Final = 0.1
"""Seconds: a shorter interval would only load the server."""
_VARIABLE: Final = "AIRBYTE_CONNECTION"
OR_LATEST_JOB: Final = "pass a JOB_ID, or --conn with an id or name for a connection's latest job"
OR_ACTIVE_JOB: Final = "pass a JOB_ID, or --conn with an id or name for a connection's active job"
"""The hints of commands that take job ids as well."""
ONE_BY_ONE: Final = "select one with --conn"
"""The hint of a command without `--tag`."""


def parse_connections(
    conn: Sequence[str] | None,
    tag: Sequence[str] | None,
    environ: Mapping[str, str],
    *,
    streams: Sequence[str] = (),
    hint: str | None = "select one with --conn, or several with --tag",
) -> Selection:
    """Return the connections and tags that are named: options win over AIRBYTE_CONNECTION.

    Raises UsageError where nothing (with `hint`; None: that is fine), an empty text, or half an id
    was given.
    """
    names, tags = list(conn or ()), list(tag or ())
    where = "--conn"
    if not names and not tags:
        names, where = _names_in(environ.get(_VARIABLE, "")), _VARIABLE
    if not names and not tags and hint is not None:
        raise UsageError("no connection given", hint=hint)
    if not all(text.strip() for text in [*names, *tags]):
        raise UsageError("an empty --conn or --tag", hint="is a shell variable unset?")
    for name in names:
        # Only for its error, before any request: half an id is not looked up as a name.
        as_connection_id(require_name(name.strip(), where=where))
    for one in tags:
        require_name(one.strip(), where="--tag")
    return Selection(
        connections=[name.strip() for name in names],
        tags=[one.strip() for one in tags],
        streams=streams,
    )


def parse_streams(streams: Sequence[str] | None, *, job_type: JobType) -> Sequence[str]:
    """Return the streams that are named. Raises UsageError for an empty one, or with a sync."""
    names = list(streams or ())
    if names and job_type == "sync":
        raise UsageError(
            "--stream cannot be combined with --job-type sync: a sync moves all selected streams",
            hint="use --job-type clear or refresh, or select streams in Airbyte's UI",
        )
    for name in names:
        # Airbyte takes an empty list for all streams: a clear of nothing would clear everything.
        if not name.strip():
            raise UsageError("an empty --stream", hint="is a shell variable unset?")
        require_name(name.strip(), where="--stream")
    return [name.strip() for name in names]


def _names_in(text: str) -> list[str]:
    """Parse a JSON list, one name a line, or names with commas between them.

    Only in the last form a name can hold no comma.
    """
    text = unquoted(text)
    if text.startswith("["):
        # Not JSON: a name may begin with a bracket, such as `[EU] orders`.
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, list) and all(isinstance(one, str) for one in found):
                return found
    separated = text.splitlines() if "\n" in text else text.split(",")
    return [part for part in separated if part.strip(" ,")]


def parse_optional_connections(
    conn: Sequence[str] | None, environ: Mapping[str, str]
) -> Selection:
    """Return the connections that are named, if any."""
    return parse_connections(conn, None, environ, hint=None)


def parse_jobs_or_connections(
    job_ids: Sequence[str] | None,
    conn: Sequence[str] | None,
    tag: Sequence[str] | None,
    environ: Mapping[str, str],
    *,
    hint: str | None,
) -> Selection:
    """Return the jobs, or the connections, that are named. Raises UsageError for both."""
    if not job_ids:
        return parse_connections(conn, tag, environ, hint=hint)
    # AIRBYTE_CONNECTION is no contradiction: it may be set for every command of a container.
    if conn or tag:
        raise UsageError("job ids and --conn cannot be combined", hint="use one or the other")
    return Selection(job_ids=parse_job_ids(job_ids))


def parse_one_job(
    job_id: str | None, conn: Sequence[str] | None, environ: Mapping[str, str]
) -> int | str:
    """Return the job that is named: its id, or the connection whose latest it is.

    Raises UsageError for neither, both, or several.
    """
    job_ids = None if job_id is None else [job_id]
    found = parse_jobs_or_connections(job_ids, conn, None, environ, hint=OR_LATEST_JOB)
    named: list[int | str] = [*found.job_ids, *found.connections]
    if len(named) > 1:
        raise UsageError("only one job at a time", hint=OR_LATEST_JOB)
    return named[0]


def parse_job_ids(texts: Sequence[str]) -> Sequence[int]:
    """Return job ids, once each; several may stand in one text. Raises UsageError."""
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    if not parts:
        raise UsageError("no job id given", hint="`airbyte-sync jobs --conn NAME` lists them")
    return list(dict.fromkeys(_job_id(part) for part in parts))


def _job_id(text: str) -> int:
    # `isdigit` alone accepts `²`, which int() rejects.
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0:
        return int(text)
    from airbyte_sync_cli.cli.help import meant_as_connections  # noqa: PLC0415  # in error only

    is_number = text.lstrip("-").isdigit()
    told = repr(text) if is_number else shown_name(text)
    raise UsageError(
        f"{told} is not a job id",
        hint=meant_as_connections([text])
        if not is_number and told != NOT_SHOWN
        else "a job id is a positive number, as `trigger` prints it",
    )


def parse_wait_policy(
    *,
    timeout: str,
    max_outage: str,
    start_timeout: str | None = None,
    stall_warning: str = "0",
    poll_interval: str = "auto",
) -> WaitPolicy:
    """Parse the time limits."""
    return WaitPolicy(
        timeout=_duration(timeout, name="--timeout") or None,
        start_timeout=_optional_duration(start_timeout, name="--start-timeout"),
        stall_warning=_duration(stall_warning, name="--stall-warning") or None,
        poll_interval=_poll_interval(poll_interval),
        max_outage=_duration(max_outage, name="--max-outage"),
    )


def parse_trigger_policy(
    *, job_type: JobType, if_running: IfRunning, since: str | None, now: datetime
) -> TriggerPolicy:
    """Parse how to start; `--since 2h` counts from `now`."""
    if since is None:
        return TriggerPolicy(job_type=job_type, if_running=if_running)
    with without_value(since, where="--since"):
        moment = parse_moment(since, name="--since", now=now)
    return TriggerPolicy(job_type=job_type, if_running=if_running, since=moment)


def parse_required_streams(texts: Sequence[str] | None) -> Sequence[tuple[str, int | None]]:
    """Parse `NAME` or `NAME=N` each: N after the last `=`, as a name may have one of its own."""
    return [_required_stream(text) for text in texts or ()]


def _required_stream(text: str) -> tuple[str, int | None]:
    require_name(text.strip(), where="--require-stream")
    if not text.strip():
        raise UsageError("an empty --require-stream", hint="is a variable in your shell not set?")
    name, equals, number = text.rpartition("=")
    if not equals:
        return text.strip(), None
    number = number.strip()
    if not name.strip() or not (number.isascii() and number.isdigit()):
        raise UsageError(
            f"--require-stream {shown_name(text)}: no number of records after '='",
            hint="use NAME, or NAME=N with the least number of records",
        )
    return name.strip(), int(number)


def _duration(text: str, *, name: str) -> float:
    with without_value(text, where=name):
        return parse_duration(text, name=name)


def _optional_duration(text: str | None, *, name: str) -> float | None:
    return None if text is None else _duration(text, name=name) or None


def _poll_interval(text: str) -> float | None:
    if text.strip().lower() == "auto":
        return None
    return max(_duration(text, name="--poll-interval"), _SHORTEST_POLL)
