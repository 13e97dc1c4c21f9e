"""Examples for the end of each command's help; tests/docs holds them to the commands."""

from collections.abc import Mapping, Sequence
from typing import Final

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "run": (
        'airbyte-sync run --conn "Orders to warehouse"',
        "airbyte-sync run --tag nightly --fail-fast --timeout 6h",
        'airbyte-sync run -c orders --since "2026-01-01T06:00:00Z" -o json',
        "airbyte-sync run -c orders --if-running attach --min-records 1",
    ),
    "trigger": (
        "airbyte-sync trigger --conn orders -o id",
        "airbyte-sync trigger --tag nightly --if-running skip -o json",
    ),
    "wait": ("airbyte-sync wait 42", "airbyte-sync wait 42 43 --timeout 2h -o json"),
    "status": (
        "airbyte-sync status --conn orders",
        "airbyte-sync status 42 --exit-status",
    ),
    "cancel": ("airbyte-sync cancel 42", "airbyte-sync cancel --conn orders"),
    "check": (
        "airbyte-sync check --url https://airbyte.example.com",
        "airbyte-sync check --conn orders -o json",
    ),
    "connections": (
        "airbyte-sync connections",
        "airbyte-sync connections --search postgres --tag nightly",
    ),
    "jobs": (
        "airbyte-sync jobs --conn orders",
        "airbyte-sync jobs --conn orders --limit 100 --status failed",
    ),
    "logs": (
        "airbyte-sync logs 42 --level warn",
        "airbyte-sync logs 42 --follow",
        "airbyte-sync logs --conn orders --tail 50",
    ),
    "config": (
        "airbyte-sync config show",
        "airbyte-sync config show --profile production",
    ),
    "sandbox": (
        "airbyte-sync sandbox --speed 10",
        "airbyte-sync sandbox --auth client-credentials --airbyte-version 1.8",
        "airbyte-sync sandbox --fault trigger:lost-after:times=1",
    ),
}
