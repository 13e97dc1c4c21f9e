"""Why the simulated Airbyte says no. How it says so differs by API and version."""


class Refusal(Exception):  # noqa: N818  # a refusal is an answer, not an error of ours
    """The base: `message` is the server's own wording, where it shows one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AlreadyRunning(Refusal):
    """A sync runs on the connection, or a retry's backoff waits."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"A sync is already running for: {connection_id}")


class WorkflowDeleted(Refusal):
    """The connection's workflow is gone: a 409 that nothing will end."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(
            f"The connection manager workflow for connection {connection_id} is deleted, "
            "so no further operations cannot be done on it."
        )


class NotActive(Refusal):
    """The connection is inactive, locked or deprecated."""

    def __init__(self) -> None:
        super().__init__("Can only sync an active connection")


class StartTimedOut(Refusal):
    """No job id within the server's minute; the signal stays, the job may still start."""

    def __init__(self) -> None:
        super().__init__("Could not fulfill request")


class JobOverAtOnce(Refusal):
    """The job ended before the trigger was answered."""

    def __init__(self) -> None:
        super().__init__("Job is not currently running")


class NoSuchResource(Refusal):
    """Nothing of that kind (in the server's words) has that id."""

    def __init__(self, kind: str, resource_id: str) -> None:
        super().__init__(f"Could not find configuration for {kind}: {resource_id}.")
        self.kind = kind
        self.resource_id = resource_id


class NoSuchConnection(NoSuchResource):
    """No connection has that id."""

    def __init__(self, connection_id: str) -> None:
        super().__init__("STANDARD_SYNC", connection_id)


class MalformedId(Refusal):
    """Where a UUID should be there is something else."""


class NoSuchJob(Refusal):
    """No job has that id."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Could not find job with id: {job_id}")


class NotFound(Refusal):
    """Something else that is looked up by id is not there."""


class BadRequest(Refusal):
    """A parameter makes no sense."""


class Forbidden(Refusal):
    """The caller is known, and may not."""

    def __init__(self) -> None:
        super().__init__(
            "Caller does not have the required permissions to access the resource(s)."
        )


class Crash(Refusal):
    """Something that the server itself did not expect."""


class Unreadable(Refusal):
    """The body is not JSON, or a value in it is of the wrong kind."""


class MissingField(Refusal):
    """A field that must be there is missing."""

    def __init__(self, field: str) -> None:
        super().__init__("Some properties contained invalid input.")
        self.field = field


class Unprocessable(Refusal):
    """Understood and not supported: a refresh over the Public API."""
