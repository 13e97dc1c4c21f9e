"""Connections are selected by id, exact name or tag; an error hints at what is similar."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import NotFoundError, UsageError
from airbyte_sync_cli.sandbox import Sandbox
from airbyte_sync_cli.sync.select import as_connection_id, select_connections
from tests.support.core import LoopClock, SocketLike, bench
from tests.support.virtual import run


def select(
    sandbox: Sandbox,
    *wanted: str,
    tags: Sequence[str] = (),
    workspace_id: str | None = None,
    api: str = "public",
) -> list[str]:
    async def work() -> list[str]:
        transport = SocketLike(sandbox, (0, 0))
        async with httpx.AsyncClient(transport=transport) as client, asyncio.timeout(3600):
            http_client = HttpClient(client, clock=LoopClock(), limit=30)
            public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            server = Airbyte(http_client, config if api == "config" else public, None, ui=None)
            found = await select_connections(server, wanted, tags=tags, workspace_id=workspace_id)
            return [connection.id for connection in found]

    return run(work())


@pytest.mark.parametrize("api", ["public", "config"])
def test_id_name_and_tag_select_each_connection_once_in_order(api: str) -> None:
    sandbox = bench().sandbox
    one = sandbox.add_connection("one", tags=("nightly",))
    two = sandbox.add_connection("two")
    sandbox.add_connection("off", tags=("nightly",), status="inactive")

    found = select(sandbox, "two", one.id.upper(), "one", tags=["nightly"], api=api)

    assert found == [two.id, one.id]


def test_name_on_the_third_page_is_found_despite_a_wrong_next_link() -> None:
    sandbox = bench().sandbox
    wanted = [sandbox.add_connection(f"c{number}") for number in range(250)][-1]

    assert select(sandbox, "c249") == [wanted.id]
    assert {request.path for request in sandbox.requests} == {"/api/public/v1/connections"}


@pytest.mark.parametrize("typed", ["orders to warehose", "orders"])
def test_unknown_name_hints_at_the_nearest(typed: str) -> None:
    sandbox = bench().sandbox
    orders = sandbox.add_connection("Orders to warehouse")

    with pytest.raises(NotFoundError) as caught:
        select(sandbox, typed)

    assert caught.value.hint is not None
    assert orders.id in caught.value.hint


def test_ambiguous_name_lists_both_ids() -> None:
    sandbox = bench().sandbox
    one = sandbox.add_connection("orders")
    two = sandbox.add_connection("orders", workspace="Other")

    with pytest.raises(NotFoundError) as caught:
        select(sandbox, "orders")

    message = caught.value.message
    assert f"{one.id} (workspace Default, active)" in message
    assert f"{two.id} (workspace Other, active)" in message


def test_workspace_narrows_names() -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders")
    two = sandbox.add_connection("orders", workspace="Other")

    assert select(sandbox, "orders", workspace_id=two.workspace_id) == [two.id]


@pytest.mark.parametrize("api", ["public", "config"])
def test_workspace_can_be_given_by_name(api: str) -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders")
    two = sandbox.add_connection("orders", workspace="Other")

    assert select(sandbox, "orders", workspace_id=" Other", api=api) == [two.id]


def test_unknown_workspace_lists_those_that_exist() -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders", workspace="Sales")

    with pytest.raises(NotFoundError, match="no workspace is named 'nope'") as caught:
        select(sandbox, "orders", workspace_id="nope")

    assert "'Sales'" in str(caught.value.hint)


def test_unknown_name_in_a_workspace_names_the_workspace() -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders", workspace="Sales")

    with pytest.raises(NotFoundError, match="'customers' not found in workspace 'Sales'"):
        select(sandbox, "customers", workspace_id="Sales")


@pytest.mark.parametrize(
    ("stored", "given"),
    [("orders ", "orders"), ("orders", " orders"), ("Caf\u00e9", "Cafe\u0301")],
    ids=["blank in Airbyte", "blank given", "another form in Unicode"],
)
def test_name_matches_in_any_unicode_form_and_without_blanks(stored: str, given: str) -> None:
    sandbox = bench().sandbox
    one = sandbox.add_connection(stored)

    assert select(sandbox, given) == [one.id]


def test_exact_name_wins_over_one_with_blanks() -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders ")
    exact = sandbox.add_connection("orders")

    assert select(sandbox, "orders") == [exact.id]


def test_tag_without_active_connection_lists_tags_in_use() -> None:
    sandbox = bench().sandbox
    sandbox.add_connection("orders", tags=("nightly",))

    with pytest.raises(NotFoundError) as caught:
        select(sandbox, tags=["nigthly"])

    assert caught.value.hint == "tags in use: nightly"


@pytest.mark.parametrize(
    "text", ["e735894a-e773-4938-969f-45f53957b75", "e735894a-e773-4938-969f-45f53957b75bb"]
)
def test_mistyped_id_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        as_connection_id(text)


@pytest.mark.parametrize("text", ["orders", "a-b-c-d-e", "my-shop-to-the-warehouse, daily"])
def test_name_with_dashes_is_a_name(text: str) -> None:
    assert as_connection_id(text) is None


def test_unknown_id_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        select(bench().sandbox, "e735894a-e773-4938-969f-45f53957b75b")


@pytest.mark.parametrize(
    "name", ["orders-from-postgres-to-warehouse", "ONE-TWO-THREE-FOUR-and-many-more"]
)
def test_name_with_four_hyphens_is_a_name(name: str) -> None:
    assert as_connection_id(name) is None


@pytest.mark.parametrize(
    "text",
    [
        "e735894a-e773-4938-969f-45f53957b75",
        "e735894a-e773-4938-969f-45f53957b75g",
        "e735894a-e773-4938-969f-45f53957b75bb",
    ],
)
def test_mistyped_id_is_refused_before_any_request(text: str) -> None:
    with pytest.raises(UsageError, match="not a connection id"):
        as_connection_id(text)
