"""Why a connection was switched off, and who cancelled a job, as far as Airbyte says so."""

import asyncio

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import bench, script

RUNNING = script("running 100, succeeded")
PAGE = "/connections/"


def rejection(state: SyncState) -> tuple[str, str]:
    assert state.exit_code is ExitCode.REJECTED
    assert state.error is not None
    return state.error.message, state.error.hint or ""


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("version", ["0.64", "1.0", "1.8", "2.0", "latest"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"disabled_reason": "TOO_MANY_FAILED_JOBS_WITH_NO_RECENT_SUCCESS"},
            (
                "Airbyte disabled it at 2025-12-31 23:00 UTC because of too many failed jobs",
                "see the failures with `airbyte-sync jobs --conn ",
            ),
        ),
        (
            {"disabled_reason": "SCHEMA_CHANGES_ARE_BREAKING", "breaking_change": True},
            ("because of a breaking change of the source's schema", "/replication"),
        ),
        ({"breaking_change": True}, ("disabled it because of a breaking change", "/replication")),
        (
            {"disabled_reason": "UNSUBSCRIBED"},
            ("because of the end of the subscri", "billing settings"),
        ),
        ({"disabled_reason": "INVALID_PAYMENT_METHOD"}, ("a billing issue", "billing settings")),
        ({"disabled_reason": "OF_A_NEW_KIND"}, ("because of OF_A_NEW_KIND", "enable it: h")),
        ({"disabled_by": "jane"}, ("jane disabled it at 2025-12-31 23:00 UTC", "enable it: http")),
        ({}, ("Airbyte syncs only active connections", "enable it in Airbyte's UI")),
    ],
)
def test_rejection_says_why_it_was_switched_off_and_what_mends_it(
    version: str, api: str, fields: dict[str, object], words: tuple[str, str]
) -> None:
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", **{"status": "inactive", **fields})  # type: ignore[arg-type]

    [state] = given.run(orders)

    message, hint = rejection(state)
    assert message.startswith(f"connection 'orders' ({orders.id}) is inactive: ")
    assert words[0] in message
    assert words[1] in hint
    assert PAGE in hint
    assert not given.sandbox.sent("trigger")


def test_locked_connection_says_its_status_reason() -> None:
    given = bench("latest")
    orders = given.sandbox.add_connection(
        "orders", status="locked", status_reason="subscription_downgraded_access_revoked"
    )

    message, _ = rejection(given.run(orders)[0])

    assert message.endswith("because of a downgrade of the subscription")


@pytest.mark.parametrize("fault", ["500", "403", "html", "hold=3600", "wrong-shape"])
def test_unreadable_reason_changes_nothing_and_costs_seconds(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", status="inactive", disabled_reason="UNSUBSCRIBED"
    )
    given.sandbox.faults.add(Fault.model_validate(f"any:{fault}:api=config"))

    message, hint = rejection(given.run(orders)[0])

    assert message.endswith("is inactive: Airbyte syncs only active connections")
    assert hint.startswith("enable it in Airbyte's UI")
    assert given.seconds <= 10


def test_signal_during_the_reason_is_not_delayed() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", status="inactive")
    given.sandbox.faults.add(Fault.model_validate("any:hold=3600:api=config"))

    [state] = given.run(orders, stop_after=1.0)

    assert given.seconds < 2
    assert state.exit_code in {ExitCode.REJECTED, ExitCode.SIGTERM}


def test_connection_that_was_enabled_and_disabled_again_has_no_old_reason() -> None:
    given = bench("2.0")
    orders = given.sandbox.add_connection("orders", status="inactive")

    message, _ = rejection(given.run(orders)[0])

    assert message.endswith("Airbyte syncs only active connections")


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("version", ["0.64", "1.8", "2.0", "latest"])
def test_cancelled_sync_names_who_cancelled_it(version: str, api: str) -> None:
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", script=RUNNING)

    def cancel() -> None:
        given.sandbox.cancel_job(given.sandbox.jobs[0], user="jane")

    [state] = given.run(orders, at=(20, cancel))

    assert state.exit_code is ExitCode.CANCELLED
    assert state.result().cancelled_by == "jane (jane@example.com)"


def test_cancel_without_effect_is_not_the_one_that_counts() -> None:
    given = bench()
    plot = script("pending 30, running 100, succeeded")
    orders = given.sandbox.add_connection("orders", script=plot)

    def cancel(user: str) -> None:
        given.sandbox.cancel_job(given.sandbox.jobs[0], user=user)

    def both() -> None:
        asyncio.get_running_loop().call_later(40, cancel, "jane")
        cancel("john")  # lost: the job is pending

    [state] = given.run(orders, at=(10, both))

    assert state.result().cancelled_by == "jane (jane@example.com)"


@pytest.mark.parametrize(
    ("version", "life"), [("latest", "running 5, cancelled"), ("0.60", "running 5, cancelled")]
)
def test_cancel_by_airbyte_or_of_an_old_version_names_nobody(version: str, life: str) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().cancelled_by) == (ExitCode.CANCELLED, None)


def test_own_cancel_is_not_asked_for() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=RUNNING)

    given.run(orders, stop_after=20)

    assert not given.sandbox.sent("events")
