"""Why syncs failed, block by block: written on stderr before the `error:` line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.airbyte.models import Failure
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.output import words
from airbyte_sync_cli.output.verdicts import name, phrase
from airbyte_sync_cli.sync.result import FailureResult, SyncResult

LABELLED: Final = 9
"""The column at which the text behind a label begins."""
_RETRY = {
    True: "can help, Airbyte says",
    False: "cannot help, Airbyte says: something must be changed first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureDetails:
    """What is known of an ending beyond its result."""

    error: AirbyteSyncError | None = None
    failure: Failure | None = None


def blocks(
    endings: Sequence[tuple[SyncResult, FailureDetails]], *, with_trace: bool
) -> list[list[str]]:
    """Write a block for each sync that failed, or that has an error of its own to tell."""
    alone = len(endings) == 1
    return [
        _block(sync, details, alone=alone, with_trace=with_trace)
        for sync, details in endings
        if _deserves_one(sync, details, alone=alone)
    ]


def _deserves_one(sync: SyncResult, details: FailureDetails, *, alone: bool) -> bool:
    """The error of a single sync is the `error:` line already."""
    if sync.status == "failed" or sync.failure is not None:
        return True
    return details.error is not None and not alone


def _block(
    sync: SyncResult, details: FailureDetails, *, alone: bool, with_trace: bool
) -> list[str]:
    after = f" after {words.duration(sync.duration_seconds)}" if sync.duration_seconds else ""
    tries = f", in {sync.attempts} attempts" if (sync.attempts or 0) > 1 else ""
    lines = [words.plain(f"{name(sync)} {phrase(sync)}{after}{tries}")]
    lines += [f"  {label:<6} {words.plain(text)}" for label, text in _fields(sync, details)]
    if sync.job_id is not None and not alone:  # alone, the hint says so
        lines.append(f"  log    airbyte-sync logs {sync.job_id}")
    if with_trace and details.failure is not None:
        lines += _trace(details.failure)
    return lines


def _fields(sync: SyncResult, details: FailureDetails) -> list[tuple[str, str]]:
    fields = [("why", _why(sync, details)), *_details(sync.failure)]
    if details.error is not None and details.error.hint:
        fields.append(("hint", details.error.hint))
    if sync.url and sync.job_id is not None:
        fields.append(("job", sync.url))
    return [(label, text) for label, text in fields if text]


def _why(sync: SyncResult, details: FailureDetails) -> str:
    if sync.failure is not None and sync.failure.message:
        return sync.failure.message
    if details.error is not None:
        return details.error.message
    return "Airbyte does not tell it to programs here: its page of the job does"


def _details(failure: FailureResult | None) -> list[tuple[str, str]]:
    if failure is None:
        return []
    stream = f"stream {failure.stream}" if failure.stream else None
    where = ", ".join(filter(None, [failure.origin, failure.type, stream]))
    retry = "" if failure.retryable is None else _RETRY[failure.retryable]
    return [("where", where), ("retry", retry)]


def _trace(failure: Failure) -> list[str]:
    """Keep the lines of a stack trace, but nothing that moves a cursor."""
    lines = (
        [f"  inner  {words.plain(failure.internal_message)}"] if failure.internal_message else []
    )
    if failure.stacktrace:
        lines += ["  trace"]
        lines += [f"    {words.plain(line)}" for line in failure.stacktrace.splitlines()]
    return lines
