"""The exit codes: what the program tells a shell, Airflow, and Kubernetes."""

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import Final, NamedTuple


@unique
class ExitCode(IntEnum):
    """Every way in which the program can end. Numbers are only ever added, never changed."""

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
        """The name that results use."""
        return TABLE[self].outcome


class Row(NamedTuple):
    """One row of the table in the README."""

    outcome: str
    meaning: str
    worth_retrying: str


TABLE: Final = {
    ExitCode.OK: Row("ok", "every sync succeeded (or the command did what it was asked)", ""),
    ExitCode.BUG: Row("bug", "unexpected internal error: ours", "no"),
    ExitCode.USAGE: Row("usage", "bad option or configuration; nothing was contacted", "no"),
    ExitCode.FAILED: Row(
        "failed", "a job ended `failed`", "maybe: the failure's own `retryable` is in the result"
    ),
    ExitCode.CANCELLED: Row("cancelled", "a job ended `cancelled`, not by us", "no"),
    ExitCode.TIMEOUT: Row("timeout", "`--timeout` or `--start-timeout` passed", "maybe"),
    ExitCode.DENIED: Row("denied", "401, 403, or an identity proxy's login page", "no"),
    ExitCode.NOT_FOUND: Row("not-found", "no such connection or job, or an ambiguous name", "no"),
    ExitCode.CONFLICT: Row("conflict", "already running, and told not to wait", "yes"),
    ExitCode.UNAVAILABLE: Row(
        "unavailable",
        "the API could not be reached, or kept failing (5xx, 429), and *nothing was started*",
        "yes",
    ),
    ExitCode.PROTOCOL: Row("protocol", "the answer was not Airbyte's API", "no"),
    ExitCode.REJECTED: Row(
        "rejected",
        "Airbyte refused the request (inactive, locked, deprecated or deleted connection, "
        "other 4xx)",
        "no",
    ),
    ExitCode.UNKNOWN: Row(
        "unknown",
        "a job exists (or may exist) but its outcome could not be learned within "
        "`--max-outage`; the job is named",
        "yes: with `--since` it is adopted",
    ),
    ExitCode.SUSPECT: Row(
        "suspect", "succeeded, but `--min-records` or `--verify` was not met", "maybe"
    ),
    ExitCode.SKIPPED: Row(
        "skipped", "`--if-running skip`: nothing was done (Airflow's own skip code)", ""
    ),
    ExitCode.SIGHUP: Row("interrupted", "the terminal was closed (SIGHUP)", ""),
    ExitCode.SIGINT: Row("interrupted", "interrupted by Ctrl-C (SIGINT)", ""),
    ExitCode.SIGTERM: Row("interrupted", "terminated (SIGTERM)", ""),
}
"""What each code means; the README's table is tested against it."""

BY_SIGNAL: Final = frozenset({ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM})
"""The endings that a signal causes."""


def verdict(codes: Iterable[ExitCode]) -> ExitCode:
    """Sum several endings up in one: the lowest code other than 0 and 99.

    99 only if all were skipped, 0 if nothing spoke against it.
    """
    seen = set(codes)
    problems = seen - {ExitCode.OK, ExitCode.SKIPPED}
    if problems:
        return min(problems)
    return ExitCode.SKIPPED if seen == {ExitCode.SKIPPED} else ExitCode.OK
