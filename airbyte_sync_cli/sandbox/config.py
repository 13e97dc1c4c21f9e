"""What a sandbox is made of: the same model for Python, for a scenario file, for options."""

import uuid
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from airbyte_sync_cli.sandbox.connection import ConnectionStatus, Schedule
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.script import RESET_SCRIPT, JobScript, Model
from airbyte_sync_cli.sandbox.versions import LATEST, quirks_of

AuthMode = Literal["none", "basic", "client-credentials"]


def _check_version(text: str) -> str:
    quirks_of(text)
    return text


def _check_schedule(text: str) -> str:
    Schedule.parse(text)
    return text


def _check_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a UUID") from None


class ConnectionConfig(Model):
    """A connection as a scenario file describes it."""

    name: str
    id: Annotated[str, AfterValidator(_check_id)] | None = None
    """A UUID; without it, one that follows from the name."""
    workspace: str = "Default"
    status: ConnectionStatus = "active"
    schedule: Annotated[str, AfterValidator(_check_schedule)] = "manual"
    """`manual`, `every 24 hours` or `cron 0 0 0 * * ?`: what it says, not what it does."""
    starts_every: float | None = Field(default=None, gt=0)
    """It starts a job by itself every so many simulated seconds."""
    starts_after: float | None = Field(default=None, ge=0)
    """The first of these jobs; without it, one period after the beginning."""
    tags: tuple[str, ...] = ()
    streams: tuple[str, ...] = Field(default=("users",), min_length=1)
    source: str = "Postgres"
    destination: str = "Warehouse"
    jobs: tuple[JobScript, ...] = Field(default=(JobScript(),), min_length=1)
    """One script per sync job; the last one repeats."""
    reset: JobScript = RESET_SCRIPT
    history: tuple[JobScript, ...] = ()
    """Jobs that are over when the sandbox starts, oldest first, an hour apart."""
    workflow_deleted: bool = False
    can_refresh: bool = True


class SandboxConfig(Model):
    """A whole sandbox. Everything has a default; without connections it is empty."""

    airbyte_version: Annotated[str, AfterValidator(_check_version)] = LATEST
    speed: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Simulated seconds per second."""
    start: AwareDatetime | None = None
    """The simulated time at the beginning; None is now."""
    auth: AuthMode = "none"
    username: str = "airbyte"
    password: str = "password"  # noqa: S105  # Airbyte's own well-known default
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105  # opens nothing but a sandbox
    token_lifetime: float | None = Field(default=None, gt=0)
    """Real seconds; None is the version's own."""
    admin: bool = True
    """Whether the caller is an instance admin; others get 403 where admins get 404 or 409."""
    public_root: str = "/api/public/v1"
    """Cloud and the old api-server have `/v1`."""
    config_root: str = "/api/v1"
    public_threads: int | None = Field(default=None, ge=1)
    """So many requests of the Public API are worked on at once, the others wait; None is no
    limit. A self-managed Airbyte has 5, and before 2.2 a trigger holds one until its job runs."""
    page_overlap: int = Field(default=0, ge=0)
    """Public lists: pages after the first repeat so many rows, as has been seen in the wild."""
    connections: tuple[ConnectionConfig, ...] = ()
    faults: tuple[Fault, ...] = ()
