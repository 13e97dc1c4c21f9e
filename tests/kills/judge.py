"""Holds a death to what the program promises. The sandbox's record is the truth."""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from tests.kills.death import Death
from tests.kills.die import HUNG, Died, Left

Broken = Literal[
    "orphan", "second job", "disagreement", "exit code", "hang", "late", "no result", "traceback"
]
GRACE: Final = 5.0
"""Seconds: Airflow goes from SIGINT over SIGTERM to SIGKILL in steps of that length."""
_DENIES: Final = re.compile(r"(nothing|no (sync|job)) (was|has been|were) started", re.IGNORECASE)


def broken(died: Died) -> list[Broken]:
    """Return which promises a death has broken."""
    return list(dict.fromkeys(_broken(died)))


def _broken(died: Died) -> Iterator[Broken]:
    last = died.retry or died.left
    if died.active and not _may_go_on(died, last):
        yield "orphan"
    if len(died.jobs) > 1:
        yield "second job"
    if HUNG in {died.left.code, last.code}:
        yield "hang"
    elif not (_is_right(died) and (died.retry is None or died.retry.code == 0)):
        yield "exit code"
    if (died.seconds or 0.0) > GRACE:
        yield "late"
    for left in (died.left, last):
        if "Traceback" in left.stderr + left.stdout and not _died_in_start(died):
            yield "traceback"
        if not all(_agrees(report, left, died) for report in left.reports):
            yield "disagreement"
    if not (_died_in_start(died) or last.code < 0 or last.reports or _shows_nothing(died.death)):
        yield "no result"


def _may_go_on(died: Died, last: Left) -> bool:
    """Whether all that goes on is named or said to be possible, and could not be cancelled."""
    is_told = set(died.active) <= _named(last) or _is_possible(last)
    if died.death.leaves and _shows_nothing(died.death):
        return True  # as it was asked to
    return is_told and (died.death.fault is not None or died.death.leaves)


def _is_right(died: Died) -> bool:
    """Whether the exit code is what became of it: the signal's, or the job's."""
    code, number = died.left.code, died.death.signal
    if died.moment == "after its end":
        return code >= 0
    if died.death.way.startswith("SIGKILL"):
        return code == -9
    if number is None:
        return code == 0
    return code == 128 + number or _died_in_start(died)


def _died_in_start(died: Died) -> bool:
    """Whether it was too young to answer a signal: while Python itself starts."""
    number = died.death.signal
    return not died.requests and number is not None and died.left.code in {-number, 1}


def _shows_nothing(death: Death) -> bool:
    """Whether no place is left in which a result could be read."""
    return death.way.startswith("disk becomes full")


def _named(left: Left) -> set[int]:
    """Return the jobs that it names: in a result, or in its log."""
    ids = {sync["job_id"] for report in left.reports if report for sync in report["syncs"]}
    return ids | {int(number) for number in re.findall(r"\bjob (\d+)", left.stderr + left.stdout)}


def _is_possible(left: Left) -> bool:
    syncs = [sync for report in left.reports if report for sync in report["syncs"]]
    return any(sync["start"] == "possible" for sync in syncs)


def _agrees(report: Any, left: Left, died: Died) -> bool:  # noqa: ANN401  # JSON
    """Whether a result is whole, and says what is true."""
    if report is None:
        return False
    if left.code >= 0 and report["exit_code"] != left.code:
        return False
    jobs, message = dict(died.jobs), (report["error"] or {}).get("message", "")
    if _DENIES.search(message) and jobs and died.retry is None:
        return False
    return all(_is_true(sync, jobs, has_retry=died.retry is not None) for sync in report["syncs"])


def _is_true(sync: Any, jobs: dict[int, str], *, has_retry: bool) -> bool:  # noqa: ANN401  # JSON
    job, status = sync["job_id"], sync["status"]
    if job is None:
        return sync["exit_code"] != 0 and (has_retry or not jobs or sync["start"] == "possible")
    if job not in jobs:
        return False
    if sync["exit_code"] == 0 and jobs[job] != "succeeded":
        return False
    if (sync["cancel"] or {}).get("confirmed") and jobs[job] != "cancelled":
        return False
    return status not in {"succeeded", "failed", "cancelled"} or jobs[job] == status
