"""Errors that a person can act on: each knows its exit code and what to do next.

A failed job is a result, not an error. These are for not being able to ask.
The edge (`output.boundary`) turns them into one `error:` and one `hint:` line.
"""

from collections.abc import Mapping
from typing import ClassVar

from airbyte_sync_cli.exit_codes import ExitCode


class AirbyteSyncError(Exception):
    """The base: never raised itself, always a subclass that names the ending."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AirbyteSyncError):
    """An option or a setting is wrong; nothing was contacted."""

    exit_code = ExitCode.USAGE


class DeniedError(AirbyteSyncError):
    """401, 403, or the login page of an identity proxy."""

    exit_code = ExitCode.DENIED


class NotFoundError(AirbyteSyncError):
    """No such connection or job, or a name that several connections carry."""

    exit_code = ExitCode.NOT_FOUND


class ConflictError(AirbyteSyncError):
    """Something is running already, and we were told not to wait for it."""

    exit_code = ExitCode.CONFLICT


class UnavailableError(AirbyteSyncError):
    """The API cannot be reached or keeps failing (5xx, 429): passing, so worth another try.

    `retry_after` is the server's own wish in seconds, where it sent one; `status` is HTTP's,
    where there was an answer. `lasting` is True where trying again at once is pointless,
    such as with a certificate that is not trusted.
    """

    exit_code = ExitCode.UNAVAILABLE

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        lasting: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.status = status
        self.lasting = lasting


class ProtocolError(AirbyteSyncError):
    """What answered is not Airbyte's API.

    `may_pass` is True for a 404 of somebody else: a proxy gives one while its backend starts.
    """

    exit_code = ExitCode.PROTOCOL

    def __init__(self, message: str, *, hint: str | None = None, may_pass: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.may_pass = may_pass


class RejectedError(AirbyteSyncError):
    """Airbyte understood the request and refused it; `status` is HTTP's, where there was one."""

    exit_code = ExitCode.REJECTED

    def __init__(
        self, message: str, *, hint: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnknownOutcomeError(AirbyteSyncError):
    """A job exists, or may exist, but what became of it could not be learned."""

    exit_code = ExitCode.UNKNOWN


class OutOfTimeError(AirbyteSyncError):
    """The time that the user gave is over; `limit` is the option that gave it."""

    exit_code = ExitCode.TIMEOUT

    def __init__(self, message: str, *, hint: str | None = None, limit: str = "--timeout") -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


def extra_hint(extra: str) -> str:
    """Return how to install an optional dependency."""
    return f"pip install '.[{extra}]' in a checkout of airbyte-sync"


def project_urls() -> dict[str, str]:
    """Read the addresses that the installed package carries: only one built by CI has them."""
    from importlib import metadata  # noqa: PLC0415  # slow, and needed after a bug only

    try:
        lines = metadata.metadata("airbyte-sync-cli").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return {}
    return dict(line.split(", ", 1) for line in lines if ", " in line)


def bug_hint(urls: Mapping[str, str]) -> str:
    """Return where to report a bug."""
    where = urls.get("Issues", "an issue in the repository that this program came from")
    return f"this is a bug in airbyte-sync; please report it with the traceback above: {where}"


class BugError(AirbyteSyncError):
    """Something that should not have happened: ours. Its cause is the exception itself."""

    exit_code = ExitCode.BUG

    @classmethod
    def of(cls, cause: BaseException) -> "BugError":
        """Wrap an exception that nobody expected, out of its groups."""
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        bug = cls(f"internal error: {type(cause).__name__}: {cause}")
        bug.__cause__ = cause
        return bug
