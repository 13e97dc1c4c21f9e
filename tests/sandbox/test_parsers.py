"""Any text parses or is an error with a message."""

import contextlib
import itertools
import math
from datetime import date

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from airbyte_sync_cli.sandbox import (
    ConnectionConfig,
    Fault,
    JobFailure,
    JobScript,
    LogEntry,
    Sandbox,
    SandboxConfig,
    ScenarioError,
    StreamConfig,
    StreamScript,
    build_config,
)
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts
from airbyte_sync_cli.sandbox.faults import ACTIONS, KEYS, WHENS
from airbyte_sync_cli.sandbox.script import parse_life
from tests.sandbox.client import START

STATUSES = st.sampled_from(["pending", "queued", "running", "incomplete", "hibernating"])
SECONDS = st.integers(min_value=0, max_value=10_000)
ENDS = st.sampled_from(["succeeded", "failed", "cancelled", "running"])
MODELS = (
    *(SandboxConfig, ConnectionConfig, StreamConfig),
    *(JobScript, JobFailure, StreamScript, LogEntry, Fault),
)
WORDS = sorted({"nonsense", *(key for model in MODELS for key in model.model_fields)})
PIECES = st.sampled_from([*WHENS, *ACTIONS, *KEYS, ":", "=", "503", "5m", "nan", "-1", " "])


@given(st.lists(st.tuples(STATUSES, SECONDS), max_size=6), ENDS)
def test_parsed_life_has_the_written_phases(parts: list[tuple[str, int]], end: str) -> None:
    phases = parse_life(", ".join([*(f"{status} {seconds}" for status, seconds in parts), end]))
    assert [(phase.status, phase.seconds) for phase in phases[:-1]] == parts
    assert (phases[-1].status, phases[-1].seconds) == (end, math.inf)


@given(st.text(alphabet="runig,5 smh.-", max_size=30))
@example("")
@example("running nan")
@example("pending inf, succeeded")
def test_any_life_parses_or_raises_value_error(text: str) -> None:
    try:
        script = JobScript(life=text)
    except ValidationError:
        return
    assert math.isinf(script.phases[-1].seconds)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=30))
@example(":")
@example("any:503:503")
@example("any:hold=1e999")
def test_any_fault_parses_or_raises_validation_error(text: str) -> None:
    try:
        fault = Fault.model_validate(text)
    except ValidationError:
        return
    assert fault.action in ACTIONS


LEAVES = st.none() | st.booleans() | st.integers(-2, 700) | st.floats() | PIECES
TABLES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(WORDS), TABLES, max_size=4))
@example({"connections": {"name": "a"}})
@example({"start": date(2026, 1, 1), "speed": 10**400})
def test_any_invalid_scenario_has_a_message(fields: dict[str, object]) -> None:
    with contextlib.suppress(ScenarioError):
        build_config(fields, origin="here")


@given(
    st.lists(st.tuples(STATUSES, st.integers(1, 60)), min_size=1, max_size=6),
    ENDS,
    st.integers(0, 10_000),
    st.integers(1, 400),
)
def test_counts_never_shrink_and_end_complete(
    parts: list[tuple[str, int]], end: str, records: int, step: int
) -> None:
    life = ", ".join([*(f"{status} {seconds}" for status, seconds in parts), end])
    seen = _numbers(JobScript(life=life, records=records), step)
    assert all(early <= late for early, late in itertools.pairwise(seen))
    ran = any(status == "running" for status, _ in parts)
    if end == "succeeded" and ran:
        assert seen[-1] == (records, records)


def _numbers(script: JobScript, step: int) -> list[tuple[int, int]]:
    sandbox = Sandbox(SandboxConfig(start=START))
    job = sandbox.start_job(sandbox.add_connection("orders", script=script))
    seen = []
    for moment in range(0, 800, step):
        total = JobCounts(job, sandbox.clock.start + moment, 10.0).total() or Counts()
        seen.append((total.records_emitted, total.records_committed))
    total = JobCounts(job, sandbox.clock.start + 10_000, 10.0).total() or Counts()
    return [*seen, (total.records_emitted, total.records_committed)]
