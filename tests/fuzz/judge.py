"""Compare what happened with what the program promises. The sandbox's record is the truth.

What Airbyte's API makes undecidable is a *limit*: it is counted, and named in
`docs/exactly-one-job.md`. Anything else is a *fault*.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import SimJob
from tests.fuzz.play import Played
from tests.fuzz.process import Left
from tests.fuzz.wire import Sent

Kind = Literal[
    "false success",
    "wrong verdict",
    "orphan",
    "second job",
    "other job cancelled",
    "other job claimed",
    "wrong message",
    "disagreement",
    "too slow",
    "hang",
    "bug",
]
Limit = Literal[
    "started in the same moment",
    "claimed within the search",
    "arrived after the search",
    "arrived after the death",
    "cleared in the same moment",
    "delivered though rejected",
]
LIMITS: Final[dict[Limit, str]] = {
    "started in the same moment": "two triggers at the same moment got the same job",
    "claimed within the search": "a job started manually during the search was claimed",
    "arrived after the search": "a trigger was delivered after the search for its job had ended",
    "arrived after the death": "a killed process's trigger was delivered after its retry "
    "had read the jobs",
    "cleared in the same moment": "a sync began while a clear was being sent, and was "
    "cancelled by it",
    "delivered though rejected": "a gateway answered 429 or 503 but delivered the trigger, "
    "and its job was not seen in time",
}

_MOMENT: Final = 1.0
"""Seconds: what happens so shortly before a trigger leaves can be overlooked. See `_FRESH`."""
_SEARCHES: Final = {"503": 5.0, "429": 5.0, "409": 30.0}
_SEARCH: Final = 75.0
"""Seconds for which a job is looked for after each answer of a trigger. See `TriggerPolicy`."""
_CLAIMED: Final = 90.0
"""Seconds after a lost answer in which a job that is only found may be called ours."""
_INTERRUPTED: Final = 5.0
_OUT_OF_TIME: Final = 40.0
"""Seconds from a signal, and from a deadline, to the end: 30 to find and cancel a job, and 10 to
ask why it failed."""
SLACK: Final = 5.0
"""Seconds by which `--since` may count a job of before: Airbyte has whole seconds."""
_ADMITS: Final = re.compile(r"\bmay\b|under way|shown up|unconfirmed|lost", re.IGNORECASE)
_DENIES: Final = re.compile(r"(nothing|no (sync|job)) (was|has been|were) started", re.IGNORECASE)
_NAMES: Final = {
    "sync": "sync",
    "reset_connection": "reset",
    "clear": "clear",
    "refresh": "refresh",
}
_SAME_AS_ASKED: Final = {
    "sync": {"sync", "refresh"},
    "clear": {"clear", "reset"},
    "refresh": {"refresh"},
}
"""Which types of job do what was asked for: a refresh loads the data, too."""
_BY_STATUS: Final = {"succeeded": 0, "failed": 3, "cancelled": 4}


@dataclass(frozen=True)
class Finding:
    """A broken promise; `limit` where no client could have known better."""

    kind: Kind
    who: str
    words: str
    limit: Limit | None = None

    def __str__(self) -> str:
        return f"{self.limit or self.kind}: {self.who}: {self.words}"


def judge(played: Played) -> list[Finding]:
    """Find everything that broke a promise."""
    judge = _Judge(played)
    return [finding for left in played.lefts for finding in judge.all(left)]


def faults(played: Played) -> list[Finding]:
    """Find what broke a promise and could have been known."""
    return [finding for finding in judge(played) if finding.limit is None]


class _Judge:
    def __init__(self, played: Played) -> None:
        self._played = played
        self._jobs = played.jobs

    def all(self, left: Left) -> Iterator[Finding]:
        """Judge one process."""
        yield from self._second_jobs(left)
        yield from self._cancels(left)
        if left.signal == "HUNG":
            yield Finding("hang", left.name, "it had not ended within four hours")
        if left.code is None or left.signal == "HUNG":
            return
        yield from self._form(left)
        if left.code == ExitCode.BUG:
            yield Finding("bug", left.name, left.stderr[-2000:])
            return
        if left.stdout:
            yield from self._verdict(left)
            yield from self._words(left)
            yield from self._orphans(left)
        yield from self._time(left)

    # -- the ending ----------------------------------------------------------------------------

    def _form(self, left: Left) -> Iterator[Finding]:
        try:
            report = left.report
        except (ValueError, IndexError):
            yield Finding("disagreement", left.name, f"no JSON on stdout: {left.stdout!r}")
            left.stdout = ""
            return
        if report["exit_code"] != left.code:
            words = f"exit {left.code}, but {report['exit_code']} in the JSON"
            yield Finding("disagreement", left.name, words)
        codes = [sync["exit_code"] for sync in report["syncs"]]
        if codes and codes != [left.code]:
            yield Finding("disagreement", left.name, f"exit {left.code}, but its sync {codes}")
        if (left.code in {0, 99}) != (report["error"] is None):
            words = f"exit {left.code} with the error {report['error']}"
            yield Finding("disagreement", left.name, words)

    def _verdict(self, left: Left) -> Iterator[Finding]:
        sync = self._sync(left)
        job = self._job(sync.get("job_id"))
        if self._is_wait(left) and job is None:
            if left.code == 0:
                yield Finding("false success", left.name, f"waited for job {sync.get('job_id')}")
            return
        if sync.get("job_id") is not None and job is None:
            yield Finding("disagreement", left.name, f"job {sync['job_id']} does not exist")
            return
        if job is not None:
            yield from self._status(left, job, sync)
        if self._is_wait(left) and job is not None:
            if left.code == 0 and self._at_end(job, left) != "succeeded":
                yield Finding("false success", left.name, f"waited for {job}")
            return
        if left.code == 0:
            yield from self._success(left, job)
        if job is not None and not sync["adopted"] and not self._asked(job, left):
            yield self._claim(left, job)

    def _status(self, left: Left, job: SimJob, sync: dict[str, object]) -> Iterator[Finding]:
        truth, told = self._at_end(job, left), str(sync["status"])
        if told in _BY_STATUS and told != truth:
            yield Finding("wrong verdict", left.name, f"job {job.id} is {truth}, told as {told}")
        if left.code in {3, 4} and left.code != _BY_STATUS.get(truth):
            yield Finding("wrong verdict", left.name, f"exit {left.code}: job {job.id} is {truth}")
        cancel = sync["cancel"]
        if isinstance(cancel, dict) and cancel["confirmed"] and truth != "cancelled":
            yield Finding("wrong verdict", left.name, f"cancel of {truth} job {job.id} confirmed")
        cancels = [each for each in left.sent if each.is_cancel]
        senders = {f"{left.name}#{each.number}" for each in cancels}
        sent = any(each.by in senders for each in job.cancelled_by)
        if sent and sync["adopted"] and not self._asked(job, left):
            yield Finding(
                "other job cancelled", left.name, f"job {job.id} is adopted, yet cancelled"
            )

    def _success(self, left: Left, job: SimJob | None) -> Iterator[Finding]:
        if job is None:
            yield Finding("false success", left.name, "no job is named")
        elif self._is_trigger(left):
            return
        elif self._at_end(job, left) != "succeeded":
            words = f"job {job.id} is {self._at_end(job, left)}"
            yield Finding("false success", left.name, words)
        elif not self._is_as_asked(left, job):
            yield Finding("false success", left.name, f"job {job.id} is a {_NAMES[job.type]}")
        elif not self._counts(left, job):
            words = f"job {job.id}, created at {self._played.born(job):.2f}, does not count"
            yield Finding("false success", left.name, words)

    def _counts(self, left: Left, job: SimJob) -> bool:
        """Whether a job's success is one of this run: its data are not older than it."""
        process = self._played.process(left)
        if self._asked(job, left):
            return True
        if process.counts_since and self._played.born(job) >= process.at - SLACK:
            return True
        if self._played.age(job.runs_at) >= left.began:
            return True
        return process.if_running == "attach" and self._played.age(job.ends_at) >= left.began

    def _claim(self, left: Left, job: SimJob) -> Finding:
        """Return whether another client's job could be recognised as such."""
        words = f"job {job.id} was asked for by {job.asked_by or 'the schedule'}"
        return Finding(
            "other job claimed", left.name, words, limit=self._excuse_of_claim(left, job)
        )

    def _excuse_of_claim(self, left: Left, job: SimJob) -> Limit | None:
        """By elimination a job is ours that began by hand while ours was being looked for."""
        born, ended = self._played.born(job), left.ended or 0.0
        windows = [
            (sent.at - _MOMENT, (ended if sent.ended_at is None else sent.ended_at) + _CLAIMED)
            for sent in left.sent
            if sent.is_trigger and sent.outcome not in {"429", "503"}
        ]
        within = any(begin <= born <= end for begin, end in windows)
        return "claimed within the search" if within and job.asked_by else None

    # -- no job is lost, none doubled ------------------------------------------------------------

    def _second_jobs(self, left: Left) -> Iterator[Finding]:
        """One run makes one job, and so does a chain while that one succeeds or goes on."""
        ours = [
            (job, sent) for job in self._jobs if (sent := self._started(job, left, chain=True))
        ]
        for (first, by), (second, then) in pairwise(ours):
            if not (self._is_as_asked(left, first) and self._is_as_asked(left, second)):
                continue
            if self._whose(second) != left.name:
                continue
            born = self._played.born(first)
            over = self._played.status(first, then.at)
            retried = self._whose(first) != left.name
            if retried and born < then.at - _MOMENT and over in {"failed", "cancelled"}:
                continue
            words = (
                f"job {first.id} (born at {born:.2f}, {over}), "
                f"then {second.id} by the trigger sent at {then.at:.2f}"
            )
            limit = self._excuse_of_second(left, first, by, then)
            limit = limit or self._excuse_if_late(second, then)
            yield Finding("second job", left.name, words, limit=limit)

    def _excuse_of_second(self, left: Left, first: SimJob, by: Sent, then: Sent) -> Limit | None:
        born = self._played.born(first)
        if self._whose(first) != left.name:
            return "arrived after the death" if born > then.at - _MOMENT else None
        return self._excuse_if_late(first, by) if born > then.at - _MOMENT else None

    def _excuse_if_late(self, job: SimJob, by: Sent) -> Limit | None:
        """A gateway may deliver a trigger after everybody has stopped looking for its job."""
        if by.outcome in {"429", "503"}:
            return "delivered though rejected"
        if by.ended_at is None:
            return None
        searched_until = by.ended_at + self._search_after(by) - _MOMENT
        late = self._played.born(job) > searched_until
        return "arrived after the search" if late else None

    def _orphans(self, left: Left) -> Iterator[Finding]:
        """Whatever we started and goes on is named, or said to be possible."""
        named = self._sync(left).get("job_id")
        for job in self._jobs:
            if self._started(job, left) is None or job.id == named:
                continue
            born, ended = self._played.born(job), left.ended or 0.0
            goes_on = born > ended or self._played.status(job, ended) not in _BY_STATUS
            told = re.search(rf"\bjob {job.id}\b", left.words) or _ADMITS.search(left.words)
            if goes_on and not told:
                words = f"job {job.id}, born at {born:.2f}, is not named (exit {left.code})"
                yield Finding("orphan", left.name, words, limit=self._excuse_of_orphan(left, job))

    def _excuse_of_orphan(self, left: Left, job: SimJob) -> Limit | None:
        by = self._started(job, left)
        taken = self._job(self._sync(left).get("job_id"))
        if taken is not None and not self._asked(taken, left):
            return self._excuse_of_claim(left, taken)
        return None if by is None else self._excuse_if_late(job, by)

    def _words(self, left: Left) -> Iterator[Finding]:
        """Nobody is told that nothing was started where something was."""
        ours = [
            job for job in self._jobs if self._started(job, left) and self._is_as_asked(left, job)
        ]
        denied = _DENIES.search(left.words)
        if ours and (denied or left.code == ExitCode.UNAVAILABLE):
            words = f"exit {left.code}, {denied and denied[0]!r}, but job {ours[0].id} was started"
            limit = self._excuse_of_orphan(left, ours[0])
            yield Finding("wrong message", left.name, words, limit=limit)

    # -- theirs ----------------------------------------------------------------------------------

    def _cancels(self, left: Left) -> Iterator[Finding]:
        """What we did not start is never cancelled by us."""
        for job in self._jobs:
            for cancel in job.cancelled_by:
                who, _, number = cancel.by.partition("#")
                if who != left.name or not cancel.took_effect or self._started(job, left):
                    continue
                sent = left.sent[int(number) - 1]
                words = f"job {job.id} of {job.asked_by or 'the schedule'}, by {sent.path}"
                limit = self._excuse_of_cancel(left, job, sent)
                yield Finding("other job cancelled", left.name, words, limit=limit)

    def _excuse_of_cancel(self, left: Left, job: SimJob, sent: Sent) -> Limit | None:
        if sent.is_trigger:  # a clear, which ends what runs
            return (
                "cleared in the same moment"
                if self._played.born(job) > sent.at - _MOMENT
                else None
            )
        if self._asked(job, left):
            return "started in the same moment"
        return self._excuse_of_claim(left, job)

    # -- time ----------------------------------------------------------------------------------

    def _time(self, left: Left) -> Iterator[Finding]:
        ended = left.ended or 0.0
        if left.signalled is not None and ended - left.signalled > _INTERRUPTED:
            words = f"{ended - left.signalled:.1f} s after {left.signal}"
            yield Finding("too slow", left.name, words)
        timeout = self._played.process(left).timeout
        if timeout is not None and ended - left.began > timeout + _OUT_OF_TIME:
            words = f"{ended - left.began:.1f} s with --timeout {timeout:g}"
            yield Finding("too slow", left.name, words)

    # -- the record ----------------------------------------------------------------------------

    def _sync(self, left: Left) -> dict[str, object]:
        syncs: Sequence[dict[str, object]] = left.report["syncs"]
        return syncs[0] if syncs else {}

    def _job(self, job_id: object) -> SimJob | None:
        return next((job for job in self._jobs if job.id == job_id), None)

    def _at_end(self, job: SimJob, left: Left) -> str:
        return self._played.status(job, left.ended or 0.0)

    def _asked(self, job: SimJob, left: Left) -> bool:
        return any(caller.partition("#")[0] == left.name for caller in job.asked_by)

    def _whose(self, job: SimJob) -> str:
        return job.asked_by[0].partition("#")[0] if job.asked_by else ""

    def _started(self, job: SimJob, left: Left, *, chain: bool = False) -> Sent | None:
        """Find the request of a process (or of its chain) that made a job."""
        who = self._whose(job)
        name = left.name.partition(".")[0]
        if not (who == left.name or (chain and who.partition(".")[0] == name and "." in who)):
            return None
        sender = next(each for each in self._played.lefts if each.name == who)
        return sender.sent[int(job.asked_by[0].partition("#")[2]) - 1]

    def _is_as_asked(self, left: Left, job: SimJob) -> bool:
        return _NAMES[job.type] in _SAME_AS_ASKED[self._played.process(left).job_type]

    def _is_wait(self, left: Left) -> bool:
        return self._played.process(left).command == "wait"

    def _is_trigger(self, left: Left) -> bool:
        return self._played.process(left).command == "trigger"

    @staticmethod
    def _search_after(sent: Sent) -> float:
        return _SEARCHES.get(sent.outcome, _SEARCH)
