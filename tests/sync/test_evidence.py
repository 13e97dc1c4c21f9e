"""What contradicts a success, and what does not: the pure rules of `sync/evidence.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte import mapping, wire
from airbyte_sync_cli.airbyte.models import StreamStatus
from airbyte_sync_cli.sync.evidence import Evidence, stream_rows
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.verification import Verification, verify, without_late

Json = dict[str, object]
STRICT = RunPolicy(verify=True)


def stats(read: int | None, written: int | None) -> Json:
    """Return an attempt's numbers; None leaves one out."""
    numbers = {"recordsEmitted": read, "recordsCommitted": written}
    return {name: number for name, number in numbers.items() if number is not None}


def an_attempt(number: int = 0, status: str = "succeeded", **more: object) -> Json:
    """Return an attempt in which 100 records were read and written."""
    return {"attempt": {"id": number, "status": status, "totalStats": stats(100, 100), **more}}


def evidence(
    *attempts: Json,
    job_type: str = "sync",
    streams: tuple[str, ...] = ("orders", "users"),
    states: dict[str, str] | None = None,
    filters_rows: bool | None = False,
    job: Json | None = None,
) -> Evidence:
    """Return the evidence of a succeeded job, of a response as Airbyte sends it."""
    fields = {
        "id": 7,
        "configType": job_type,
        "configId": "c",
        "status": "succeeded",
        "enabledStreams": [{"name": name} for name in streams],
        **(job or {}),
    }
    info = wire.ConfigJobInfo.model_validate({"job": fields, "attempts": list(attempts)})
    rows = None if states is None else _statuses(len(attempts) - 1, states)
    return Evidence(
        job=mapping.config_job(info),
        progress=mapping.progress(info),
        statuses=rows,
        filters_rows=filters_rows,
    )


def _statuses(attempt: int, states: dict[str, str]) -> list[StreamStatus]:
    rows = [
        {"streamName": name, "jobId": 7, "attemptNumber": attempt, "runState": state}
        for name, state in states.items()
    ]
    page = wire.ConfigStreamStatuses.model_validate({"streamStatuses": rows})
    return list(mapping.stream_statuses(page, job_id=7))


def kinds(found: Verification) -> list[str]:
    """Return the kinds of the findings."""
    return [finding.kind for finding in found.findings]


def of_streams(**numbers: tuple[int, int, int]) -> Json:
    """Return a job's numbers by its streams': read, written, rejected."""
    names = ("recordsEmitted", "recordsCommitted", "recordsRejected")
    rows = [
        {"streamName": name, **dict(zip(names, each, strict=True))}
        for name, each in numbers.items()
    ]
    sums = (sum(each) for each in zip(*numbers.values(), strict=True))
    return {
        "streamAggregatedStats": rows,
        "aggregatedStats": dict(zip(names, sums, strict=False)),
    }


NO_NUMBERS: Json = {
    "aggregatedStats": {"recordsEmitted": 0, "recordsCommitted": 0, "recordsRejected": 0},
    "streamAggregatedStats": [],
}
"""What Airbyte sums up where it has no statistics at all."""


# -- fires rightly ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (evidence(job=NO_NUMBERS), "no-attempt"),
        (evidence(an_attempt(totalStats=None), job=NO_NUMBERS), "no-statistics"),
        (evidence(an_attempt(totalStats={}), job=NO_NUMBERS), "no-statistics"),
        (evidence(an_attempt(totalStats=None), states={}, job=NO_NUMBERS), "no-statistics"),
        (
            evidence(
                an_attempt(0, "failed"),
                an_attempt(1, totalStats=None),
                states={},
                job={"aggregatedStats": stats(100, 100)},
            ),
            "no-statistics",
        ),
        (evidence(an_attempt(status="failed")), "attempt-not-succeeded"),
        (evidence(an_attempt(0, "failed"), an_attempt(1, "running")), "attempt-not-succeeded"),
        (evidence(an_attempt(totalStats=stats(24_300_000, 0))), "not-written"),
        (
            evidence(an_attempt(totalStats=None), job=of_streams(orders=(24_300_000, 0, 0))),
            "not-written",
        ),
        (evidence(an_attempt(), job=of_streams(orders=(100, 97, 3))), "rejected"),
        (
            evidence(an_attempt(totalStats=stats(100, 0)), job=of_streams(orders=(100, 0, 100))),
            "rejected",
        ),
        (
            evidence(an_attempt(), states={"orders": "COMPLETE", "users": "INCOMPLETE"}),
            "stream-incomplete",
        ),
        (
            evidence(
                an_attempt(), states={"orders": "COMPLETE"}, job=of_streams(orders=(100, 100, 0))
            ),
            "stream-missing",
        ),
    ],
)
def test_contradiction_is_one_finding(found: Evidence, kind: str) -> None:
    verification = verify(found, STRICT)

    assert kinds(verification) == [kind]
    assert verification.outcome == "failed"
    assert verification.unchecked == ()


def test_stream_without_written_records_is_named() -> None:
    own = [
        {"streamName": "orders", "stats": stats(60, 60)},
        {"streamName": "users", "stats": stats(40, 0)},
    ]

    [finding] = verify(evidence(an_attempt(streamStats=own)), STRICT).findings

    assert finding.kind == "not-written"
    assert str(finding.stream) == "users"


def test_rejected_records_are_named_by_stream() -> None:
    numbers = of_streams(orders=(100, 97, 3), users=(5, 5, 0))

    [finding] = verify(evidence(an_attempt(), job=numbers), STRICT).findings

    assert finding.message == "stream orders: 3 of 100 records were rejected by the destination"


# -- does not fire ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found",
    [
        # No new data: an orchestrator that ran leaves numbers, if only zeros.
        evidence(an_attempt(totalStats=stats(0, 0)), job=NO_NUMBERS),
        # A retry reads again: 150 were read in all, and the 100 of the last attempt written.
        evidence(
            an_attempt(0, "failed", totalStats=stats(50, 0)),
            an_attempt(1),
            job={"aggregatedStats": stats(150, 100)},
        ),
        # Only a part was written: rows may have been filtered out.
        evidence(an_attempt(totalStats=stats(100, 60))),
        # All rows were filtered out, by a filter or perhaps by one.
        evidence(an_attempt(totalStats=stats(100, 0)), filters_rows=True),
        evidence(an_attempt(totalStats=stats(100, 0)), filters_rows=None),
        # A number is missing: it is not 0.
        evidence(an_attempt(totalStats=stats(100, None))),
        # The stream that was deselected is not part of the job.
        evidence(
            an_attempt(), states={"orders": "COMPLETE", "users": "COMPLETE", "old": "INCOMPLETE"}
        ),
        # A source without stream statuses leaves them running; so does a late acknowledgement.
        evidence(an_attempt(), states={"orders": "RUNNING", "users": "RATE_LIMITED"}),
        evidence(an_attempt(), states={"orders": "COMPLETE", "users": "RUNNING"}),
        # A source that reports statuses only of streams with records.
        evidence(an_attempt(), states={"orders": "RUNNING"}),
        evidence(
            an_attempt(),
            states={"orders": "COMPLETE"},
            job=of_streams(orders=(9, 9, 0), users=(0, 0, 0)),
        ),
        # A clear reads nothing, and its streams are those of the connection.
        evidence(
            an_attempt(totalStats=None),
            job_type="clear",
            states={"orders": "INCOMPLETE"},
            job=NO_NUMBERS,
        ),
        evidence(an_attempt(totalStats=None), job_type="clear", job=NO_NUMBERS),
        evidence(an_attempt(totalStats=stats(0, 0)), job_type="reset_connection"),
        evidence(an_attempt(), job_type="clear", job=of_streams(orders=(1, 0, 1))),
        # A refresh may be of some streams.
        evidence(an_attempt(), job_type="refresh", states={"orders": "COMPLETE"}),
        # The last attempt has no statistics of its own, but the job has more than the others.
        evidence(
            an_attempt(0, "failed", totalStats=stats(50, 50)),
            an_attempt(1, totalStats=None),
            states={},
            job={"aggregatedStats": stats(80, 80)},
        ),
        evidence(
            an_attempt(0, "failed", totalStats=stats(50, 50)),
            an_attempt(1, totalStats=None),
            states={},
            job={"aggregatedStats": stats(80, 50)},
        ),
        evidence(
            an_attempt(0, "failed", totalStats=stats(50, 50)),
            an_attempt(1, totalStats=None),
            states={},
            job={"aggregatedStats": stats(50, 80)},
        ),
        # The job's numbers are those of two attempts: they are not the last one's.
        evidence(
            an_attempt(0, "failed", totalStats=None),
            an_attempt(1, totalStats=None),
            states={"orders": "RUNNING"},
            job={"aggregatedStats": stats(100, 0)},
        ),
        # Numbers that contradict each other.
        evidence(an_attempt(totalStats=stats(100, 0)), job=of_streams(orders=(100, 100, 0))),
        evidence(job=of_streams(orders=(5, 5, 0))),
        # Attempts in no order.
        evidence(an_attempt(1), an_attempt(0, "failed"), states={}),
    ],
)
def test_healthy_success_has_no_finding(found: Evidence) -> None:
    assert kinds(verify(found, STRICT)) == []


def test_incomplete_stream_of_an_earlier_attempt_is_no_finding() -> None:
    found = evidence(an_attempt(0, "failed"), an_attempt(1), states={"orders": "COMPLETE"})
    earlier = _statuses(0, {"orders": "INCOMPLETE", "users": "COMPLETE"})

    found = replace(found, statuses=[*earlier, *(found.statuses or ())])

    assert kinds(verify(found, STRICT)) == []


def test_stream_with_two_rows_in_one_attempt_completed_if_one_says_so() -> None:
    found = evidence(an_attempt(), states={"orders": "COMPLETE", "users": "COMPLETE"})
    again = _statuses(0, {"orders": "INCOMPLETE", "users": "RUNNING"})

    found = replace(found, statuses=[*(found.statuses or ()), *again])

    assert kinds(verify(found, STRICT)) == []
    assert {state for _, state in stream_rows(found) or ()} == {"complete"}


@pytest.mark.parametrize("status", ["failed", "cancelled", "running"])
def test_only_a_success_is_verified(status: str) -> None:
    found = evidence(an_attempt(status="failed"), job={"status": status})

    assert verify(found, STRICT) == Verification()


# -- unknown ---------------------------------------------------------------------------------


def unread(found: Evidence) -> Evidence:
    return replace(found, progress=None)


def read_too_early(found: Evidence) -> Evidence:
    assert found.progress is not None
    return replace(found, progress=replace(found.progress, status="running"))


@pytest.mark.parametrize("spoil", [unread, read_too_early])
def test_evidence_that_was_not_read_is_unknown(spoil: Callable[[Evidence], Evidence]) -> None:
    verification = verify(spoil(evidence(an_attempt(status="failed"))), STRICT)

    assert verification.outcome == "unknown"
    assert verification.findings == ()
    assert verification.unchecked[0].startswith("--verify: the success could not be checked")


def test_missing_statistics_beside_other_traces_are_unknown() -> None:
    found = evidence(
        an_attempt(totalStats=None), states={"orders": "COMPLETE", "users": "RUNNING"}
    )

    verification = verify(found, STRICT)

    assert verification.outcome == "unknown"
    assert "no statistics of its last attempt" in verification.unchecked[0]


def test_success_with_numbers_of_its_last_attempt_has_passed() -> None:
    verification = verify(evidence(an_attempt()), STRICT)

    assert verification == Verification(outcome="passed")


def test_clear_without_statistics_has_passed() -> None:
    found = evidence(an_attempt(totalStats=None), job_type="clear", job=NO_NUMBERS)

    assert verify(found, STRICT) == Verification(outcome="passed")


def test_numbers_of_a_single_attempt_may_be_those_of_the_job() -> None:
    found = evidence(an_attempt(totalStats=None), job=of_streams(orders=(5, 5, 0)))

    assert found.records_read == 5
    assert verify(found, STRICT).outcome == "passed"


def test_finding_that_may_pass_is_dropped_unless_it_is_required() -> None:
    found = evidence(an_attempt(totalStats=stats(100, 0)), job=of_streams(orders=(100, 0, 0)))

    contradicted = without_late(verify(found, RunPolicy()))
    required = without_late(verify(found, RunPolicy(min_records=1)))

    assert contradicted == Verification(outcome="unknown")
    assert (kinds(required), required.outcome) == (["min-records"], "failed")


def test_unknown_evidence_is_silent_unless_it_was_asked_for() -> None:
    assert verify(unread(evidence(an_attempt())), RunPolicy()).unchecked == ()


# -- what options require --------------------------------------------------------------------


def test_rejected_records_up_to_the_limit_are_no_requirement() -> None:
    found = evidence(an_attempt(), job=of_streams(orders=(100, 97, 3)))

    assert kinds(verify(found, RunPolicy(max_rejected=3))) == ["rejected"]
    assert kinds(verify(found, RunPolicy(max_rejected=2))) == ["max-rejected", "rejected"]
    assert [f.is_required for f in verify(found, RunPolicy(max_rejected=2)).findings] == [
        True,
        False,
    ]


def test_unknown_number_of_rejected_records_is_named_and_no_finding() -> None:
    verification = verify(evidence(an_attempt()), RunPolicy(max_rejected=0))

    assert verification.findings == ()
    assert verification.unchecked == (
        "--max-rejected: rejected records are unknown: this Airbyte reports none",
    )


STREAM_NUMBERS = of_streams(orders=(60, 60, 0), users=(40, 40, 0))


@pytest.mark.parametrize(
    ("wanted", "states", "expected"),
    [
        (("orders", None), {"orders": "COMPLETE", "users": "INCOMPLETE"}, ["stream-incomplete"]),
        (("users", None), {"orders": "COMPLETE", "users": "INCOMPLETE"}, ["require-stream"]),
        (("orders", 60), {"orders": "RUNNING"}, []),
        (("orders", 61), {"orders": "COMPLETE"}, ["require-stream"]),
        (("order", None), {"orders": "COMPLETE"}, ["require-stream"]),
    ],
)
def test_required_stream(
    wanted: tuple[str, int | None], states: dict[str, str], expected: list[str]
) -> None:
    found = evidence(an_attempt(), states=states, job=STREAM_NUMBERS)

    verification = verify(found, RunPolicy(require_streams=[wanted]))

    assert kinds(verification) == expected


def test_required_stream_can_be_named_with_its_namespace() -> None:
    numbers = of_streams(orders=(1, 1, 0))
    selected = [{"name": "orders", "namespace": "public"}, {"name": "orders", "namespace": "old"}]
    found = evidence(an_attempt(), job={**numbers, "enabledStreams": selected})

    one = verify(found, RunPolicy(require_streams=[("public.orders", None)]))
    both = verify(found, RunPolicy(require_streams=[("orders", None)]))

    assert (one.findings, len(one.unchecked)) == ((), 1)
    assert (both.findings, len(both.unchecked)) == ((), 2)


def test_other_findings_of_a_required_stream_stay() -> None:
    states = {"orders": "INCOMPLETE", "users": "COMPLETE"}
    found = evidence(an_attempt(), states=states, job=of_streams(orders=(9, 8, 1)))

    verification = verify(found, RunPolicy(require_streams=[("orders", None)]))

    assert kinds(verification) == ["require-stream", "rejected"]


def test_required_stream_of_a_clear_is_unknown() -> None:
    found = evidence(an_attempt(), job_type="clear", states={"orders": "INCOMPLETE"})

    assert verify(found, RunPolicy(require_streams=[("users", None)])).findings == ()
    assert verify(found, RunPolicy(require_streams=[("orders", None)])).findings == ()


def test_required_stream_without_status_is_named_as_unknown() -> None:
    found = evidence(an_attempt(), states=None, job=STREAM_NUMBERS)

    verification = verify(found, RunPolicy(require_streams=[("orders", 1)]))

    assert verification.findings == ()
    assert verification.unchecked == ("--require-stream orders: whether it completed is unknown",)


# -- streams for reports ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [("succeeded", "complete"), ("failed", "incomplete"), ("running", "running")],
)
def test_stream_without_final_state_ends_as_airbyte_shows_it(status: str, expected: str) -> None:
    found = evidence(an_attempt(), states={"orders": "RUNNING"}, job={"status": status})

    [orders, users] = stream_rows(found) or []

    assert (orders[0].name, orders[1]) == ("orders", expected)
    assert (users[0].name, users[1]) == ("users", None)


# -- healthy histories -----------------------------------------------------------------------


@dataclass
class History:
    """One healthy job, as Airbyte would have stored it."""

    job_type: str
    attempts: list[Json] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)
    """Stream statuses."""
    job: Json = field(default_factory=dict)
    filters_rows: bool | None = False


_counts = st.sampled_from([0, 0, 1, 7, 100, 24_300_000])


@st.composite
def healthy_histories(draw: st.DrawFn) -> tuple[History, bool]:
    """Draw a job that succeeded as it should, and whether its last numbers are still missing."""
    history = History(
        draw(st.sampled_from(["sync", "sync", "refresh", "clear", "reset_connection"]))
    )
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True))
    namespace = draw(st.sampled_from([None, "public"]))
    modes = {name: draw(st.sampled_from(["full_refresh", "incremental"])) for name in names}
    filtering = {name: draw(st.integers(0, 5)) == 0 for name in names}
    reports_statuses = draw(st.booleans())
    knows_rejected = draw(st.booleans())
    is_late = draw(st.booleans())
    number = draw(st.integers(1, 4))
    stored: dict[str, list[dict[str, int]]] = {name: [] for name in names}
    for index in range(number):
        is_last = index == number - 1
        own = {name: _moved(draw, filters=filtering[name], whole=is_last) for name in names}
        for name in names:
            # A stream without records and states has no row in the table of statistics.
            if own[name]["recordsEmitted"] or draw(st.booleans()):
                stored[name].append(own[name])
        has_output = is_last or draw(st.booleans())
        history.attempts.append(_attempt(index, own, is_last=is_last, has_output=has_output))
        history.rows += _rows(
            draw, index, names, namespace, reports=reports_statuses, is_last=is_last
        )
    history.filters_rows = (
        True if any(filtering.values()) else draw(st.sampled_from([False, None]))
    )
    _loses_something(draw, history, stored, is_late=is_late)
    history.job = _job(
        history, names, namespace, stored, modes=modes, knows_rejected=knows_rejected
    )
    return history, is_late


def _moved(draw: st.DrawFn, *, filters: bool, whole: bool) -> dict[str, int]:
    """Draw what a stream has read and written: all that was not filtered, once it completed."""
    read = draw(_counts)
    dropped = draw(st.integers(0, read)) if filters else 0
    written = read - dropped if whole else draw(st.integers(0, read - dropped))
    return {"recordsEmitted": read, "recordsCommitted": written}


def _attempt(
    index: int, own: dict[str, dict[str, int]], *, is_last: bool, has_output: bool
) -> Json:
    total = {key: sum(one[key] for one in own.values()) for key in next(iter(own.values()))}
    output: Json = {
        "totalStats": total,
        "streamStats": [{"streamName": name, "stats": each} for name, each in own.items()],
    }
    failure = {"failures": [{"failureOrigin": "source"}], "partialSuccess": True}
    return {
        "id": index,
        "status": "succeeded" if is_last else "failed",
        **(output if has_output else {}),
        **({} if is_last else {"failureSummary": failure}),
    }


def _rows(
    draw: st.DrawFn,
    index: int,
    names: list[str],
    namespace: str | None,
    *,
    reports: bool,
    is_last: bool,
) -> list[Json]:
    """Draw stream statuses: a source that reports none leaves its streams running."""
    states: list[str | None] = ["RUNNING", "RATE_LIMITED", "COMPLETE"]
    if not reports:
        states = ["RUNNING", None]
    elif not is_last:
        states = ["RUNNING", "RATE_LIMITED", "INCOMPLETE", "COMPLETE", None]
    rows: list[tuple[str, str | None]] = [(name, draw(st.sampled_from(states))) for name in names]
    # A stream that was selected when an earlier attempt began is not one of this job.
    rows += [("deselected", "INCOMPLETE")] if draw(st.integers(0, 9)) == 0 else []
    return [
        {
            "streamName": name,
            "streamNamespace": namespace or draw(st.sampled_from([None, ""])),
            "jobId": 7,
            "attemptNumber": index,
            "runState": state,
        }
        for name, state in rows
        if state is not None
    ]


def _loses_something(
    draw: st.DrawFn,
    history: History,
    stored: dict[str, list[dict[str, int]]],
    *,
    is_late: bool,
) -> None:
    """Leave out what some versions do not have, or what has not arrived yet."""
    last = history.attempts[-1]
    if is_late:
        last["totalStats"] = draw(
            st.sampled_from([None, {}, {"recordsEmitted": 5, "recordsCommitted": 0}])
        )
        last["streamStats"] = None
    elif any(row["attemptNumber"] == last["id"] for row in history.rows) and any(stored.values()):
        # A version that shows no statistics of attempts, but those of the job.
        last["totalStats"] = draw(st.sampled_from([last["totalStats"], None, {}]))
    if draw(st.booleans()):
        last["streamStats"] = None
    draw(st.randoms(use_true_random=False)).shuffle(history.attempts)


def _job(
    history: History,
    names: list[str],
    namespace: str | None,
    stored: dict[str, list[dict[str, int]]],
    *,
    modes: dict[str, str],
    knows_rejected: bool,
) -> Json:
    """Sum up the statistics of the attempts (StatsAggregationHelper.kt)."""
    rows: list[Json] = []
    total = {"recordsEmitted": 0, "recordsCommitted": 0}
    for name in names:
        counted = stored[name][-1:] if modes[name] == "full_refresh" else stored[name]
        if counted:
            sums = {key: sum(each[key] for each in counted) for key in total}
            total = {key: total[key] + sums[key] for key in total}
            rejected = {"recordsRejected": 0} if knows_rejected else {}
            rows.append({"streamName": name, "streamNamespace": namespace, **sums, **rejected})
    return {
        "id": 7,
        "configType": history.job_type,
        "configId": "c",
        "status": "succeeded",
        "enabledStreams": [{"name": name, "namespace": namespace} for name in names],
        "aggregatedStats": {**total, **({"recordsRejected": 0} if knows_rejected else {})},
        "streamAggregatedStats": rows,
    }


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(drawn=healthy_histories(), reads=st.sampled_from(["all", "no statuses", "job only"]))
def test_healthy_histories_have_no_finding(drawn: tuple[History, bool], reads: str) -> None:
    history, is_late = drawn
    info = wire.ConfigJobInfo.model_validate(
        {"job": history.job, "attempts": [{"attempt": one} for one in history.attempts]}
    )
    page = wire.ConfigStreamStatuses.model_validate({"streamStatuses": history.rows})
    found = Evidence(
        job=mapping.config_job(info),
        progress=None if reads == "job only" else mapping.progress(info),
        statuses=mapping.stream_statuses(page, job_id=7) if reads == "all" else None,
        filters_rows=history.filters_rows,
    )

    findings = verify(found, STRICT).findings

    # What has not arrived yet may look odd, but then it is waited for.
    assert [one for one in findings if not (is_late and one.may_pass)] == []
