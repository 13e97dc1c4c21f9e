"""`--stream`: a clear or refresh of some streams, of which exactly one job is started."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from airbyte_sync_cli.airbyte.models import StreamId
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, RejectedError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, SimConnection, SimStream
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.run import run_connections
from airbyte_sync_cli.sync.select import select_connections, select_streams
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import START, Bench, bench, script, trigger_policy

STREAMS = ("users", "orders", {"name": "orders", "namespace": "old"}, {"name": "a.b"})
USERS = SimStream("users")
VERSIONS = ("0.63", "1.0", "1.1", "1.2", "1.8", "2.0", "latest")


def named(*names: str) -> frozenset[StreamId]:
    return frozenset(StreamId(name=name) for name in names)


def run_streams(
    given: Bench,
    *connections: SimConnection,
    streams: Sequence[str],
    at: tuple[float, Callable[[], object]] | None = None,
) -> list[SyncState]:
    """Run as the commands do: resolve the streams, then start; a call `at` a moment."""

    async def work(context: Context) -> list[SyncState]:
        if at is not None:
            asyncio.get_running_loop().call_later(*at)
        found = await select_connections(context.airbyte, [each.id for each in connections])
        chosen = await select_streams(context.airbyte, found, streams)
        policy = replace(context.policy.trigger, streams=chosen)
        narrowed = replace(context, policy=replace(context.policy, trigger=policy))
        return list(await run_connections(narrowed, found))

    return given.play(work)


def cleared(given: Bench) -> list[tuple[str, tuple[str, ...]]]:
    return [(job.type, tuple(each.key for each in job.streams)) for job in given.sandbox.jobs]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize(
    ("job_type", "stored"), [("clear", "reset_connection"), ("refresh", "refresh")]
)
def test_only_named_streams_are_requested(
    version: str, api: str, job_type: str, stored: str
) -> None:
    given = bench(version, api=api, policy=trigger_policy(job_type=job_type))
    orders = given.sandbox.add_connection("orders", streams=STREAMS)

    [state] = run_streams(given, orders, streams=["users", "old.orders", "users"])

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert cleared(given) == [(stored, ("old.orders", "users"))]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("user", "did you mean 'users'?"),
        ("old.order", "did you mean 'old.orders'"),
        ("xyz", "its streams: a.b, old.orders, orders, users"),
        ("gone", "its streams: a.b, old.orders, orders, users"),
    ],
)
@pytest.mark.parametrize("api", ["public", "config"])
def test_unknown_stream_is_not_found_before_anything_is_sent(
    api: str, name: str, hint: str
) -> None:
    given = bench(api=api, policy=trigger_policy(job_type="clear"))
    gone = {"name": "gone", "selected": False}
    connections = [
        given.sandbox.add_connection("first", streams=(*STREAMS, name)),
        given.sandbox.add_connection("second", streams=(*STREAMS, gone)),
    ]

    with pytest.raises(NotFoundError) as caught:
        run_streams(given, *connections, streams=[name])

    assert f"'second' does not sync a stream '{name}'" in caught.value.message
    assert (caught.value.hint or "").startswith(hint)
    assert given.sandbox.jobs == []


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("orders", None),
        ("new.orders", StreamId(name="orders", namespace="new")),
        ("a.b", StreamId(name="a.b")),
    ],
)
def test_name_in_several_namespaces_needs_its_namespace(
    name: str, chosen: StreamId | None
) -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    twice = [{"name": "orders", "namespace": each} for each in ("new", "old")]
    orders = given.sandbox.add_connection("orders", streams=(*twice, "a.b"))
    if chosen is None:
        with pytest.raises(NotFoundError) as caught:
            run_streams(given, orders, streams=[name])
        assert caught.value.hint == "add the namespace: new.orders, old.orders"
        assert given.sandbox.jobs == []
        return

    [state] = run_streams(given, orders, streams=[name])

    assert state.job is not None
    assert state.job.streams == frozenset({chosen})


@pytest.mark.parametrize("fault", ["html", "login", "403", "404"])
def test_stream_without_config_api_is_an_error_before_anything_is_sent(fault: str) -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault.model_validate(f"any:{fault}:api=config"))

    with pytest.raises(RejectedError, match="--stream needs the Config API"):
        run_streams(given, orders, streams=["users"])

    assert not given.sandbox.sent("trigger")


def test_stream_without_any_config_api_is_an_error() -> None:
    given = bench(policy=trigger_policy(job_type="refresh"))
    given.with_config = False
    orders = given.sandbox.add_connection("orders")

    with pytest.raises(RejectedError, match="--stream needs the Config API"):
        run_streams(given, orders, streams=["users"])


@pytest.mark.parametrize(
    "answer", ['{"connectionId": "x"}', '{"syncCatalog": {"streams": [{"stream": {}}]}}', "[]"]
)
def test_malformed_catalog_is_an_error_before_anything_is_sent(answer: str) -> None:
    given = bench(api="config", policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders")
    reads = 0

    def gateway(request: httpx.Request) -> httpx.Response | None:
        nonlocal reads
        reads += request.url.path.endswith("/connections/get")
        is_catalog = request.url.path.endswith("/connections/get") and reads > 1
        return httpx.Response(200, text=answer) if is_catalog else None

    given.gateway = gateway
    with pytest.raises(AirbyteSyncError):
        run_streams(given, orders, streams=["users"])

    assert not given.sandbox.sent("trigger")


@pytest.mark.parametrize("version", ["1.1", "2.0", "latest"])
@pytest.mark.parametrize("job_type", ["clear", "refresh"])
def test_lost_response_finds_the_job_of_these_streams(version: str, job_type: str) -> None:
    given = bench(version, policy=trigger_policy(job_type=job_type))
    orders = given.sandbox.add_connection("orders", streams=STREAMS)
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = run_streams(given, orders, streams=["users"])

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert len(given.sandbox.jobs) == 1


def test_lost_response_does_not_take_the_job_of_other_streams() -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", streams=STREAMS)
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    def other() -> None:
        given.sandbox.start_job(
            orders,
            kind="reset_connection",
            script=script("running 5, succeeded"),
            streams=(SimStream("orders"),),
        )

    [state] = run_streams(given, orders, streams=["users"], at=(5, other))

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert cleared(given) == [("reset_connection", ("orders",)), ("reset_connection", ("users",))]


@pytest.mark.parametrize(("theirs", "jobs"), [((USERS,), 1), ((SimStream("orders"),), 2)])
def test_attach_adopts_only_a_job_of_these_streams(
    theirs: tuple[SimStream, ...], jobs: int
) -> None:
    given = bench(policy=trigger_policy(job_type="clear", if_running="attach"))
    orders = given.sandbox.add_connection("orders", streams=STREAMS)
    given.sandbox.start_job(
        orders,
        kind="reset_connection",
        script=script("running 50, succeeded"),
        streams=theirs,
    )

    [state] = run_streams(given, orders, streams=["users"])

    assert (state.exit_code, len(given.sandbox.jobs)) == (ExitCode.OK, jobs)
    assert state.adopted == (jobs == 1)


@pytest.mark.parametrize(
    ("theirs", "jobs"),
    [((USERS, SimStream("orders")), 1), ((USERS,), 1), ((SimStream("orders"),), 2)],
)
def test_since_counts_only_a_job_of_these_streams(
    theirs: tuple[SimStream, ...], jobs: int
) -> None:
    policy = trigger_policy(job_type="clear", since=START - timedelta(hours=1))
    given = bench(policy=policy)
    orders = given.sandbox.add_connection("orders", streams=STREAMS)
    given.sandbox.start_job(
        orders, kind="reset_connection", script=script("succeeded"), streams=theirs
    )

    [state] = run_streams(given, orders, streams=["users"])

    assert (state.exit_code, len(given.sandbox.jobs)) == (ExitCode.OK, jobs)


def test_catalog_of_megabytes_is_read_without_its_schemas() -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    many = tuple(f"stream_{number}" for number in range(3000))
    orders = given.sandbox.add_connection("orders", streams=many)

    [state] = run_streams(given, orders, streams=["stream_2999"])

    assert state.job is not None
    assert state.job.streams == named("stream_2999")
