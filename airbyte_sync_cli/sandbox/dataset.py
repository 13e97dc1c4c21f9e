"""What a sandbox holds when nobody says otherwise: two workspaces with a bit of everything."""

from typing import Final

from airbyte_sync_cli.sandbox.config import ConnectionConfig
from airbyte_sync_cli.sandbox.script import Failure, JobScript


def _smooth(life: str, records: int, **more: object) -> JobScript:
    # Numbers that move at every look: nicer to watch than the real steps of ten seconds.
    fields = {"life": life, "records": records, "byte_count": records * 210, "flush_every": 1}
    return JobScript.model_validate({**fields, "commit_lag": 2, **more})


_ORDERS: Final = _smooth("pending 1, running 12, succeeded", 48_200)
_CUSTOMERS: Final = _smooth("pending 1, running 6, incomplete 3, running 8, succeeded", 9_150)
_EVENTS: Final = _smooth(
    "pending 1, queued 3, running 25, succeeded", 1_250_000, estimate=True, statistics_late=3
)
_BILLING: Final = _smooth(
    "pending 1, running 5, failed",
    640,
    failure=Failure(
        type="config_error",
        message="Invalid API key: the key was revoked. Please check the source's settings.",
        internal_message="401 Client Error: Unauthorized for url: https://billing.example.com",
        retryable=False,
    ),
)

DEMO_CONNECTIONS: Final[tuple[ConnectionConfig, ...]] = (
    ConnectionConfig(
        name="orders",
        workspace="Sales",
        tags=("nightly",),
        streams=("orders", "order_lines"),
        jobs=(_ORDERS,),
        history=(_ORDERS, _ORDERS, _ORDERS),
    ),
    ConnectionConfig(
        name="customers",
        workspace="Sales",
        tags=("nightly",),
        streams=("customers", "addresses"),
        source="Salesforce",
        jobs=(_CUSTOMERS,),
        history=(_ORDERS, _CUSTOMERS),
    ),
    ConnectionConfig(
        name="events",
        workspace="Sales",
        schedule="every 24 hours",
        streams=("page_views", "clicks", "sessions"),
        source="Kafka",
        jobs=(_EVENTS,),
        history=(_EVENTS, _EVENTS),
    ),
    ConnectionConfig(
        name="billing",
        workspace="Operations",
        schedule="cron 0 0 3 * * ?",
        tags=("finance",),
        streams=("invoices",),
        source="Stripe",
        jobs=(_BILLING,),
    ),
    ConnectionConfig(
        name="inventory",
        workspace="Operations",
        status="inactive",
        streams=("stock",),
        source="MySQL",
    ),
)
"""Their ids follow from their names, so that they are the same in every run."""
