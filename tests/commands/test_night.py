"""Ten bad nights: the log of the task alone tells the cause and the cure."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from airbyte_sync_cli.sandbox import Fault, Sandbox, SandboxConfig
from tests.support.core import START, script
from tests.support.night import Night

APPLICATION = {
    "AIRBYTE_CLIENT_ID": "sandbox-client-id",
    "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
}


def a_night(
    life: str = "running 600, succeeded",
    *,
    connection: dict[str, object] | None = None,
    options: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    faults: tuple[str, ...] = (),
    auth: str = "none",
    **more: object,
) -> Night:
    orders = {"name": "orders", "jobs": [script(life, **more)], **(connection or {})}
    config = {"start": START, "auth": auth, "connections": [orders]}
    sandbox = Sandbox(SandboxConfig.model_validate(config))
    for fault in faults:
        sandbox.faults.add(Fault.model_validate(fault))
    return Night(sandbox, options or {}, environ or {})


def wrong_password() -> Night:
    message = 'FATAL: password authentication failed for user "airbyte"'
    failure = {"type": "config_error", "message": message, "retryable": False}
    return a_night("pending 20, running 30, failed", failure=failure)


def expired_key() -> Night:
    environ = {**APPLICATION, "AIRBYTE_CLIENT_SECRET": "the-one-of-last-year"}
    return a_night(auth="client-credentials", environ=environ)


def out_of_memory() -> Night:
    message = "Source process exited with non-zero exit code 137"
    failure = {"message": message, "internal_message": "java.lang.OutOfMemoryError: Java heap"}
    logs = [{"message": "Heap usage is at 97 %", "level": "warn", "source": "source"}]
    return a_night(
        "running 300, incomplete 30, running 300, failed",
        failure=failure,
        retry_failure=failure,
        logs=logs,
    )


def schema_change() -> Night:
    connection = {
        "status": "inactive",
        "breaking_change": True,
        "disabled_reason": "SCHEMA_CHANGES_ARE_BREAKING",
    }
    return a_night(connection=connection)


def stuck_workflow() -> Night:
    return a_night(faults=("trigger:try-again-later",))


def pending_for_an_hour() -> Night:
    return a_night("pending", options={"start_timeout": "1h"})


def rate_limited_source() -> Night:
    return a_night("running 9000, succeeded", stalls_after=600, stalls_for=7200, rate_limited=True)


def destination_full() -> Night:
    message = 'could not extend file "base/16384": No space left on device'
    failure = {"origin": "destination", "message": message}
    return a_night("running 900, failed", failure=failure)


def revoked_token() -> Night:
    return a_night(
        "running 7200, succeeded",
        auth="client-credentials",
        environ=APPLICATION,
        faults=("any:status:status=401:from=900",),
    )


def server_upgrade() -> Night:
    return a_night("running 3000, succeeded", faults=("any:503:from=900:for=600",))


NIGHTS: Final[Mapping[str, tuple[Callable[[], Night], int, str, str]]] = {
    "wrong password": (
        wrong_password,
        3,
        "password authentication failed",
        "settings of the source",
    ),
    "expired key": (expired_key, 6, "client id and secret were rejected", "AIRBYTE_CLIENT_"),
    "out of memory": (
        out_of_memory,
        3,
        "OutOfMemoryError",
        "raise the memory limit of the source",
    ),
    "schema change": (schema_change, 11, "schema", "review"),
    "stuck workflow": (stuck_workflow, 8, "nothing is running", "save it again in the UI"),
    "pending for an hour": (pending_for_an_hour, 5, "still pending after --start-timeout", "pods"),
    "rate-limited source": (
        rate_limited_source,
        0,
        "the source is rate-limited",
        "until 2026-01-01 02:10:00 UTC",
    ),
    "destination full": (destination_full, 3, "No space left", "make room in the destination"),
    "revoked token": (
        revoked_token,
        12,
        "the job cannot be read",
        "check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET",
    ),
    "server upgrade": (server_upgrade, 0, "Airbyte is unreachable", "reachable again after 10m"),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_log_of_the_task_has_cause_and_cure(name: str) -> None:
    night, expected, cause, cure = NIGHTS[name]

    code, told = night().in_a_pipe()

    assert code == expected, told
    assert cause in told
    assert cure in told


def test_night_on_a_terminal_leaves_cause_cure_and_summary() -> None:
    code, told = wrong_password().on_a_terminal()

    assert code == 3
    assert "why    FATAL: password authentication failed" in told
    assert "correct the settings of the source first" in " ".join(told.split())
    assert "failed\x1b[0m  orders  job 1" in told
