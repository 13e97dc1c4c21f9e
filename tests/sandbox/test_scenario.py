"""Scenario files say everything that Python can, and say what is wrong in them."""

import re
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import (
    ConnectionConfig,
    Fault,
    JobFailure,
    JobScript,
    Sandbox,
    SandboxConfig,
    demo_config,
    example_scenario,
    load_config,
)
from airbyte_sync_cli.sandbox.faults import ACTIONS, WHENS
from airbyte_sync_cli.sandbox.faults import KEYS as SHORT_KEYS
from airbyte_sync_cli.sandbox.scenario import ScenarioError
from tests.sandbox.lab import lab
from tests.support.virtual import virtual

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
    assert [each.name for each in sandbox.state.workspaces.values()] == ["Sales"]


def refusal(folder: Path, text: str) -> str:
    """What is said of a scenario, without the name of the file."""
    path = write(folder, text)
    with pytest.raises(ScenarioError) as caught:
        load_config(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(f"{path}: ")


def of_a(text: str) -> str:
    """A connection that something is wrong with."""
    return f'[[connections]]\nname = "a"\n{text}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sped = 1", "unknown key 'sped' (did you mean 'speed'?); keys of the sandbox: airbyte"),
        (
            of_a("duration = 1"),
            "connection 'a': unknown key 'duration'; keys of a connection: name",
        ),
        (of_a("records = 1"), "connection 'a': unknown key 'records' (it belongs to a job); keys"),
        (
            of_a("jobs = [{ lif = 1 }]"),
            "connection 'a', job 1: unknown key 'lif' (did you mean 'l",
        ),
        (
            of_a("reset = { failure = { x = 1 } }"),
            "connection 'a', reset, failure: unknown key 'x",
        ),
        ("[[connections]]\nid = 1", "connection 1: 'name' is missing; connection 1, id: 1 is not"),
        ("[connections]", "connections: a table is not a list: [[connections]] starts each table"),
        ("connections = ['a']", "connection 1: 'a' is not a table"),
        (of_a("jobs = 5"), "connection 'a', jobs: 5 is not a list: put it in [ and ]"),
        (
            of_a("jobs = ['running 5']"),
            "connection 'a', job 1, life: 'running 5': the last status",
        ),
        (of_a("streams = []"), "connection 'a', streams: the list is empty: it needs at least 1"),
        (of_a("tags = ['x', 5]"), "connection 'a', tag 2: 5 is not a string: put it in quotes"),
        (of_a("id = 'orders'"), "connection 'a', id: 'orders' is not a UUID"),
        (of_a("schedule = 'daily'"), "connection 'a', schedule: 'daily' is not a valid schedule"),
        (of_a("starts_every = 0"), "connection 'a', starts_every: 0 is too small: it must be mor"),
        ("speed = 'fast'", "speed: 'fast' is not a number"),
        ("speed = inf", "speed: inf is not finite"),
        ("page_overlap = 1.5", "page_overlap: 1.5 is not an integer"),
        ("page_overlap = -1", "page_overlap: -1 is too small: it must be at least 0"),
        ("admin = 'perhaps'", "admin: 'perhaps' is neither true nor false"),
        ("admin = []", "admin: a list is neither true nor false"),
        ("speed = true\nadmin = {}", "admin: a table is neither true nor false"),
        ("username = true", "username: true is not a string"),
        (
            "start = 2026-01-01T00:00:00",
            "start: 2026-01-01 00:00:00 is not a time with an offset",
        ),
        ("auth = 'kerberos'", "auth: 'kerberos' is not valid: use 'none', 'basic' or 'client"),
        ("auth = '%s'" % ("x" * 99), "auth: '" + "x" * 49 + "\N{HORIZONTAL ELLIPSIS} is not val"),
        ("airbyte_version = 'latets'", "airbyte_version: 'latets' is not an Airbyte version: use"),
        ("faults = ['trigger']", "fault 'trigger' has no action: use 'trigger:503'"),
        (
            "faults = ['any:boom']",
            "fault 'any:boom', action: 'boom' is not valid: use 'lost-before",
        ),
        (
            "faults = [{ action = 'status', status = 999 }]",
            "fault 1, status: 999 is too large: it",
        ),
    ],
)
def test_mistakes_are_told_plainly_with_their_place(tmp_path: Path, text: str, says: str) -> None:
    assert refusal(tmp_path, text).startswith(says)


def test_of_many_mistakes_some_are_told_and_every_list_of_keys_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, "".join(f"key{number} = 1\n" for number in range(7)))
    assert said.count("unknown key") == 5
    assert "; and 2 more; keys of the sandbox: airbyte_version, " in said
    assert said.count("keys of") == 1


def test_what_follows_from_another_mistake_is_not_told(tmp_path: Path) -> None:
    said = refusal(tmp_path, of_a("jobs = [{ records = -1 }]"))
    assert said == "connection 'a', job 1, records: -1 is too small: it must be at least 0"


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"scenario\.toml is not TOML: "):
        load_config(write(tmp_path, "speed = "))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"cannot read .*nowhere\.toml: No such file"):
        load_config(tmp_path / "nowhere.toml")


def test_the_demo_has_two_workspaces_and_something_of_everything() -> None:
    sandbox = Sandbox(demo_config())
    names = [connection.name for connection in sandbox.connections]
    assert names == ["orders", "customers", "events", "billing", "inventory"]
    assert len(sandbox.state.workspaces) == 2
    assert {job.status for job in sandbox.jobs} == {"succeeded"}
    assert sandbox.active_jobs() == []


MODELS = (SandboxConfig, ConnectionConfig, JobScript, JobFailure, Fault)
KEYS = sorted({key for model in MODELS for key in model.model_fields})


@pytest.mark.parametrize("word", [*KEYS, *WHENS, *ACTIONS, *SHORT_KEYS])
def test_the_example_shows_every_word(word: str) -> None:
    assert re.search(rf"(?<![\w-]){word}(?![\w-])", example_scenario())


@virtual
async def test_the_example_is_a_scenario_that_plays(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, example_scenario()))
    async with lab(**{**dict(config), "faults": ()}) as it:
        orders, events, _ = it.sandbox.connections
        await it.trigger(orders)
        for _ in range(2):
            await it.trigger(events)
            await it.pass_time(60)
        seen = [(job.type, job.status) for job in it.sandbox.jobs]
        assert (await it.job(1))["status"] == "succeeded"
    assert seen == [
        *(("sync", status) for status in ("succeeded", "failed")),
        *(("sync", status) for status in ("succeeded", "succeeded", "failed")),
    ]
