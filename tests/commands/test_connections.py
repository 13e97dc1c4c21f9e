"""`connections`: complete, without duplicates, in a table that fits."""

import pytest

from airbyte_sync_cli.airbyte.models import Connection
from airbyte_sync_cli.output.format import cell_width
from airbyte_sync_cli.output.listings import connections_table
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sandbox import ConnectionConfig, Fault, Sandbox, SandboxConfig
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.servers import Stage

BOTH_APIS = ("public", "config")


def a_house() -> Sandbox:
    """Return a sandbox of two workspaces and four connections, two with the same name."""
    sandbox = Sandbox()
    sandbox.add_connection(
        "orders", workspace="Sales", tags=("nightly",), schedule="every 24 hours"
    )
    sandbox.add_connection("events", workspace="Sales", source="Kafka", destination="Lake")
    sandbox.add_connection(
        "billing", workspace="Operations", status="inactive", tags=("finance", "nightly")
    )
    sandbox.add_connection("orders", workspace="Operations", schedule="cron 0 0 3 * * ?")
    return sandbox


def names(ending: CommandResult) -> list[str]:
    return [row["connection_name"] for row in ending.report["connections"]]


@pytest.mark.parametrize("api", BOTH_APIS)
def test_connections_are_listed_with_source_and_destination(stage: Stage, api: str) -> None:
    url = stage.sandbox(a_house())
    ending = call("connections", "--api", api, "-o", "json", AIRBYTE_URL=url)
    assert ending.code == 0
    assert names(ending) == ["billing", "events", "orders", "orders"]
    events = ending.report["connections"][1]
    assert (events["source_name"], events["destination_name"]) == ("Kafka", "Lake")
    assert (events["schedule_type"], events["tags"], events["status"]) == ("manual", [], "active")
    assert events["url"].endswith(f"/connections/{events['connection_id']}")


def test_text_has_one_line_per_connection(stage: Stage) -> None:
    sandbox = a_house()
    ending = call("connections", AIRBYTE_URL=stage.sandbox(sandbox))
    first, *rows = ending.stdout.splitlines()
    assert first.split() == [
        *("id", "name", "source", "→", "destination", "status", "schedule", "tags")
    ]
    assert len(rows) == 4
    assert rows[1].split() == [
        *(sandbox.connections[1].id, "events", "Kafka", "→", "Lake", "active", "manual")
    ]


def test_switched_off_connection_has_its_reason(stage: Stage) -> None:
    sandbox = a_house()
    reason = "SCHEMA_CHANGES_ARE_BREAKING"
    sandbox.add_connection("old", status="inactive", disabled_reason=reason)
    sandbox.add_connection("older", status="inactive", disabled_by="jane")
    url = stage.sandbox(sandbox)

    for_programs = call("connections", "-o", "json", AIRBYTE_URL=url)
    for_people = call("connections", AIRBYTE_URL=url)

    found = {row["connection_name"]: row for row in for_programs.report["connections"]}
    keys = ("disabled_reason", "disabled_by")
    assert [found["old"][key] for key in keys] == [reason, None]
    assert [found["older"][key] for key in keys] == [None, "jane"]
    assert [found["billing"][key] for key in keys] == [None, None]
    assert found["old"]["disabled_at"] is not None
    assert "because of a breaking change of the source's schema" in for_people.stdout
    assert "jane disabled it at " in for_people.stdout


@pytest.mark.parametrize("fault", ["403", "hold=3600", "html"])
def test_unreadable_reasons_leave_the_list_as_it_is(stage: Stage, fault: str) -> None:
    sandbox = a_house()
    sandbox.faults.add(Fault.model_validate(f"events:{fault}"))
    sandbox.faults.add(Fault.model_validate(f"connection:{fault}:api=config"))

    ending = call("connections", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert (ending.code, len(names(ending))) == (0, 4)


def test_id_format_prints_connection_ids(stage: Stage) -> None:
    sandbox = a_house()
    ending = call("connections", "-o", "id", AIRBYTE_URL=stage.sandbox(sandbox))
    assert set(ending.stdout.split()) == {each.id for each in sandbox.connections}


def test_all_pages_are_read_and_repeated_rows_are_dropped(stage: Stage) -> None:
    config = SandboxConfig(
        page_overlap=7, connections=tuple(ConnectionConfig(name=f"c{n:03}") for n in range(230))
    )
    ending = call("connections", "-o", "json", AIRBYTE_URL=stage.sandbox(Sandbox(config)))
    assert names(ending) == [f"c{n:03}" for n in range(230)]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--search", "ORD"), ["orders", "orders"]),
        (("--search", "kafka"), ["events"]),
        (("--search", "lake"), ["events"]),
        (("--tag", "nightly"), ["billing", "orders"]),
        (("--tag", "finance", "--tag", "nightly"), ["billing", "orders"]),
        (("--tag", "nightly", "--search", "ord"), ["orders"]),
    ],
)
def test_search_and_tag_filter_the_list(
    stage: Stage, options: tuple[str, ...], found: list[str]
) -> None:
    url = stage.sandbox(a_house())
    assert names(call("connections", *options, "-o", "json", AIRBYTE_URL=url)) == found


def test_search_matches_part_of_id(stage: Stage) -> None:
    sandbox = a_house()
    wanted = sandbox.connections[1].id
    url = stage.sandbox(sandbox)
    ending = call("connections", "--search", wanted[:8], "-o", "id", AIRBYTE_URL=url)
    assert ending.stdout.split() == [wanted]


@pytest.mark.parametrize("api", BOTH_APIS)
def test_workspace_filters_the_list(stage: Stage, api: str) -> None:
    sandbox = a_house()
    workspace = sandbox.connections[0].workspace_id
    ending = call(
        *("connections", "--api", api, "-o", "json"),
        AIRBYTE_URL=stage.sandbox(sandbox),
        AIRBYTE_WORKSPACE_ID=workspace,
    )
    assert names(ending) == ["events", "orders"]


@pytest.mark.parametrize("fault", ["actors:503", "actors:403", "actors:html", "actors:bad-json"])
def test_ids_replace_unreadable_source_and_destination_names(stage: Stage, fault: str) -> None:
    sandbox = a_house()
    sandbox.faults.add(Fault.model_validate(fault))
    ending = call("connections", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    events = sandbox.connections[1]
    assert f"{events.source_id} → {events.destination_id}" in ending.stdout


def test_search_without_match_suggests_nearest_name(stage: Stage) -> None:
    sandbox = a_house()
    ending = call("connections", "--search", "evnts", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 7)
    assert ending.lines("error: ") == ["error: no connection matches 'evnts'"]
    nearest = f"did you mean 'events' ({sandbox.connections[1].id})?"
    assert ending.lines("hint: ") == [f"hint: {nearest}"]


def test_search_without_similar_name_counts_connections(stage: Stage) -> None:
    ending = call("connections", "--search", "zzzz", AIRBYTE_URL=stage.sandbox(a_house()))
    assert_told_well(ending, 7)
    assert ending.lines("hint: ") == ["hint: without --search all 4 are listed"]


def test_unknown_tag_lists_tags_in_use(stage: Stage) -> None:
    ending = call("connections", "--tag", "weekly", AIRBYTE_URL=stage.sandbox(a_house()))
    assert_told_well(ending, 7)
    assert ending.lines("error: ") == ["error: no connection has the tag 'weekly'"]
    assert ending.lines("hint: ") == ["hint: tags in use: finance, nightly"]


@pytest.mark.parametrize("option", ["--search", "--tag"])
def test_empty_filter_is_a_usage_error_before_any_request(stage: Stage, option: str) -> None:
    sandbox = a_house()
    ending = call("connections", option, " ", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 2)
    assert sandbox.requests == []


def test_server_without_connections_is_a_warning(stage: Stage) -> None:
    ending = call("connections", AIRBYTE_URL=stage.sandbox(Sandbox()))
    assert (ending.code, ending.stdout) == (0, "")
    assert ["no connections found" in line for line in ending.warnings] == [True]


def test_usage_error_has_empty_list_in_json() -> None:
    ending = call("connections", "--nope", "-o", "json")
    assert (ending.code, ending.report["connections"]) == (2, [])


# Tables


def some() -> list[Connection]:
    """Return names as Airbyte generates them, and one of wide letters."""
    return [
        Connection(
            id=f"00000000-0000-4000-8000-{number:012}",
            name=name,
            status="active",
            source_name="Salesforce production account",
            destination_name="Warehouse (raw, europe-west)",
            schedule="Every 24 HOURS",
            tags=("nightly", "finance"),
        )
        for number, name in enumerate(["orders", "Salesforce → Warehouse " * 3, "注文" * 30])
    ]


@pytest.mark.parametrize("width", [48, 60, 80, 100, 120, 160, 200])
def test_table_fits_terminal_and_cuts_no_id(width: int) -> None:
    connections = some()
    text = connections_table(connections, Screen(width=width))
    assert max(cell_width(line) for line in text.splitlines()) <= width
    for connection in connections:
        assert sum(connection.id in line for line in text.splitlines()) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_narrow_table_keeps_all_text(width: int) -> None:
    text = connections_table(some()[:1], Screen(width=width))
    flat = " ".join(text.split())
    for part in ("orders", "production", "europe-west", "Every 24", "nightly", "finance"):
        assert part in flat


def test_table_in_pipe_is_not_folded() -> None:
    assert len(connections_table(some(), Screen()).splitlines()) == 4


def test_ascii_table_has_ascii_arrows() -> None:
    text = connections_table(some()[:1], Screen(unicode=False))
    assert text.isascii()
    assert "account -> Warehouse" in text


def test_control_characters_in_names_are_removed() -> None:
    bad = Connection(id="x", name="a\x1b[2Jb\nc", status="active")
    assert connections_table([bad], Screen()).splitlines()[1].startswith("x   a b c")


def test_colours_have_no_width() -> None:
    plain = connections_table(some(), Screen(width=80))
    painted = connections_table(some(), Screen(width=80, colour=True))
    assert "\x1b[32mactive\x1b[0m" in painted
    stripped = painted
    for code in ("0", "1", "2", "32"):
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == plain
