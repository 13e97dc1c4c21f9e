"""`workspaces`: ids, names and numbers of connections."""

import pytest

from airbyte_sync_cli.sandbox import Fault
from tests.commands.test_connections import a_house
from tests.support.program import call
from tests.support.servers import Stage


@pytest.mark.parametrize("api", ["public", "config"])
def test_workspaces_are_listed_with_their_connections(stage: Stage, api: str) -> None:
    sandbox = a_house()
    ending = call("workspaces", "--api", api, "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    empty, *rest = ending.report["workspaces"]
    assert (empty["workspace_name"], empty["connections"]) == ("Default", 0)
    assert rest == [
        {
            "workspace_id": sandbox.connections[at].workspace_id,
            "workspace_name": name,
            "connections": 2,
        }
        for at, name in ((2, "Operations"), (0, "Sales"))
    ]


def test_text_shows_one_line_per_workspace(stage: Stage) -> None:
    ending = call("workspaces", AIRBYTE_URL=stage.sandbox(a_house()))
    first, *rows = (line.split() for line in ending.stdout.splitlines())
    assert first == ["id", "name", "connections"]
    assert [row[1:] for row in rows] == [["Default", "0"], ["Operations", "2"], ["Sales", "2"]]


def test_id_output_can_be_passed_to_workspace_option(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    operations = call("workspaces", "-o", "id", AIRBYTE_URL=url).stdout.split()[1]
    ending = call("connections", "--workspace", operations, "-o", "json", AIRBYTE_URL=url)
    names = [row["connection_name"] for row in ending.report["connections"]]
    assert names == ["billing", "orders"]


def test_unreadable_connections_leave_the_number_unknown(stage: Stage) -> None:
    sandbox = a_house()
    sandbox.faults.add(Fault.model_validate("connections:403"))
    ending = call("workspaces", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert [row["connections"] for row in ending.report["workspaces"]] == [None] * 3
    assert "the numbers of connections are unknown" in ending.report["warnings"][0]
