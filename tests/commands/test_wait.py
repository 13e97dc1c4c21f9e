"""`wait` over a real socket: statuses, outages, deadlines, poll intervals. Pauses are short."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.program import (
    CommandResult,
    FollowingClock,
    HurriedClock,
    Outside,
    assert_told_well,
    call,
    call_in,
)
from tests.support.relays import counting, front
from tests.support.servers import Asked, Stage, response


def a_job(life: str, *faults: str) -> Sandbox:
    """Return a sandbox whose job 1 has this life; its clock follows the program's pauses."""
    sandbox = Sandbox(clock=FollowingClock())
    sandbox.start_job(sandbox.add_connection("orders", script=JobScript(life=life)))
    for fault in faults:
        sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


def wait(url: str, *argv: str) -> CommandResult:
    return call("wait", "1", "-o", "json", "--heartbeat", "0", *argv, AIRBYTE_URL=url)


# Statuses


@pytest.mark.parametrize(
    ("life", "code"),
    [
        ("running 10, incomplete 1800, running 10, succeeded", 0),
        ("running 10, incomplete 0.2, failed", 3),
        ("pending 10, queued 60, running 10, succeeded", 0),
    ],
)
def test_wait_ends_only_at_final_status(stage: Stage, life: str, code: int) -> None:
    ending = wait(stage.sandbox(a_job(life)))

    assert ending.code == code
    assert ending.report["warnings"] == []


def test_job_queued_for_15_minutes_is_one_warning(stage: Stage) -> None:
    ending = wait(stage.sandbox(a_job("queued 1200, running 1, succeeded")))

    assert ending.code == 0
    [warning] = ending.report["warnings"]
    assert "has been queued for 15 minutes" in warning
    assert "--start-timeout sets a limit" in warning


def test_start_timeout_ignores_job_that_has_started(stage: Stage) -> None:
    url = stage.sandbox(a_job("running 30, incomplete 5, pending 5, running 5, succeeded"))

    assert wait(url, "--start-timeout", "1s").code == 0


# Outages


@pytest.mark.parametrize(
    "fault",
    [
        *(f"job:{status}:times=20" for status in (408, 429, 500, 503, 504, 520, 561)),
        "job:lost-before:times=20",
        "job:truncate:times=20",
        *(f"job:{what}:times=2" for what in ("html", "bad-json", "wrong-shape", "login")),
        "job:never:times=2",
    ],
)
def test_temporary_errors_are_tolerated(stage: Stage, fault: str) -> None:
    """Twenty polls take nine minutes; other errors than an outage are tolerated for one minute."""
    sandbox = a_job("running 10, succeeded", f"{fault}:api=public:after=1")

    ending = wait(stage.sandbox(sandbox), "--request-timeout", "0.2s")

    assert ending.code == 0, ending.stderr


def test_temporary_dns_failure_is_tolerated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = socket.getaddrinfo, []

    def look_up(host: str | bytes | None, *args: Any, **more: Any) -> Any:  # noqa: ANN401  # as the real one
        if host not in {"airbyte.test", b"airbyte.test"}:
            return real(host, *args, **more)
        asked.append(host)
        if 6 < len(asked) <= 26:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    # Behind this relay, every request opens a new connection.
    job = a_job("running 3600, succeeded")  # longer than those lookups take
    server = front(stage, stage.sandbox(job), lambda _: None)

    ending = wait(server.url.replace("127.0.0.1", "airbyte.test"))

    assert ending.code == 0, ending.stderr
    assert len(asked) > 26
    assert "name does not resolve" in ending.warnings[0]


def test_outage_is_logged_at_start_and_end(stage: Stage) -> None:
    ending = wait(stage.sandbox(a_job("running 10, succeeded", "job:503:after=1:times=9")))

    assert ending.code == 0
    assert ending.stderr.count("Airbyte is unreachable") == 1
    assert ending.stderr.count("Airbyte is reachable again") == 1
    began = next(at for at, pause in enumerate(ending.pauses) if pause >= 1.5)
    assert ending.pauses[began : began + 4] == sorted(ending.pauses[began : began + 4])
    assert all(24 <= pause <= 30 for pause in ending.pauses[began + 4 : began + 9])


@pytest.mark.parametrize(
    ("given", "between"),
    [
        ("120", (120, 121)),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), (300, 301)),
        ("999999999", (300, 301)),
        ("soon", (1, 30)),
        ("-5", (1, 30)),
    ],
    ids=["seconds", "a date", "absurd", "nonsense", "negative"],
)
def test_retry_after_is_honoured_up_to_five_minutes(
    stage: Stage, given: str, between: tuple[float, float]
) -> None:
    fault = {"when": "job", "action": "rate-limit", "api": "public", "after": 1, "times": 1}
    sandbox = a_job("running 3, succeeded")
    sandbox.faults.add(Fault.model_validate({**fault, "retry_after": given}))

    ending = wait(stage.sandbox(sandbox))

    assert ending.code == 0
    assert between[0] <= max(ending.pauses) <= between[1]


# Deadlines


def test_default_timeout_is_three_days_and_0_is_none(stage: Stage) -> None:
    daily = ("--poll-interval", "24h")
    url = stage.sandbox(a_job("running 400000, succeeded"))

    by_default = wait(url, *daily)
    without = wait(url, *daily, "--timeout", "0")

    assert_told_well(by_default, 5)
    assert without.code == 0


def test_last_pause_ends_at_deadline_followed_by_one_poll(stage: Stage) -> None:
    sandbox = a_job("running 90000, succeeded")

    ending = wait(stage.sandbox(sandbox), "--timeout", "5m", "--poll-interval", "2m")

    assert_told_well(ending, 5)
    last = pytest.approx(60, abs=20)  # minus the time of the polls
    assert ending.pauses == [120, 120, last]
    assert (
        len([one for one in sandbox.sent("job") if one.method == "GET"]) == 5
    )  # 1 to read the name
    assert sandbox.sent("cancel") == []


def test_job_that_ended_before_deadline_is_no_timeout(stage: Stage) -> None:
    """Only the last poll, after the deadline, can see its end."""
    sandbox = a_job("running 90000, succeeded")
    done = {"jobId": 1, "status": "succeeded", "jobType": "sync"}
    done |= {"connectionId": sandbox.connections[0].id, "startTime": "2026-01-01T00:00:00Z"}
    looks: list[Asked] = []

    def meddle(asked: Asked) -> bytes | None:
        looks.extend([asked] * asked.target.endswith("/public/v1/jobs/1"))
        return response(200, done) if len(looks) >= 5 else None

    server = front(stage, stage.sandbox(sandbox), meddle)

    ending = wait(server.url, "--timeout", "5m", "--poll-interval", "2m")

    assert (ending.code, ending.report["syncs"][0]["status"]) == (0, "succeeded")


@pytest.mark.parametrize("hours", [-1, 1])
def test_jumping_wall_clock_moves_no_deadline(stage: Stage, hours: int) -> None:
    url = stage.sandbox(a_job("running 5, succeeded"))
    asked: list[int] = []

    def jump() -> timedelta:
        asked.append(1)
        return timedelta(hours=hours * (len(asked) > 5))

    ending = call_in(
        Outside(clock=HurriedClock(ahead=jump)),
        *("wait", "1", "--timeout", "30m"),
        AIRBYTE_URL=url,
    )

    assert ending.code == 0
    assert len(asked) > 5


# Poll interval


def test_pauses_grow_from_1_second_to_a_share_of_the_wait(stage: Stage) -> None:
    sandbox = a_job("running 1000, succeeded")

    ending = wait(stage.sandbox(sandbox))

    assert ending.code == 0
    longest = 1000 / 25 * 1.1  # a share of the wait, and jitter: see docs/polling.md
    assert all(1 <= pause <= longest for pause in ending.pauses)
    assert max(ending.pauses) > 30, "ever less often"
    assert ending.pauses[0] < 2, "soon after the start"
    assert len(sandbox.sent("job")) <= 2 * len(ending.pauses) + 6


def test_pauses_are_shorter_near_expected_end(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=1))
    past = (JobScript(life="running 300, succeeded"),) * 3
    sandbox.add_connection("orders", script=JobScript(life="running"), history=past)
    argv = ("run", "-c", "orders", "--heartbeat", "0", "--timeout", "6m", "--on-timeout", "leave")

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    looks = list(zip(accumulate(ending.pauses), ending.pauses[1:], strict=False))
    assert ending.code == 5
    assert max(pause for at, pause in looks if 285 < at < 315) < 5
    assert max(pause for at, pause in looks if 120 < at < 200) > 10


def test_wait_reuses_its_connections(stage: Stage) -> None:
    sandbox = a_job("running 1000, succeeded")
    relay = stage.enter(counting(stage.sandbox(sandbox)))

    ending = wait(relay.url)

    assert ending.code == 0
    assert len(sandbox.requests) > 40
    assert relay.connections <= 4


# By connection


def by_name(url: str, *argv: str) -> CommandResult:
    return call("wait", *argv, "-o", "json", "--heartbeat", "0", AIRBYTE_URL=url)


def test_wait_by_connection_waits_for_its_active_job(stage: Stage) -> None:
    sandbox = a_job("running 30, failed")

    ending = by_name(stage.sandbox(sandbox), "--conn", "orders")

    assert ending.code == 3
    [sync] = ending.report["syncs"]
    assert (sync["job_id"], sync["status"], sync["adopted"]) == (1, "failed", True)
    assert [job.status for job in sandbox.jobs] == ["failed"]


def test_without_active_job_the_latest_is_reported_at_once(stage: Stage) -> None:
    sandbox = Sandbox()
    done = JobScript(life="running 60, succeeded")
    sandbox.add_connection("orders", history=[done, JobScript(life="running 60, failed")])
    url = stage.sandbox(sandbox)

    ending = call("wait", "--conn", "orders", AIRBYTE_URL=url)

    assert ending.code == 3
    assert "] already ended: failed, 59m" in ending.stderr
    assert ending.pauses == []


def test_several_connections_and_tags_end_in_their_order(stage: Stage) -> None:
    sandbox = a_job("running 30, succeeded")
    sandbox.add_connection("new", tags=("nightly",))
    events = sandbox.add_connection("events", script=JobScript(life="running 5, succeeded"))
    sandbox.start_job(events)

    url = stage.sandbox(sandbox)
    ending = by_name(url, "--conn", "events", "--tag", "nightly", "--conn", "orders")

    assert ending.code == 7
    found = [(one["connection_name"], one["exit_code"]) for one in ending.report["syncs"]]
    assert found == [("events", 0), ("orders", 0), ("new", 7)]
    assert ending.report["error"]["message"] == "'new' has no job yet"


def test_connection_in_the_environment_is_not_waited_for() -> None:
    """A template that renders no job id must not report yesterday's success."""
    ending = call("wait", AIRBYTE_CONNECTION="orders", AIRBYTE_URL="http://127.0.0.1:1")
    assert_told_well(ending, 2)


def test_timeout_of_wait_by_connection_leaves_the_job(stage: Stage) -> None:
    sandbox = a_job("running 600, succeeded")

    ending = by_name(stage.sandbox(sandbox), "--conn", "orders", "--timeout", "5")

    assert ending.code == 5
    assert ending.report["syncs"][0]["job_id"] == 1
    assert not any(record.name == "cancel" for record in sandbox.requests)


def test_unreachable_server_of_wait_by_connection_is_unavailable() -> None:
    url = "http://127.0.0.1:1"
    ending = by_name(url, "--conn", "orders", "--max-outage", "1s")
    assert ending.code == 9
    assert ending.report["syncs"] == []
