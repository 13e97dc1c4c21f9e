"""How many round trips follow each other, in virtual time: each request takes one second's tenth.

What is sent at the same time counts once, and the sandbox itself takes no time.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from airbyte_sync_cli.commands.listings import ConnectionFilter, list_connections
from airbyte_sync_cli.commands.run import run_syncs, wait_for
from airbyte_sync_cli.commands.session import Selection
from airbyte_sync_cli.commands.status import show_status
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.fuzz.loop import run
from tests.fuzz.process import START, Command, Left, Process, ProcessClock, settings_for
from tests.fuzz.wire import Sent, Wire
from tests.support.sandboxes import CONNECTION

ROUND_TRIP = 0.1
BY_ID, BY_NAME = Selection(connections=[CONNECTION]), Selection(connections=["orders"])
JOB = Selection(job_ids=[1])
FAST = RunPolicy(trigger_only=True)


def a_sandbox(
    life: str = "running 1, succeeded", *, is_over: bool = False, **fields: object
) -> Sandbox:
    """Return a sandbox at the start of virtual time, with a connection that has a job 1."""
    sandbox = Sandbox(SandboxConfig.model_validate({"start": START, **fields}))
    script = JobScript(life=life)
    past = (script,) if is_over else ()
    connection = sandbox.add_connection("orders", id=CONNECTION, script=script, history=past)
    if not is_over:
        sandbox.start_job(connection)
    return sandbox


def play(
    command: Command,
    sandbox: Sandbox,
    *,
    name: str = "status",
    api: str = "public",
    auth: bool = False,
    workspace_id: str | None = None,
) -> Left:
    """Run a command to its end; its report has the keys of the command `name`."""

    async def all_of_it() -> Left:
        left = Left("ours", 0.0)
        wire = Wire(sandbox, "ours", latency=ROUND_TRIP / 2, lines=())
        clock = ProcessClock(0.0, random.Random(0))  # noqa: S311  # no secret
        settings = replace(settings_for(api=api, auth=auth), workspace_id=workspace_id)
        await Process(wire, left, command=name, settings=settings, clock=clock).run(command)
        return left

    return run(all_of_it())


def round_trips(seconds: float | None) -> int:
    assert seconds is not None
    return round(seconds / ROUND_TRIP)


def first(left: Left, what: Callable[[Sent], bool]) -> Sent:
    return next(sent for sent in left.sent if what(sent))


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize(("api", "expected"), [("public", 2), ("config", 3)])
def test_status_of_job_takes_two_round_trips(api: str, expected: int, *, is_over: bool) -> None:
    """By the Config API three: it cannot list workspaces in one."""
    sandbox = a_sandbox(is_over=is_over)

    left = play(lambda one: show_status(one, JOB, exit_status=False), sandbox, api=api)

    [sync] = left.report["syncs"]
    assert sync["connection_name"] == "orders"
    assert [row["status"] for row in sync["streams"]] == ["complete" if is_over else "running"]
    assert (left.code, round_trips(left.ended)) == (0, expected)


@pytest.mark.parametrize("faults", [(), ("workspaces:403",), ("workspaces:500",)])
def test_status_of_job_takes_three_where_the_workspace_is_unknown(faults: Sequence[str]) -> None:
    sandbox = a_sandbox(is_over=True)
    sandbox.faults.add(*map(Fault.model_validate, faults))
    if not faults:
        sandbox.add_workspace("another")

    left = play(lambda one: show_status(one, JOB, exit_status=False), sandbox)

    assert left.report["syncs"][0]["streams"][0]["status"] == "complete"
    assert (left.code, round_trips(left.ended)) == (0, 3)


def test_status_of_job_takes_three_if_its_workspace_is_not_the_configured_one() -> None:
    elsewhere = "00000000-0000-0000-0000-000000000001"

    left = play(
        lambda one: show_status(one, JOB, exit_status=False),
        a_sandbox(is_over=True),
        workspace_id=elsewhere,
    )

    assert left.report["syncs"][0]["streams"][0]["status"] == "complete"
    assert (left.code, round_trips(left.ended)) == (0, 3)
    assert not [sent for sent in left.sent if sent.path.endswith("/workspaces")]


def test_status_of_job_without_config_api_takes_two_round_trips() -> None:
    sandbox = a_sandbox(life="succeeded", config_root="/not/here")

    left = play(lambda one: show_status(one, JOB, exit_status=False), sandbox)

    assert (left.code, round_trips(left.ended)) == (0, 2)


def test_status_by_id_takes_three_round_trips() -> None:
    left = play(lambda one: show_status(one, BY_ID, exit_status=False), a_sandbox())

    assert (left.code, round_trips(left.ended)) == (0, 3)


def test_connections_take_two_round_trips() -> None:
    listing = ConnectionFilter()
    left = play(lambda one: list_connections(one, listing), a_sandbox(), name="connections")

    assert (left.code, round_trips(left.ended)) == (0, 2)


@pytest.mark.parametrize("wanted", [BY_ID, BY_NAME])
@pytest.mark.parametrize("api", ["public", "config"])
def test_run_sends_trigger_after_two_round_trips(wanted: Selection, api: str) -> None:
    sandbox = a_sandbox(life="succeeded")

    left = play(lambda one: run_syncs(one, wanted, FAST), sandbox, api=api)

    # The Config API lists connections by workspace, and workspaces by user.
    more = 2 if api == "config" and wanted is BY_NAME else 0
    assert left.code == 0
    assert round_trips(first(left, lambda sent: sent.is_trigger).at) == 2 + more


@pytest.mark.parametrize("auth", [False, True])
def test_wait_has_looked_after_one_round_trip(*, auth: bool) -> None:
    sandbox = a_sandbox(auth="client-credentials" if auth else "none")

    left = play(lambda one: wait_for(one, JOB, RunPolicy(wait=WaitPolicy())), sandbox, auth=auth)

    sign_in = 1 if auth else 0
    look = first(left, lambda sent: sent.path.endswith("/jobs/1"))
    assert (left.code, look.outcome, round_trips(look.ended_at)) == (0, "200", 1 + sign_in)


def test_server_without_public_api_is_detected_by_health() -> None:
    sandbox = a_sandbox(public_root="/not/here")

    left = play(lambda one: show_status(one, JOB, exit_status=False), sandbox)

    assert left.code == 0
    assert [sent.path.rpartition("/")[2] for sent in left.sent[1:4]] == [
        "workspaces",
        "health",
        "health",
    ]


def test_first_read_is_not_sent_twice() -> None:
    left = play(lambda one: show_status(one, JOB, exit_status=False), a_sandbox())

    paths = [sent.path for sent in left.sent]
    assert len(paths) == len(set(paths)) == 5
