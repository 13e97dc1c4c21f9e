"""Scenario files, the messages for what is wrong in them, and their documentation."""

import re
import tomllib
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import (
    ConnectionConfig,
    Fault,
    JobFailure,
    JobScript,
    LogEntry,
    Sandbox,
    SandboxConfig,
    StreamConfig,
    StreamScript,
    demo_config,
    example_scenario,
    load_config,
)
from airbyte_sync_cli.sandbox.faults import ACTIONS, KEYS, WHENS
from airbyte_sync_cli.sandbox.scenario import ScenarioError
from tests.sandbox.client import sandbox_client
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


def test_scenario_file_configures_whole_sandbox(tmp_path: Path) -> None:
    sandbox = Sandbox(load_config(write(tmp_path, WHOLE)))
    connection = sandbox.connections[0]
    assert (connection.name, connection.starts_every) == ("orders", 3600)
    assert [script.records for script in connection.scripts] == [1000, 5]
    assert [fault.action for fault in sandbox.config.faults] == ["lost-after", "status"]
    assert [each.name for each in sandbox.state.workspaces.values()] == ["Sales"]


def error_message(folder: Path, text: str) -> str:
    """Return the message for a scenario, without the name of the file."""
    path = write(folder, text)
    with pytest.raises(ScenarioError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def of_a(text: str) -> str:
    """Return a scenario with one connection that has an error."""
    return f'[[connections]]\nname = "a"\n{text}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sped = 1", "unknown key 'sped' (did you mean 'speed'?); keys of the sandbox: airbyte"),
        (
            of_a("duration = 1"),
            "connection 'a': unknown key 'duration'; keys of a connection: name",
        ),
        (
            of_a("records = 1"),
            "connection 'a': unknown key 'records' (it belongs to a job or a stream of a job); k",
        ),
        (
            of_a("jobs = [{ streams = { users = { write = 1 } } }]"),
            "connection 'a', job 1, streams, users: unknown key 'write' (did you mean 'written'?)",
        ),
        (
            of_a("jobs = [{ logs = [{ message = 'm', levle = 'warn' }] }]"),
            "connection 'a', job 1, log 1: unknown key 'levle' (did you mean 'level'?); keys",
        ),
        (of_a("streams = [5]"), "connection 'a', stream 1: 5 is not a table"),
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
def test_error_message_has_place_and_reason(tmp_path: Path, text: str, expected: str) -> None:
    assert error_message(tmp_path, text).startswith(expected)


def test_many_errors_are_shortened_and_keys_listed_once(tmp_path: Path) -> None:
    message = error_message(tmp_path, "".join(f"key{number} = 1\n" for number in range(7)))
    assert message.count("unknown key") == 5
    assert "; and 2 more; keys of the sandbox: airbyte_version, " in message
    assert message.count("keys of") == 1


def test_consequence_of_another_error_is_left_out(tmp_path: Path) -> None:
    message = error_message(tmp_path, of_a("jobs = [{ records = -1 }]"))
    assert message == "connection 'a', job 1, records: -1 is too small: it must be at least 0"


def test_message_names_file_that_is_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"scenario\.toml is not TOML: "):
        load_config(write(tmp_path, "speed = "))


def test_message_names_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"cannot read .*nowhere\.toml: No such file"):
        load_config(tmp_path / "nowhere.toml")


def test_demo_has_two_workspaces_and_past_jobs() -> None:
    sandbox = Sandbox(demo_config())
    names = [connection.name for connection in sandbox.connections]
    assert names == ["orders", "customers", "events", "billing", "inventory"]
    assert len(sandbox.state.workspaces) == 2
    assert {job.status for job in sandbox.jobs} == {"succeeded"}
    assert sandbox.active_jobs() == []


MODELS = (
    *(SandboxConfig, ConnectionConfig, StreamConfig),
    *(JobScript, JobFailure, StreamScript, LogEntry, Fault),
)

SCENARIO_KEYS = sorted({key for model in MODELS for key in model.model_fields})


@pytest.mark.parametrize("word", [*SCENARIO_KEYS, *WHENS, *ACTIONS, *KEYS])
def test_example_has_every_word(word: str) -> None:
    assert re.search(rf"(?<![\w-]){word}(?![\w-])", example_scenario())


@virtual
async def test_example_is_valid_scenario(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, example_scenario()))
    async with sandbox_client(**{**dict(config), "faults": ()}) as it:
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


TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("word", [*ACTIONS, *WHENS, *KEYS])
def test_docs_have_every_word_of_a_fault(word: str) -> None:
    assert re.search(rf"`{word}(=[^`]*)?`", TEXT)


@pytest.mark.parametrize("model", [each for each in MODELS if each is not Fault])
def test_docs_have_every_key_of_a_scenario(model: type[JobScript]) -> None:
    missing = {name for name in model.model_fields if not re.search(rf"\b{name}\b", TEXT)}
    assert missing == set()


def test_faults_in_docs_are_valid() -> None:
    life, streams, faults = blocks("text")
    assert JobScript(life=life.strip()).phases[0].status == "pending"
    script = JobScript.model_validate(tomllib.loads(f"job = {streams}")["job"])
    assert script.streams["order_lines"].ends == "incomplete"
    assert len([Fault.model_validate(line) for line in faults.split("\n") if line]) == 10


def test_scenario_in_docs_is_valid() -> None:
    (scenario,) = blocks("toml")
    config = SandboxConfig.model_validate(tomllib.loads(scenario))
    assert [connection.name for connection in config.connections] == ["orders", "old"]


def test_python_in_docs_compiles() -> None:
    (code,) = blocks("python")
    compile(code, "docs/sandbox.md", "exec")
