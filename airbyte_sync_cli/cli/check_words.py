"""What the steps of `check` have found, in words."""

from datetime import datetime
from typing import TYPE_CHECKING

from airbyte_sync_cli.output import words
from airbyte_sync_cli.settings import BasicAuth, BearerAuth, NoAuth, Settings

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.models import Connection, Job
    from airbyte_sync_cli.airbyte.probe_http import Instance


def credentials(settings: Settings) -> str:
    """Say as whom we ask."""
    match settings.credentials:
        case NoAuth():
            own = "without credentials"
        case BasicAuth(username=username):
            own = f"as {username}, by user name and password"
        case BearerAuth():
            own = "by a ready token"
        case _:
            own = "by client id and secret, for a token"
    return own + (", through Google IAP" if settings.iap_audience else "")


def version(found: "Instance | None") -> str:
    """Say which Airbyte it is."""
    if found is None or not found.version:
        return "this server does not tell its version (Airbyte Cloud, or a gateway before it)"
    mode = f", authentication: {found.auth_mode}" if found.auth_mode else ""
    return f"Airbyte {found.version}, {found.edition or 'unknown edition'}{mode}"


def schedule_hint(connection: "Connection") -> str | None:
    """Warn of a schedule that also starts the connection."""
    if connection.starts_only_by_hand:
        return None
    schedule = connection.schedule or connection.schedule_type or "its own"
    return (
        f"it also starts by itself (schedule: {schedule}): switch it to manual in Airbyte, if "
        "only this program should start it"
    )


def latest(job: "Job | None", *, now: datetime) -> str:
    """Say how the latest job stands."""
    if job is None:
        return "none yet"
    since = job.ended_at or job.created_at
    ago = f", {words.duration((now - since).total_seconds())} ago" if since else ""
    return f"the latest is {job.id}, a {job.type}: {job.status}{ago}"
