"""The job of ours: send triggers for it, remember what their answers leave open, find and take it.

A job is ours if a clean answer named it as a new one, or if it is the first after the baseline
and nothing but a hand could have started it (docs/exactly-one-job.md, "Ours and theirs").
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte.api import (
    AnswerLost,
    Conflicted,
    Started,
    TriggerAnswer,
    Undelivered,
)
from airbyte_sync_cli.airbyte.models import Connection, Job
from airbyte_sync_cli.errors import AirbyteSyncError, RejectedError, UnknownOutcomeError
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob, Triggering
from airbyte_sync_cli.sync.search import Search
from airbyte_sync_cli.sync.since import SAME_AS_ASKED

_RESERVED_FOR_CANCEL: Final = 1.5
"""Seconds of an interrupted process's grace that finding a job must leave for cancelling it."""


class OurJob:
    """What there may be of ours on one connection, from the first trigger until a job is taken."""

    def __init__(
        self, context: Context, case: Case, connection: Connection, *, tasks: asyncio.TaskGroup
    ) -> None:
        self._context = context
        self._case = case
        self._connection = connection
        self._tasks = tasks
        self._job_type = context.policy.trigger.job_type
        self._search = Search(
            context=context, connection=connection, baseline=0, job_type=self._job_type
        )
        self._under_way: asyncio.Task[TriggerAnswer | AirbyteSyncError] | None = None
        self._is_wanted = True
        """Until we are stopped: a trigger that has not left by then never leaves."""
        self._unaccounted = False
        """Some trigger's answer leaves open whether a job was made."""
        self.may_exist = False
        """And that trigger reached Airbyte itself: an ending without the job is 12, not 9."""

    # -- triggering --------------------------------------------------------------------------

    def note_baseline(self, jobs: Sequence[Job]) -> None:
        """Remember the newest job, as long as surely none of them can be ours."""
        if not self._unaccounted:
            newest = max((job.id for job in jobs), default=0)
            self._search = replace(self._search, baseline=max(newest, self._search.baseline))

    async def trigger(self, number: int) -> TriggerAnswer:
        """Send the trigger with this number, in a turn already taken, which it gives back.

        It goes in a task of its own: whoever stops us must not lose its answer. Raises
        RejectedError and so on, where the answer is a clean no.
        """
        self._under_way = self._tasks.create_task(self._request())
        self._under_way.add_done_callback(lambda _: self._context.slots.release())
        self._context.emit(Triggering(key=self._case.key, number=number))
        await asyncio.wait({self._under_way})
        answer = self._account_for(self._under_way)
        if isinstance(answer, AirbyteSyncError):
            raise answer
        return answer

    async def _request(self) -> TriggerAnswer | AirbyteSyncError:
        try:
            return await self._context.airbyte.trigger(
                self._connection.id, self._job_type, still_wanted=lambda: self._is_wanted
            )
        except AirbyteSyncError as error:  # a clean no, kept as a value out of the task group
            return error

    def _account_for(
        self, done: "asyncio.Task[TriggerAnswer | AirbyteSyncError]"
    ) -> TriggerAnswer | AirbyteSyncError:
        """Note what an answer leaves open, in the same breath in which the request ends."""
        answer, self._under_way = done.result(), None
        match answer:
            case AnswerLost() | Started() | Conflicted(says_running=False):
                self._unaccounted = self.may_exist = True
            case Undelivered(unsent=False):
                self._unaccounted = True
            case _:
                pass
        return answer

    # -- finding and taking ------------------------------------------------------------------

    def accept(self, answer: Started) -> bool:
        """Take the job that a plain yes names, unless it had ended before: ours only if new."""
        is_new = answer.job.id > self._search.baseline
        if not is_new and answer.job.is_final:
            return False
        if not is_new:
            self._warn(f"Airbyte answered with job {answer.job.id}, which ran before: adopted")
        self.take(answer.job, adopted=not is_new)
        return True

    async def find(self, words: str | None, seconds: float) -> bool:
        """Look for so long for a job that no answer has named, and take it; `words` say why.

        Raises UnknownOutcomeError where the looks are refused though there may be one.
        """
        if words is not None:
            self._context.emit(LookingForJob(key=self._case.key, words=words))
        try:
            return self._claim(await self._search.look_for(seconds))
        except RejectedError as error:
            if self.may_exist:
                raise self.unknown(error.message) from error
            raise

    def is_among(self, jobs: Sequence[Job]) -> bool:
        """Tell whether one of these is of a trigger whose answer left that open."""
        return self._lost_among(jobs) is not None

    def take_from(self, jobs: Sequence[Job]) -> bool:
        """Take that one, if there is one."""
        return self._claim(self._lost_among(jobs))

    def _lost_among(self, jobs: Sequence[Job]) -> Job | None:
        return self._search.first_newer(jobs) if self._unaccounted else None

    def _claim(self, job: Job | None) -> bool:
        """Take a job newer than the baseline: ours only where no schedule can start one."""
        if job is None:
            return False
        by_hand = self._connection.starts_only_by_hand
        if not by_hand:
            self._warn(
                f"the trigger's answer was lost; job {job.id} is newer, but the connection's "
                "schedule could have started it: adopted, never cancelled by us"
            )
        self.take(job, adopted=not by_hand)
        return True

    def take(self, job: Job, *, adopted: bool) -> None:
        """Make this the case's job."""
        case = self._case
        case.job, case.adopted = job, adopted
        case.url = self._context.airbyte.job_url(self._connection, job.id)
        if job.type not in SAME_AS_ASKED[self._job_type]:
            self._warn(f"job {job.id} is a {job.type}, though a {self._job_type} was asked for")
        self._context.emit(
            JobKnown(key=case.key, job=job, adopted=adopted, history=case.history, url=case.url)
        )

    # -- being stopped -----------------------------------------------------------------------

    def is_open(self) -> bool:
        """Whether there may be a job of ours that we cannot name yet."""
        return self._case.job is None and (self._under_way is not None or self._unaccounted)

    async def find_now(self, grace_left: Callable[[], float]) -> None:
        """We are asked to stop: learn quickly which job our trigger made, if it made one.

        The request under way may still answer, which proves most; meanwhile the jobs are read
        where a new one could only be ours.
        """
        self._is_wanted = False
        while self.is_open() and grace_left() > _RESERVED_FOR_CANCEL:
            self._take_answer()
            if self.is_open() and (not self._under_way or self._connection.starts_only_by_hand):
                limit = min(_RESERVED_FOR_CANCEL, max(grace_left(), 0.1))
                self._claim(await self._search.glance(limit))
            if self.is_open():
                await self._context.clock.sleep(0.2)
        while self.is_open() and grace_left() > _RESERVED_FOR_CANCEL / 5:
            self._claim(await self._search.glance(max(grace_left() / 2, 0.1)))
            if self.is_open():
                await self._context.clock.sleep(0.2)
        if self.is_open():
            self._warn(
                f"a trigger for {self._connection.name!r} was under way and no job of it has "
                f"shown up yet: `airbyte-sync status --conn {self._connection.id}` tells later"
            )

    def _take_answer(self) -> None:
        """Take the answer of the trigger under way, if it has come."""
        if self._under_way is None or not self._under_way.done():
            return
        answer = self._account_for(self._under_way)
        if isinstance(answer, Started):
            self.accept(answer)

    def abandon(self) -> None:
        """Let go of a request that nobody waits for any more."""
        if self._under_way is not None:
            self._under_way.cancel()

    def unknown(self, words: str) -> UnknownOutcomeError:
        """Say that a job may exist that could not be found."""
        return UnknownOutcomeError(
            f"a sync of {self._connection.name!r} may have been started, but no new job was "
            f"found: {words.removeprefix('nothing was started: ')}",
            hint=f"see `airbyte-sync status --conn {self._connection.id}`; with --since a retry "
            "adopts it",
        )

    def _warn(self, message: str) -> None:
        self._context.warn(self._case.key, message)
