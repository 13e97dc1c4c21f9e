"""What the rest of the program may ask of Airbyte, whichever API answers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from airbyte_sync_cli.airbyte.models import (
    ClockAhead,
    Connection,
    Failure,
    Job,
    JobType,
    LogLine,
    Progress,
    Workspace,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The trigger was answered with a job: ours only if its id is newer than the baseline."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicted:
    """The trigger got a 409, which proves nothing by itself.

    `says_running`: in words, a sync is running already, so nothing of ours was started.
    Otherwise (`state-conflict`) the start signal may have been given.
    """

    words: str
    says_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """The trigger most likely reached nobody: connection refused, 503, 429."""

    words: str
    hint: str | None = None
    unsent: bool = False
    """True where not a byte of the request was sent."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost:
    """Anything but a clean yes or no: timeout, dropped connection, 408, 5xx, HTML."""

    words: str


_T = TypeVar("_T")
ReadLog = Callable[[AsyncIterator[LogLine]], Awaitable[_T]]
"""Reads the lines of a log as they arrive."""

TriggerAnswer = Started | Conflicted | Undelivered | AnswerLost
"""A clean no is raised: DeniedError, NotFoundError, RejectedError, ProtocolError."""


PATIENCE: Final = 15.0
"""Seconds that a read may spend on its own safe repeats, where nobody says otherwise: a server
that restarts is met halfway."""


class Airbyte(Protocol):
    """An Airbyte server.

    Reads raise UnavailableError for what may pass, and another AirbyteSyncError for what
    will not. `patience` is how many seconds a read may spend on its own safe repeats.
    """

    async def connection(self, connection_id: str, *, patience: float = PATIENCE) -> Connection:
        """Read one connection. Raises NotFoundError where there is none."""
        ...

    @property
    def clock_ahead(self) -> ClockAhead | None:
        """How far Airbyte's clock is ahead of ours; None before any answer told the time."""
        ...

    async def connections(
        self, *, workspace_id: str | None = None, patience: float = PATIENCE
    ) -> Sequence[Connection]:
        """Read all connections that may be seen, every page of them.

        A workspace, given by id or exact name, narrows them. Raises NotFoundError for a name
        that none or several have.
        """
        ...

    async def workspaces(self, *, patience: float = PATIENCE) -> Sequence[Workspace]:
        """Read all workspaces that may be seen."""
        ...

    async def with_names(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Add the names of sources and destinations, as far as they can be learned."""
        ...

    async def job(self, job_id: int, *, patience: float = PATIENCE) -> Job:
        """Read one job. Raises NotFoundError where there is none."""
        ...

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int = 20,
        status: str | None = None,
        patience: float = PATIENCE,
        skip_unreadable: bool = False,
    ) -> Sequence[Job]:
        """Read a connection's jobs of every type, newest first.

        Raises ProtocolError for a list with a row whose id cannot be read: it may be the newest
        job, or an active one. `skip_unreadable` is for lists that are only shown.
        """
        ...

    async def with_attempts(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Add how many attempts each job of one connection has had, as far as can be learned."""
        ...

    async def trigger(
        self, connection_id: str, job_type: JobType, *, still_wanted: Callable[[], bool]
    ) -> TriggerAnswer:
        """Ask for one job, once: this is never repeated on its own.

        `still_wanted` is asked when the connection stands, right before the request leaves; if
        it is not, the answer is `Undelivered`, surely.
        """
        ...

    async def cancel(self, job_id: int) -> None:
        """Ask to cancel. Airbyte cancels the *connection's* active job: look before."""
        ...

    async def was_started_by_hand(self, job_id: int) -> bool:
        """Return True where Airbyte has recorded that a person or a client started the job.

        False proves nothing: servers before 2.0 tell nobody, others only some time later.
        """
        ...

    async def progress(self, job_id: int) -> Progress | None:
        """Read live numbers, attempts and failure; None where the Config API is out of reach."""
        ...

    async def failure(self, job: Job) -> Failure | None:
        """Find out why a job failed; None where that cannot be learned."""
        ...

    async def attempts(self, job_id: int) -> int:
        """Tell how many attempts have begun; Config API only."""
        ...

    async def logs(self, job_id: int, *, attempt: int, read: ReadLog[_T]) -> _T:
        """Have `read` what an attempt (from 1) has logged so far, all of it; Config API only.

        The lines are not kept: there can be a million. Returns what `read` does, which starts
        again where an answer broke off.
        """
        ...

    def job_url(self, connection: Connection | None, job_id: int | None) -> str | None:
        """Tell the address of the job (or connection) in the web UI, where it can be known."""
        ...
