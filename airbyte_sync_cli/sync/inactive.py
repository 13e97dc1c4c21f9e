"""Why Airbyte would not sync a connection: what switched it off, when, and what mends it."""

from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Connection, SwitchedOff
from airbyte_sync_cli.errors import RejectedError

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_FAILURES: Final = "too many failed jobs in a row, without a recent success"
_BILLING: Final = "a billing issue"
_UNSUBSCRIBED: Final = "the end of the subscription"
_DOWNGRADED: Final = "a downgrade of the subscription"
_SCHEMA: Final = "a breaking change of the source's schema"
_REASONS: Final = {
    "TOO_MANY_FAILED_JOBS_WITH_NO_RECENT_SUCCESS": _FAILURES,
    "ONLY_FAILED_JOBS_RECENTLY": _FAILURES,
    "TOO_MANY_CONSECUTIVE_FAILED_JOBS_IN_A_ROW": _FAILURES,
    "SCHEMA_CHANGES_ARE_BREAKING": _SCHEMA,
    "DISABLE_CONNECTION_IF_ANY_SCHEMA_CHANGES": "a change of the source's schema",
    "SCHEMA_CHANGE_AUTO_PROPAGATE": "a change of the source's schema",
    "CONNECTOR_NOT_SUPPORTED": "a connector version that is no longer supported",
    "INVALID_CREDIT_BALANCE": _BILLING,
    "WORKSPACE_IS_DELINQUENT": _BILLING,
    "INVOICE_MARKED_UNCOLLECTIBLE": _BILLING,
    "INVALID_PAYMENT_METHOD": _BILLING,
    "MANUALLY_LOCKED": _BILLING,
    "UNSUBSCRIBED": _UNSUBSCRIBED,
    "SUBSCRIPTION_DOWNGRADED_ACCESS_REVOKED": _DOWNGRADED,
}
"""Airbyte's reasons (ConnectionAutoDisabledReason and StatusReason) in words; older ones are from
the web app's `connectionAutoDisabledReason`."""
_PAY: Final = "settle it in Airbyte's billing settings, then enable the connection"
_MENDED_BY: Final = {
    _FAILURES: "see the failures with `airbyte-sync jobs --conn {id}`, then enable it",
    **dict.fromkeys((_BILLING, _UNSUBSCRIBED, _DOWNGRADED), _PAY),
}
_MENDED_BY_STATUS: Final = {
    "inactive": "enable it in Airbyte's UI; Airbyte disables connections that fail too often",
    "deprecated": "it was deleted; `airbyte-sync connections` lists the others",
    "locked": "locked by Airbyte, usually because of billing; see its page in Airbyte's UI",
}
"""By the status of a connection that cannot be synced, where nothing else is known."""


async def require_active(airbyte: "Airbyte", connection: Connection) -> None:
    """Raise RejectedError, with the reason, for a connection that Airbyte would not sync."""
    if connection.is_active:
        return
    off = await airbyte.switched_off(connection.id) or SwitchedOff()
    page = airbyte.job_url(connection, None)
    why = describe(off) or "Airbyte syncs only active connections"
    raise RejectedError(
        f"connection {connection.name!r} ({connection.id}) is {connection.status}: {why}",
        hint=_hint(connection, off, page),
    )


def describe(off: SwitchedOff) -> str | None:
    """Return who or what switched a connection off, and when; None where nothing is known."""
    since = f" at {off.at:%Y-%m-%d %H:%M} UTC" if off.at else ""
    cause = cause_of(off)
    if cause:
        return f"Airbyte disabled it{since} because of {cause}"
    if off.by:
        return f"{off.by} disabled it{since}"
    return f"it was disabled{since}" if since else None


async def describe_breaking_change(airbyte: "Airbyte", connection: Connection) -> str | None:
    """Return a warning for an active connection whose source's schema has changed too much."""
    off = await airbyte.switched_off(connection.id)
    if off is None or not off.breaking_change:
        return None
    page = airbyte.job_url(connection, None)
    return f"{_SCHEMA} is not reviewed, Airbyte may disable it: {_schema_page(page)}"


def cause_of(off: SwitchedOff) -> str | None:
    """Return why Airbyte itself switched a connection off; None if it did not."""
    if off.reason:
        return _REASONS.get(off.reason.upper(), off.reason)
    return _SCHEMA if off.breaking_change and not off.by else None


def _hint(connection: Connection, off: SwitchedOff, page: str | None) -> str:
    cause = cause_of(off)
    if cause and "schema" in cause:
        return f"review the changes, then enable it: {_schema_page(page)}"
    mended = _MENDED_BY.get(cause or "") or ("enable it" if cause or off.by else None)
    if mended is None:
        mended = _MENDED_BY_STATUS.get(connection.status, "open it in Airbyte's UI")
    text = mended.format(id=connection.id)
    return f"{text}: {page}" if page and connection.status != "deprecated" else text


def _schema_page(page: str | None) -> str:
    """Return the connection's schema tab (routePaths.tsx)."""
    return f"{page}/replication" if page else "the Schema tab of its page in Airbyte's UI"
