"""Findings about real jobs of the sandbox, by version: when they fire, and when they must not."""

import pytest

from airbyte_sync_cli.airbyte.models import JobType
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, JobScript
from airbyte_sync_cli.sync.events import Finished
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy
from airbyte_sync_cli.sync.result import SyncResult
from tests.support.core import Bench, bench, script

VERSIONS = ["0.63", "1.0", "1.8", "2.0", "latest"]
KNOWS_REJECTED = {"1.8", "2.0", "latest"}
KNOWS_MAPPERS = {"1.8", "2.0", "latest"}
STRICT = RunPolicy(verify=True)
RUNS = "running 30, succeeded"
TEN = tuple(f"s{number}" for number in range(10))

versions = pytest.mark.parametrize("version", VERSIONS)


def run(
    version: str,
    plot: JobScript,
    *,
    policy: RunPolicy = STRICT,
    streams: tuple[object, ...] = TEN,
    api: str = "public",
) -> Bench:
    """Run one sync with a job of this script."""
    given = bench(version, api=api, policy=policy)
    orders = given.sandbox.add_connection("orders", script=plot, streams=streams)
    given.run(orders)
    return given


def kinds(given: Bench) -> list[str]:
    """Return the kinds of the findings, of the result."""
    return [finding.kind for finding in result(given).verification.findings]


def result(given: Bench) -> SyncResult:
    """Return how the only sync ended."""
    [finished] = given.emitted(Finished)
    return finished.result


FALSE = {
    "no-attempt": script("pending 5, succeeded", statistics=False),
    "no-statistics": script(RUNS, statistics=False),
    "attempt-not-succeeded": script("running 30, incomplete 5, succeeded"),
    "not-written": script(RUNS, records=24_300_000, written=0),
    "stream-incomplete": script(RUNS, streams={"s3": {"ends": "incomplete"}}),
    "stream-missing": script(RUNS, streams={"s3": {"records": 0, "ends": "none"}}),
}


@versions
@pytest.mark.parametrize("kind", FALSE)
@pytest.mark.parametrize("api", ["public", "config"])
def test_contradicted_success_is_a_warning_and_suspect_with_verify(
    version: str, kind: str, api: str
) -> None:
    strict = run(version, FALSE[kind], api=api)
    lenient = run(version, FALSE[kind], policy=RunPolicy(), api=api)

    assert kind in kinds(strict)
    assert result(strict).exit_code == ExitCode.SUSPECT
    assert result(lenient).exit_code == ExitCode.OK
    assert kinds(lenient) == kinds(strict)
    assert len(lenient.warnings) >= 1


@versions
def test_rejected_records_are_a_finding_where_airbyte_reports_them(version: str) -> None:
    given = run(version, script(RUNS, records=100, rejected=3), streams=("orders",))

    if version in KNOWS_REJECTED:
        assert kinds(given) == ["rejected"]
        assert result(given).records_rejected == 3
    else:
        assert kinds(given) == []
        assert result(given).records_rejected is None


HEALTHY = {
    "plain": script(RUNS),
    "retried": script("running 30, incomplete 5, running 30, succeeded"),
    "retried from the start": script(
        "running 30, incomplete 5, running 30, succeeded", full_refresh=True
    ),
    "retried often": script(
        "running 9, incomplete 1, running 9, incomplete 1, running 9, succeeded"
    ),
    "nothing new": script(RUNS, records=0, byte_count=0),
    "late numbers": script(RUNS, statistics_late=50),
    "late commits": script(RUNS, commit_lag=25, statistics_late=20),
    "a part filtered out": script(RUNS, written=400),
    "states never updated": script(RUNS, streams={name: {"ends": "running"} for name in TEN}),
    "some states never updated": script(RUNS, streams={"s3": {"ends": "running"}}),
    "no states": script(RUNS, streams={name: {"ends": "none"} for name in TEN}),
    "no state of a stream with records": script(RUNS, streams={"s3": {"ends": "none"}}),
    "rate-limited meanwhile": script(
        "running 600, succeeded", stalls_after=60, stalls_for=300, rate_limited=True
    ),
}


@versions
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_success_has_no_finding(version: str, name: str) -> None:
    given = run(version, HEALTHY[name])

    assert kinds(given) == []
    assert result(given).exit_code == ExitCode.OK
    assert result(given).verification.outcome == "passed"
    assert given.warnings == []


@versions
def test_deselected_stream_is_no_finding(version: str) -> None:
    streams = ("orders", {"name": "old", "selected": False})

    given = run(version, script(RUNS, streams={"old": {"ends": "none"}}), streams=streams)

    assert kinds(given) == []


@versions
def test_row_filter_explains_that_nothing_was_written(version: str) -> None:
    streams = ({"name": "orders", "mappers": ("row-filtering",)},)

    given = run(version, script(RUNS, records=100, written=0), streams=streams)

    # Before mappers existed, nothing can have been filtered out.
    assert kinds(given) == ([] if version in KNOWS_MAPPERS else ["not-written"])


@versions
@pytest.mark.parametrize("job_type", ["clear", "refresh"])
def test_clear_and_refresh_have_no_finding(version: str, job_type: JobType) -> None:
    policy = RunPolicy(verify=True, trigger=TriggerPolicy(job_type=job_type))

    given = run(version, script(RUNS), policy=policy)

    assert kinds(given) == []


DENIED = Fault(api="config", action="status", status=403)


@pytest.mark.parametrize(
    ("version", "kind", "fault"),
    [
        *((version, "not-written", DENIED) for version in VERSIONS),
        *(("latest", kind, DENIED) for kind in FALSE),
        ("latest", "not-written", Fault(api="config", action="status", status=500)),
        ("latest", "not-written", Fault(api="config", action="html")),
        ("latest", "not-written", Fault(api="config", action="never")),
    ],
)
def test_unreadable_config_api_makes_everything_unknown(
    version: str, kind: str, fault: Fault
) -> None:
    given = bench(version, policy=STRICT)
    orders = given.sandbox.add_connection("orders", script=FALSE[kind], streams=TEN)
    given.sandbox.faults.add(fault)

    given.run(orders)

    assert kinds(given) == []
    assert result(given).exit_code == ExitCode.OK
    assert result(given).verification.outcome == "unknown"
    assert any("--verify: the success could not be checked" in one for one in given.warnings)
    assert given.seconds < 90


@versions
def test_unreadable_stream_states_are_unknown(version: str) -> None:
    given = bench(version, policy=STRICT)
    plot = FALSE["stream-incomplete"]
    orders = given.sandbox.add_connection("orders", script=plot, streams=TEN)
    given.sandbox.faults.add(Fault(when="streams", action="status", status=404))

    given.run(orders)

    assert kinds(given) == []


@versions
def test_unreadable_catalog_leaves_unwritten_records_unknown(version: str) -> None:
    given = bench(version, api="public", policy=STRICT)
    orders = given.sandbox.add_connection("orders", script=FALSE["not-written"])
    given.sandbox.faults.add(Fault(when="connection", api="config", action="status", status=403))

    given.run(orders)

    assert kinds(given) == []


# -- a wait that is cut short ----------------------------------------------------------------


def test_signal_before_late_numbers_is_no_finding_without_verify() -> None:
    for policy, expected in ((RunPolicy(), []), (STRICT, ["not-written"])):
        given = bench(policy=policy)
        plot = script(RUNS, records=100, written=0)
        orders = given.sandbox.add_connection("orders", script=plot, streams=("orders",))
        # The job has ended after 30 s, and has been seen to end by 60 s.
        given.run(orders, stop_after=61)

        assert kinds(given) == expected


# -- requests --------------------------------------------------------------------------------


@versions
@pytest.mark.parametrize("life", [RUNS, "running 30, failed"])
def test_evidence_costs_two_requests_after_the_end(version: str, life: str) -> None:
    given = run(version, script(life))

    paths = [request.path for request in given.sandbox.requests]
    last_poll = max(place for place, path in enumerate(paths) if path.endswith("/jobs/1"))
    after = [path.rpartition("/v1/")[2] for path in paths[last_poll + 1 :]]
    # The log of a failed job (--log-tail) is no evidence.
    assert [path for path in after if path != "attempt/get_for_job"] == [
        "jobs/get_without_logs",
        "stream_statuses/list",
    ]


def test_stream_states_are_not_read_while_the_job_runs() -> None:
    given = run("latest", script("running 900, succeeded"))

    paths = [request.path for request in given.sandbox.requests]
    assert sum("stream_statuses" in path for path in paths) == 1


# -- streams ---------------------------------------------------------------------------------


@versions
@pytest.mark.parametrize("life", [RUNS, "running 30, failed"])
def test_result_has_every_selected_stream(version: str, life: str) -> None:
    streams = (
        {"name": "orders", "namespace": "public"},
        "users",
        {"name": "old", "selected": False},
    )
    plot = script(life, records=90, streams={"users": {"ends": "incomplete"}})

    given = run(version, plot, streams=streams)

    found = result(given).streams or ()
    assert [(one.namespace, one.name) for one in found] == [("public", "orders"), (None, "users")]
    assert found[1].status == "incomplete"
    assert all((one.records_read or 0) > 0 for one in found)
    assert sum(one.records_read or 0 for one in found) == result(given).records_read
