"""Which connection a request is about, for faults that hit one connection only."""

from airbyte_sync_cli.sandbox.call import Call, whole_number
from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.refusals import NoSuchConnection, NoSuchJob, Unreadable
from airbyte_sync_cli.sandbox.world import World


def connection_of(call: Call, world: World) -> SimConnection | None:
    """Find the connection that a request names, itself or by one of its jobs."""
    try:
        return world.connection(_named(call) or _by_job(call, world))
    except (NoSuchConnection, NoSuchJob):
        return None


def _named(call: Call) -> str:
    body = _body(call)
    named = (
        call.parameters.get("id")
        or call.query.get("connectionId")
        or body.get("connectionId")
        or body.get("configId")
    )
    return str(named or "")


def _by_job(call: Call, world: World) -> str:
    body = _body(call)
    named = call.parameters.get("job_id") or body.get("id") or body.get("jobId")
    job_id = whole_number(str(named or ""))
    return "" if job_id is None else world.job(job_id).connection_id


def _body(call: Call) -> dict[str, object]:
    try:
        return call.json()
    except Unreadable:
        return {}
