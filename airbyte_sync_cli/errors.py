"""Errors with an exit code and a hint, printed as one `error:` and one `hint:` line.

A failed job is a result, not an error. These are raised if Airbyte could not be asked.
"""

from collections.abc import Mapping
from typing import ClassVar

from airbyte_sync_cli.exit_codes import ExitCode


class AirbyteSyncError(Exception):
    """The base class; subclasses set the exit code."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AirbyteSyncError):
    """An option or a setting is invalid; no request was sent."""

    exit_code = ExitCode.USAGE


class DeniedError(AirbyteSyncError):
    """401, 403, or the login page of an identity proxy."""

    exit_code = ExitCode.DENIED


class NotFoundError(AirbyteSyncError):
    """No such connection or job, or a name that several connections have."""

    exit_code = ExitCode.NOT_FOUND


class ConflictError(AirbyteSyncError):
    """A job is already running (`--if-running fail`), or Airbyte keeps returning 409."""

    exit_code = ExitCode.CONFLICT


class UnavailableError(AirbyteSyncError):
    """The API is unreachable or keeps failing (5xx, 429): temporary, so worth a retry.

    `retry_after` is the server's `Retry-After` in seconds, `status` the HTTP status, if any.
    `lasting` is True if an immediate retry cannot help, as with an untrusted certificate.
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
    """The response did not come from Airbyte's API.

    `may_pass` is True for a 404 that is not Airbyte's: a proxy sends one while its backend starts.
    """

    exit_code = ExitCode.PROTOCOL

    def __init__(self, message: str, *, hint: str | None = None, may_pass: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.may_pass = may_pass


class RejectedError(AirbyteSyncError):
    """Airbyte rejected the request; `status` is the HTTP status, if any."""

    exit_code = ExitCode.REJECTED

    def __init__(
        self, message: str, *, hint: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnknownOutcomeError(AirbyteSyncError):
    """A job exists, or may exist, but its outcome could not be read."""

    exit_code = ExitCode.UNKNOWN


class OutOfTimeError(AirbyteSyncError):
    """A time limit has passed; `limit` is its option."""

    exit_code = ExitCode.TIMEOUT

    def __init__(self, message: str, *, hint: str | None = None, limit: str = "--timeout") -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


def extra_hint(extra: str) -> str:
    """Return how to install an optional dependency."""
    return f"pip install '.[{extra}]' in a checkout of airbyte-sync"


def project_urls() -> dict[str, str]:
    """Read the project URLs of the installed package: only a package built by CI has them."""
    from importlib import metadata  # noqa: PLC0415  # slow, and only needed after a bug

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
    """An internal error. Its cause is the exception itself."""

    exit_code = ExitCode.BUG

    @classmethod
    def of(cls, cause: BaseException) -> "BugError":
        """Wrap an unexpected exception; of a group, its first one."""
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        bug = cls(f"internal error: {type(cause).__name__}: {cause}")
        bug.__cause__ = cause
        return bug
