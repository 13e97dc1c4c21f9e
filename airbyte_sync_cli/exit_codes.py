"""The exit codes, and how those of several syncs combine."""

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import Final, NamedTuple


@unique
class ExitCode(IntEnum):
    """Every exit code. Scripts depend on them: never change or reuse a number, only add."""

    OK = 0
    BUG = 1
    USAGE = 2
    FAILED = 3
    CANCELLED = 4
    TIMEOUT = 5
    DENIED = 6
    NOT_FOUND = 7
    CONFLICT = 8
    UNAVAILABLE = 9
    PROTOCOL = 10
    REJECTED = 11
    UNKNOWN = 12
    SUSPECT = 13
    SKIPPED = 99
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143

    @property
    def outcome(self) -> str:
        """The name in the JSON result (`outcome`)."""
        return TABLE[self].outcome


class Row(NamedTuple):
    """One row of the table in the documents (docs/generate.py)."""

    outcome: str
    meaning: str
    worth_retrying: str


TABLE: Final = {
    ExitCode.OK: Row("ok", "every sync succeeded (or the command completed)", ""),
    ExitCode.BUG: Row("bug", "internal error: a bug in airbyte-sync", "no"),
    ExitCode.USAGE: Row("usage", "invalid option or configuration; no request was sent", "no"),
    ExitCode.FAILED: Row(
        "failed", "a job ended as `failed`", "maybe: see `retryable` in the result"
    ),
    ExitCode.CANCELLED: Row("cancelled", "a job was cancelled in Airbyte, not by this run", "no"),
    ExitCode.TIMEOUT: Row("timeout", "`--timeout` or `--start-timeout` passed", "maybe"),
    ExitCode.DENIED: Row("denied", "401, 403, or an identity proxy's login page", "no"),
    ExitCode.NOT_FOUND: Row("not-found", "no such connection or job, or an ambiguous name", "no"),
    ExitCode.CONFLICT: Row(
        "conflict",
        "a job is already running (`--if-running fail`), or Airbyte keeps returning 409",
        "yes",
    ),
    ExitCode.UNAVAILABLE: Row(
        "unavailable",
        "Airbyte was unreachable or kept failing (5xx, 429), and *nothing was started*",
        "yes",
    ),
    ExitCode.PROTOCOL: Row("protocol", "the response did not come from Airbyte's API", "no"),
    ExitCode.REJECTED: Row(
        "rejected",
        "Airbyte rejected the request (inactive, locked, deprecated or deleted connection, "
        "other 4xx)",
        "no",
    ),
    ExitCode.UNKNOWN: Row(
        "unknown",
        "a job exists (or may exist), but its outcome could not be read within "
        "`--max-outage`; the job is named",
        "yes: with `--since` it is adopted",
    ),
    ExitCode.SUSPECT: Row(
        "suspect",
        "the job succeeded, but `--verify`, `--min-records`, `--max-rejected` or "
        "`--require-stream` was not met",
        "maybe",
    ),
    ExitCode.SKIPPED: Row(
        "skipped", "`--if-running skip`: nothing was started (99 is Airflow's skip code)", ""
    ),
    ExitCode.SIGHUP: Row("interrupted", "the terminal was closed (SIGHUP)", ""),
    ExitCode.SIGINT: Row("interrupted", "interrupted by Ctrl-C (SIGINT)", ""),
    ExitCode.SIGTERM: Row("interrupted", "terminated (SIGTERM)", ""),
}
"""The meaning of each code; the documents' tables are generated from it."""

BY_SIGNAL: Final = frozenset({ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM})
"""The codes that a signal causes."""


def verdict(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of several syncs: the lowest one other than 0 and 99.

    99 only if all were skipped; otherwise 0 if none failed. Raises ValueError without any: no
    code is not a success.
    """
    seen = set(codes)
    if not seen:
        raise ValueError("no exit codes to combine")
    problems = seen - {ExitCode.OK, ExitCode.SKIPPED}
    if problems:
        # Signals have the highest codes: a failure wins over the syncs that --fail-fast stopped.
        return min(problems)
    return ExitCode.SKIPPED if seen == {ExitCode.SKIPPED} else ExitCode.OK
