"""Scenario files say everything that Python can, and say what is wrong in them."""

from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import DEMO_CONNECTIONS, Sandbox, SandboxConfig, load_config
from airbyte_sync_cli.sandbox.scenario import ScenarioError

WHOLE = """
airbyte_version = "1.8"
speed = 60
auth = "client-credentials"
token_lifetime = 5
faults = [
    "trigger:lost-after:times=1",
    { when = "any", action = "status", status = 503, from_seconds = 60, for_seconds = 600 },
]

[[connections]]
name = "orders"
workspace = "Sales"
schedule = "every 24 hours"
starts_every = 3600
tags = ["nightly"]
jobs = ["running 5, failed", { life = "running 10, succeeded", records = 5 }]

[connections.reset]
life = "running 1, succeeded"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scenario_file_describes_a_whole_sandbox(tmp_path: Path) -> None:
    sandbox = Sandbox(load_config(write(tmp_path, WHOLE)))
    connection = sandbox.connections[0]
    assert (connection.name, connection.starts_every) == ("orders", 3600)
    assert [script.records for script in connection.scripts] == [1000, 5]
    assert [fault.action for fault in sandbox.config.faults] == ["lost-after", "status"]
    assert [each.name for each in sandbox.world.workspaces.values()] == ["Sales"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed = ", "is not TOML"),
        ("speed = 0", "speed: Input should be greater than 0"),
        ("sped = 1", "sped: Extra inputs are not permitted"),
        ('airbyte_version = "latets"', "try 0.63, 1.0, 1.8, 2.0 or latest"),
        ('faults = ["trigger:explode"]', r"faults\.0\.action"),
        ('[[connections]]\nname = "a"\nschedule = "daily"', "is not a valid schedule"),
        ('[[connections]]\nname = "a"\njobs = ["running 5"]', r"connections\.0\.jobs\.0\.life"),
        ('[[connections]]\nname = "a"\nstarts_every = 0', "greater than 0"),
    ],
)
def test_mistakes_are_named_with_the_way_to_them(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as caught:
        load_config(write(tmp_path, text))
    assert "scenario.toml" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"cannot read .*nowhere\.toml: No such file"):
        load_config(tmp_path / "nowhere.toml")


def test_the_demo_has_two_workspaces_and_something_of_everything() -> None:
    sandbox = Sandbox(SandboxConfig(connections=DEMO_CONNECTIONS))
    names = [connection.name for connection in sandbox.connections]
    assert names == ["orders", "customers", "events", "billing", "inventory"]
    assert len(sandbox.world.workspaces) == 2
    assert {job.status for job in sandbox.jobs} == {"succeeded"}
    assert sandbox.active_jobs() == []
