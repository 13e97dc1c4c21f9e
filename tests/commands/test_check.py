"""`check`: each step can fail, and later steps are then not run."""

import ssl

import pytest

from airbyte_sync_cli.output.listings import steps_text
from airbyte_sync_cli.output.report import StepRow
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.redaction import MASK, forget_all, remember
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.certificates import Certificates
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.servers import Stage, always

TO_THE_PORT = ["address", "dns", "tcp"]
TO_THE_SERVER = [*TO_THE_PORT, "api", "sign-in", "config-api", "version"]
LOGIN = "<html><title>Sign in</title><form><input type='password'></form></html>"


def check(*argv: str, **environ: str) -> CommandResult:
    return call("check", *argv, "-o", "json", **environ)


def names(ending: CommandResult) -> list[str]:
    return [step["name"] for step in ending.report["steps"]]


def outcomes(ending: CommandResult) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in ending.report["steps"]}


def assert_breaks_at(ending: CommandResult, name: str, code: int) -> None:
    """Assert which step failed, and that it is the last one and the error."""
    assert_told_well(ending, code)
    *before, last = ending.report["steps"]
    assert (last["name"], last["outcome"]) == (name, "failed")
    assert "failed" not in [step["outcome"] for step in before]
    assert last["message"] == ending.report["error"]["message"]
    assert "airbyte-sync check" not in (last["hint"] or "")


def a_sandbox(**fields: object) -> Sandbox:
    sandbox = Sandbox(SandboxConfig.model_validate(fields))
    sandbox.add_connection("orders", history=(JobScript(life="running 5, succeeded"),))
    return sandbox


def test_check_without_failures_exits_0_with_every_step(stage: Stage) -> None:
    ending = check(AIRBYTE_URL=stage.sandbox(a_sandbox()))

    assert ending.code == 0
    assert names(ending) == TO_THE_SERVER
    assert set(outcomes(ending).values()) == {"ok"}
    assert ending.report["error"] is None


def test_check_starts_nothing(stage: Stage) -> None:
    sandbox = a_sandbox()

    check("--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox))

    assert sandbox.sent("trigger") == sandbox.sent("cancel") == []
    assert len(sandbox.jobs) == 1


def test_check_of_connection_shows_its_latest_job(stage: Stage) -> None:
    ending = check(AIRBYTE_URL=stage.sandbox(a_sandbox()), AIRBYTE_CONNECTION="orders")

    assert names(ending) == [*TO_THE_SERVER, "connection", "job"]
    assert "the latest is 1, a sync: succeeded" in ending.report["steps"][-1]["message"]


def test_connection_with_schedule_is_a_warning(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("nightly", schedule="cron 0 0 3 * * ?")

    ending = check("--conn", "nightly", AIRBYTE_URL=stage.sandbox(sandbox))

    step = next(one for one in ending.report["steps"] if one["name"] == "connection")
    assert step["outcome"] == "warning"
    assert "it also runs on a schedule (0 0 3 * * ?" in step["hint"]
    assert ending.code == 0


def test_address_with_typo_fails_address_step() -> None:
    assert_breaks_at(check("--url", "http://airbyte/api/publc/v1"), "address", 2)


def test_unresolvable_name_fails_dns_step() -> None:
    ending = check("--url", "http://airbyte.nowhere.invalid")

    assert_breaks_at(ending, "dns", 9)
    assert names(ending) == ["address", "dns"]


def test_closed_port_fails_tcp_step() -> None:
    assert_breaks_at(check("--url", "http://127.0.0.1:9"), "tcp", 9)


def test_unreachable_default_address_has_port_forward_hint() -> None:
    ending = check()

    if ending.code == 9:  # port 8000 is free on this machine
        assert "kubectl port-forward" in ending.report["error"]["hint"]
        assert "AIRBYTE_URL" in ending.report["error"]["hint"]


def test_self_signed_certificate_fails_tls_step(stage: Stage, certificates: Certificates) -> None:
    url = _with_tls(stage, certificates.self_signed())

    ending = check(AIRBYTE_URL=url)

    assert_breaks_at(ending, "tls", 9)
    assert "--ca-bundle" in ending.report["error"]["hint"]


def test_private_ca_is_shown_in_tls_step(stage: Stage, certificates: Certificates) -> None:
    url = _with_tls(stage, certificates.server("127.0.0.1"))

    ending = check(AIRBYTE_URL=url, AIRBYTE_CA_BUNDLE=str(certificates.bundle))

    tls = next(step for step in ending.report["steps"] if step["name"] == "tls")
    assert tls["outcome"] == "ok"
    assert "certificate of trustme" in tls["message"]
    assert "days" in tls["message"]


def test_unreachable_proxy_fails_tcp_step_and_is_named() -> None:
    ending = check(
        "--url", "http://airbyte.example.com", HTTP_PROXY="http://u:secretword@127.0.0.1:9"
    )

    assert_breaks_at(ending, "tcp", 9)
    assert "the proxy 127.0.0.1:9" in ending.report["error"]["message"]
    assert "HTTP_PROXY" in ending.report["error"]["hint"]
    assert "secretword" not in ending.stdout + ending.stderr


def test_login_page_fails_api_step(stage: Stage) -> None:
    server = stage.scripted(always(200, LOGIN, content_type="text/html"))

    ending = check(AIRBYTE_URL=server.url)

    assert_breaks_at(ending, "api", 6)
    assert "--iap-audience" in ending.report["error"]["hint"]


def test_503_fails_api_step(stage: Stage) -> None:
    server = stage.scripted(always(503, "down"))

    assert_breaks_at(check(AIRBYTE_URL=server.url), "api", 9)


def test_missing_credentials_fail_sign_in_step(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(auth="client-credentials"))

    ending = check(AIRBYTE_URL=url)

    assert_breaks_at(ending, "sign-in", 6)
    assert "AIRBYTE_CLIENT_ID" in ending.report["error"]["hint"]


def test_wrong_secret_fails_sign_in_step(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(auth="client-credentials"))

    ending = check(AIRBYTE_URL=url, AIRBYTE_CLIENT_ID="x", AIRBYTE_CLIENT_SECRET="canary-wrong")

    assert_breaks_at(ending, "sign-in", 6)
    assert "canary-wrong" not in ending.stdout + ending.stderr


def test_unreachable_config_api_is_a_warning(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.faults.add(Fault(when="jobs", action="status", status=403, api="config"))

    ending = check(AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert outcomes(ending)["config-api"] == "warning"


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("version", ["0.63", "1.6", "1.7", "2.0"])
def test_check_passes_every_step_in_every_version(stage: Stage, version: str, api: str) -> None:
    url = stage.sandbox(a_sandbox(airbyte_version=version))

    ending = check("--api", api, "--conn", "orders", AIRBYTE_URL=url)

    assert set(outcomes(ending).values()) == {"ok"}


def test_unknown_connection_fails_connection_step(stage: Stage) -> None:
    ending = check("--conn", "ordrs", AIRBYTE_URL=stage.sandbox(a_sandbox()))

    assert_breaks_at(ending, "connection", 7)
    assert "did you mean 'orders'" in ending.report["error"]["hint"]


def test_inactive_connection_fails_connection_step(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("orders", status="inactive")

    assert_breaks_at(
        check("--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox)), "connection", 11
    )


def test_inactive_connection_has_its_reason_and_link(stage: Stage) -> None:
    sandbox = Sandbox()
    reason = "TOO_MANY_FAILED_JOBS_WITH_NO_RECENT_SUCCESS"
    orders = sandbox.add_connection("orders", status="inactive", disabled_reason=reason)

    error = check("--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox)).report["error"]

    assert "because of too many failed jobs in a row" in error["message"]
    assert error["hint"].endswith(f"/connections/{orders.id}")


def test_breaking_change_of_active_connection_is_a_warning(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("orders", breaking_change=True)

    ending = check("--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox))

    step = next(one for one in ending.report["steps"] if one["name"] == "connection")
    assert (ending.code, step["outcome"]) == (0, "warning")
    assert step["hint"].startswith("a breaking change of the source's schema is not reviewed")
    assert step["hint"].endswith("/replication")


@pytest.mark.parametrize(("blocks", "mark"), [(True, "✗"), (False, "X")])
def test_failed_step_is_marked_with_hint_below(blocks: bool, mark: str) -> None:  # noqa: FBT001
    rows = [
        StepRow(name="dns", outcome="ok", message="10.0.0.1", seconds=0.003),
        StepRow(name="tcp", outcome="failed", message="refused", hint="start it", seconds=1.5),
    ]

    lines = steps_text(rows, Screen(width=80, unicode=blocks)).splitlines()

    assert lines[0].split()[1:] == ["dns", "3", "ms", "10.0.0.1"]
    assert lines[1].split() == [mark, "tcp", "1.5", "s", "refused"]
    assert lines[2].strip() == "start it"
    assert lines[2].index("start") == lines[1].index("refused")


def _with_tls(stage: Stage, context: ssl.SSLContext) -> str:
    answer = always(200, {"available": True})
    return f"https://127.0.0.1:{stage.scripted(answer, tls=context).port}"


def test_secret_is_masked_before_text_is_folded() -> None:
    forget_all()
    remember("canary-canary canary-canary canary")
    row = StepRow(
        name="sign-in",
        outcome="failed",
        message="403 (canary-canary canary-canary canary)",
        hint="give canary-canary canary-canary canary another day, and a very long one at that",
        seconds=0.1,
    )

    drawn = steps_text([row], Screen(width=50))

    forget_all()
    assert "canary" not in drawn
    assert drawn.count(MASK) == 2


def test_needless_credentials_are_one_warning(stage: Stage) -> None:
    sandbox = a_sandbox(auth="none")

    ending = check(
        *("--conn", "orders"),
        AIRBYTE_URL=stage.sandbox(sandbox),
        AIRBYTE_CLIENT_ID="needless",
        AIRBYTE_CLIENT_SECRET="canary-needless",
    )

    assert ending.code == 0
    assert len(ending.warnings) == len(ending.report["warnings"]) == 1
    step = next(one for one in ending.report["steps"] if one["name"] == "sign-in")
    assert step["message"] == "without credentials: this server has no token endpoint"
    assert step["hint"] == "a client id is set, which this server does not need"
    assert [name for name, outcome in outcomes(ending).items() if outcome == "warning"] == [
        "sign-in"
    ]
