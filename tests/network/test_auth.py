"""Every kind of credentials, over a real socket, with several versions of Airbyte."""

import base64
import json
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from tests.support.program import assert_told_well, call, start
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Asked, Stage, always, response

APPLICATION = {
    "AIRBYTE_CLIENT_ID": "sandbox-client-id",
    "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
}
BASIC = {"AIRBYTE_USERNAME": "airbyte", "AIRBYTE_PASSWORD": "password"}
PUBLIC_TOKEN = "/api/public/v1/applications/token"
CONFIG_TOKEN = "/api/v1/applications/token"


def tokens(sandbox: Sandbox) -> list[str]:
    """Return the paths from which tokens were issued."""
    asked = [one for one in sandbox.requests if one.path.endswith("/applications/token")]
    return [one.path for one in asked if one.answered == [200]]


def refusals(sandbox: Sandbox) -> int:
    """Return the number of 401 responses."""
    return sum(401 in one.answered for one in sandbox.requests)


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("0.63", CONFIG_TOKEN),
        ("1.0", PUBLIC_TOKEN),
        ("1.5", PUBLIC_TOKEN),
        ("1.8", PUBLIC_TOKEN),
        ("2.0", PUBLIC_TOKEN),
        ("latest", PUBLIC_TOKEN),
    ],
)
def test_each_version_has_its_token_endpoint(stage: Stage, version: str, path: str) -> None:
    sandbox = a_sandbox(auth="client-credentials", airbyte_version=version)
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **APPLICATION)
    assert ending.code == 0, ending.stderr
    assert tokens(sandbox) == [path]


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("version", ["1.0", "latest"])
def test_token_works_for_both_apis(stage: Stage, version: str, api: str) -> None:
    sandbox = a_sandbox(auth="client-credentials", airbyte_version=version)
    url = stage.sandbox(sandbox)
    assert call(*LOOK, "--api", api, AIRBYTE_URL=url, **APPLICATION).code == 0
    assert len(tokens(sandbox)) == 1


def test_token_request_body_is_json(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **APPLICATION)
    asked = next(one for one in sandbox.requests if one.path == PUBLIC_TOKEN)
    assert asked.headers["content-type"] == "application/json"
    assert (asked.json or {})["client_id"] == "sandbox-client-id"
    assert (asked.json or {})["client_secret"] == "sandbox-client-secret"


def test_process_signs_in(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(auth="client-credentials"))
    assert start(*LOOK, AIRBYTE_URL=url, **APPLICATION).code == 0


@pytest.mark.parametrize("version", ["1.0", "2.0", "latest"])
def test_wrong_secret_is_denied_with_any_status(stage: Stage, version: str) -> None:
    sandbox = a_sandbox(auth="client-credentials", airbyte_version=version)
    wrong = {**APPLICATION, "AIRBYTE_CLIENT_SECRET": "wrong-secret"}
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **wrong)
    assert_told_well(ending, 6)
    assert "the client id and secret were rejected" in ending.stderr


def test_missing_credentials_are_denied(stage: Stage) -> None:
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(a_sandbox(auth="client-credentials")))
    assert_told_well(ending, 6)
    assert "AIRBYTE_CLIENT_ID" in ending.lines("hint: ")[0]


def test_server_without_token_endpoint_is_warning(stage: Stage) -> None:
    sandbox = a_sandbox(auth="none")
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **APPLICATION)
    assert ending.code == 0
    assert len(ending.warnings) == 1
    assert "its authentication is off: continuing without the client id" in ending.warnings[0]
    assert not any("authorization" in one.headers for one in sandbox.requests)


def long_wait(stage: Stage, sandbox: Sandbox) -> tuple[int, Sandbox]:
    """Wait for a job of an hour; if the sandbox's clock follows, tokens alone do not expire."""
    script = JobScript(life="running 3600, succeeded")
    job = sandbox.start_job(sandbox.add_connection("slow", script=script))
    url = stage.sandbox(sandbox)
    wait = ("wait", str(job.id), "--heartbeat", "0", "--poll-interval", "30s", "-o", "json")
    return call(*wait, AIRBYTE_URL=url, **APPLICATION).code, sandbox


def test_token_is_renewed_before_expiry(stage: Stage) -> None:
    """Tokens live for 15 minutes since 1.6, by the program's own clock."""
    code, sandbox = long_wait(stage, a_sandbox(auth="client-credentials", airbyte_version="1.8"))
    assert (code, refusals(sandbox)) == (0, 0)
    assert len(tokens(sandbox)) >= 2


def test_wrong_expires_in_is_ignored(stage: Stage) -> None:
    """1.0 claims 180 s for 24 hours: the token's own `exp` counts, one token is enough."""
    code, sandbox = long_wait(stage, a_sandbox(auth="client-credentials", airbyte_version="1.0"))
    assert (code, len(tokens(sandbox))) == (0, 1)


def test_token_expiring_during_wait_is_renewed_once(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials", airbyte_version="1.0")
    sandbox.faults.add(Fault(when="job", action="expire-tokens", nth=5))
    code, sandbox = long_wait(stage, sandbox)
    assert (code, refusals(sandbox), len(tokens(sandbox))) == (0, 1, 2)


def test_one_renewal_serves_many_waits(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials", airbyte_version="1.0")
    script = JobScript(life="running 60, succeeded")
    many = [sandbox.add_connection(f"c{number}", script=script) for number in range(12)]
    ids = [str(sandbox.start_job(one).id) for one in many]
    sandbox.faults.add(Fault(when="job", action="expire-tokens", nth=15))
    url = stage.sandbox(sandbox)
    ending = call("wait", *ids, "--heartbeat", "0", "-o", "json", AIRBYTE_URL=url, **APPLICATION)
    assert ending.code == 0, ending.stderr
    assert refusals(sandbox) >= 1
    assert len(tokens(sandbox)) == 2


def test_lasting_401_renews_token_once(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    sandbox.faults.add(Fault(when="connections", action="status", status=401))
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **APPLICATION)
    assert_told_well(ending, 6)
    assert len(tokens(sandbox)) == 2


@pytest.mark.parametrize(
    "given",
    ["{url}/odd/token", "{place}/odd/token", "//{place}/odd/token", "/odd/token", "odd/token"],
)
def test_token_url_can_be_set(stage: Stage, given: str) -> None:
    seen: list[str] = []

    def answer(asked: Asked) -> bytes:
        seen.append(asked.target)
        if asked.target.endswith("/odd/token"):
            return response(200, {"access_token": "odd-token-1"})
        right = asked.headers.get("authorization") == "Bearer odd-token-1"
        return response(200, {"data": []}) if right else response(401, {"message": "no"})

    url = stage.scripted(answer).url
    named = given.format(url=url, place=url.removeprefix("http://"))
    ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_TOKEN_URL=named, **APPLICATION)
    assert ending.code == 7
    assert next(path for path in seen if path.endswith("token")).endswith("odd/token")


@pytest.mark.parametrize(
    "body",
    [{}, {"access_token": None}, {"access_token": ""}, [], "no JSON {", {"access_token": "a\nb"}],
)
def test_response_without_token_is_protocol_error(stage: Stage, body: object) -> None:
    server = stage.scripted(always(200, body))
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **APPLICATION)
    assert_told_well(ending, 10)
    assert "the response has no token" in ending.stderr


def test_endless_token_response_is_cut(stage: Stage) -> None:
    server = stage.scripted(always(200, b" " * 2_000_000))
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **APPLICATION)
    assert_told_well(ending, 10)
    assert "larger than" in ending.stderr


@pytest.mark.parametrize("name", ["AIRBYTE_TOKEN", "AIRBYTE_BEARER_TOKEN"])
@pytest.mark.parametrize("text", ["a-ready-token", "Bearer a-ready-token", " a-ready-token\n"])
def test_ready_token_is_sent(stage: Stage, name: str, text: str) -> None:
    sandbox = a_sandbox()
    assert call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **{name: text}).code == 0
    shown = {one.headers.get("authorization") for one in sandbox.requests}
    assert shown == {"Bearer a-ready-token"}


def test_expired_ready_token_is_named_with_expiry(stage: Stage) -> None:
    claims = base64.urlsafe_b64encode(b'{"exp": 1600000000}').decode().rstrip("=")
    url = stage.sandbox(a_sandbox(auth="client-credentials"))
    ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_TOKEN=f"e30.{claims}.sig")
    assert_told_well(ending, 6)
    assert "expired at 2020-09-13" in ending.stderr


@pytest.mark.parametrize(
    "second", ["second-token\n", "Bearer second-token", "bearer second-token"]
)
def test_refused_token_file_is_read_again(stage: Stage, tmp_path: Path, second: str) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")

    def answer(asked: Asked) -> bytes:
        if asked.headers.get("authorization") == "Bearer second-token":
            return response(200, {"data": []})
        file.write_text(second, encoding="utf-8-sig")
        return response(401, {"message": "Unauthorized"})

    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(answer).url, AIRBYTE_TOKEN_FILE=str(file))
    assert ending.code == 7  # authenticated: there is no such connection


def test_invalid_token_in_file_is_denied(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")

    def answer(_: Asked) -> bytes:
        file.write_text("second-canary\nof two lines")
        return response(401, {"message": "Unauthorized"})

    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(answer).url, AIRBYTE_TOKEN_FILE=str(file))
    assert_told_well(ending, 6)
    assert "the secret contains a line break" in ending.warnings[0]
    assert "canary" not in ending.stdout + ending.stderr


def test_user_name_and_password_are_sent(stage: Stage) -> None:
    sandbox = a_sandbox(auth="basic", airbyte_version="0.63")
    url = stage.sandbox(sandbox)
    assert call(*LOOK, AIRBYTE_URL=url, **BASIC).code == 0
    assert_told_well(call(*LOOK, AIRBYTE_URL=url), 6)
    assert_told_well(call(*LOOK, AIRBYTE_URL=url, **{**BASIC, "AIRBYTE_PASSWORD": "no"}), 6)


def test_credentials_in_address_are_user_name_and_password(stage: Stage) -> None:
    sandbox = a_sandbox(auth="basic", password="p@ss:w/rd")
    url = stage.sandbox(sandbox).replace("http://", "http://airbyte:p%40ss%3Aw%2Frd@")
    ending = call(*LOOK, "-vv", AIRBYTE_URL=url)
    assert ending.code == 0, ending.stderr
    assert "p%40ss" not in ending.stderr


def test_client_id_at_basic_auth_proxy_hints_at_user_name(stage: Stage) -> None:
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(a_sandbox(auth="basic")), **APPLICATION)
    assert_told_well(ending, 6)
    assert "AIRBYTE_USERNAME" in ending.lines("hint: ")[0]


def test_every_secret_can_be_read_from_file(stage: Stage, tmp_path: Path) -> None:
    def file(name: str, content: str) -> str:
        (tmp_path / name).write_text(content + "\n")
        return str(tmp_path / name)

    application = a_sandbox(auth="client-credentials")
    basic = a_sandbox(auth="basic")
    ready = a_sandbox()
    ways: list[tuple[Sandbox, dict[str, str]]] = [
        (
            application,
            {
                "AIRBYTE_CLIENT_ID_FILE": file("id", "sandbox-client-id"),
                "AIRBYTE_CLIENT_SECRET_FILE": file("secret", "sandbox-client-secret"),
            },
        ),
        (
            basic,
            {
                "AIRBYTE_USERNAME_FILE": file("name", "airbyte"),
                "AIRBYTE_PASSWORD_FILE": file("password", "password"),
            },
        ),
        (
            ready,
            {
                "AIRBYTE_TOKEN_FILE": file("token", "a-ready-token"),
                "AIRBYTE_HEADERS_FILE": file("headers", "X-Corp: canary"),
            },
        ),
    ]
    for sandbox, files in ways:
        assert call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **files).code == 0
    last = ready.requests[-1].headers
    assert (last["authorization"], last["x-corp"]) == ("Bearer a-ready-token", "canary")


def test_headers_are_sent_with_every_request(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    ending = call(
        *LOOK,
        "--header",
        "X-One: 1",
        "--header",
        "X-Two: 2",
        AIRBYTE_URL=stage.sandbox(sandbox),
        AIRBYTE_HEADERS="X-Two: less\nX-Three: 3",
        **APPLICATION,
    )
    assert ending.code == 0
    wanted = {"x-one": "1", "x-two": "2", "x-three": "3"}
    for request in sandbox.requests:
        assert {name: request.headers.get(name) for name in wanted} == wanted
        assert request.headers["user-agent"].startswith("airbyte-sync/")
        assert request.headers["accept"] == "application/json"


def test_authorization_header_is_credentials(stage: Stage) -> None:
    sandbox = a_sandbox()
    url = stage.sandbox(sandbox)
    ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_HEADERS="Authorization: Custom abcdefg")
    assert ending.code == 0
    assert sandbox.requests[-1].headers["authorization"] == "Custom abcdefg"
    both = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_HEADERS="Authorization: C", AIRBYTE_TOKEN="t")
    assert_told_well(both, 2)


@pytest.mark.parametrize(
    "environ",
    [
        {"AIRBYTE_CLIENT_ID": "half"},
        {**APPLICATION, "AIRBYTE_TOKEN": "a-token"},
        {**BASIC, "AIRBYTE_TOKEN": "a-token"},
        {**APPLICATION, **BASIC},
        {"AIRBYTE_TOKEN_FILE": "/nowhere/at-all"},
        {"AIRBYTE_TOKEN": "a\x07bell"},
        {"AIRBYTE_HEADERS": "no colon"},
    ],
)
def test_ambiguous_credentials_contact_nothing(stage: Stage, environ: dict[str, str]) -> None:
    server = stage.scripted(always(200, {}))
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url, **environ), 2)
    assert server.asked == []


def test_profile_has_all_settings(stage: Stage, tmp_path: Path) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    (tmp_path / "secret").write_text("sandbox-client-secret\n")
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        [profiles.night]
        url = "{stage.sandbox(sandbox)}"
        client_id = "sandbox-client-id"
        client_secret_file = "secret"
        headers = {{ X-Shift = "night" }}
        """
    )
    config.chmod(0o600)
    typed = call(*LOOK, "--profile", "night", AIRBYTE_CONFIG=str(config))
    named = call(*LOOK, AIRBYTE_PROFILE="night", AIRBYTE_CONFIG=str(config))
    assert (typed.code, named.code) == (0, 0)
    assert sandbox.requests[-1].headers["x-shift"] == "night"
    assert_told_well(call(*LOOK, "--profile", "nigth", AIRBYTE_CONFIG=str(config)), 2)


@pytest.mark.parametrize("form", ["uri", "json"])
def test_airflow_connection_has_all_settings(stage: Stage, form: str) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    url = f"{stage.sandbox(sandbox)}/api/public/v1/"
    encoded = url.replace(":", "%3A").replace("/", "%2F")
    forms = {
        "uri": f"airbyte://sandbox-client-id:sandbox-client-secret@{encoded}",
        "json": json.dumps(
            {
                "conn_type": "airbyte",
                "host": url,
                "login": "sandbox-client-id",
                "password": "sandbox-client-secret",
                "schema": "v1/applications/token",
            }
        ),
    }
    environ = {"AIRFLOW_CONN_AIRBYTE_DEFAULT": forms[form]}
    assert call(*LOOK, "--airflow-conn", "airbyte_default", **environ).code == 0
    assert call(*LOOK, AIRBYTE_AIRFLOW_CONN="airbyte_default", **environ).code == 0
    assert tokens(sandbox) == [PUBLIC_TOKEN, PUBLIC_TOKEN]


@pytest.mark.parametrize(
    "given",
    [
        "ftp://h/t",
        "http://h:99999/t",
        "http://[::1/t",
        "http://10.0.0.256/t",
        "h..svc:8001/t",
        "mailto:jane",
        "http:///t",
    ],
)
@pytest.mark.parametrize("line", [LOOK, ("check",)])
def test_invalid_token_url_contacts_nothing(
    stage: Stage, given: str, line: tuple[str, ...]
) -> None:
    server = stage.scripted(always(200, {}))
    ending = call(*line, AIRBYTE_URL=server.url, AIRBYTE_TOKEN_URL=given, **APPLICATION)
    assert_told_well(ending, 2)
    assert ending.lines("error: AIRBYTE_TOKEN_URL: ")
    assert server.asked == []


def test_invalid_token_url_of_airflow_connection_is_named(stage: Stage) -> None:
    fields = {"host": stage.scripted(always(200, {})).url, "schema": "ftp://h/t"}
    connection = json.dumps({**fields, "login": "an-id", "password": "a-secret"})
    ending = call(*LOOK, "--airflow-conn", "a", AIRFLOW_CONN_A=connection)
    assert_told_well(ending, 2)
    assert "AIRBYTE_TOKEN_URL (Airflow connection AIRFLOW_CONN_A): 'ftp://h/t'" in ending.stderr


def test_own_host_header_is_sent_to_token_endpoint(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    url = stage.sandbox(sandbox)
    ending = call(*LOOK, "--header", "Host: airbyte.corp", AIRBYTE_URL=url, **APPLICATION)
    assert ending.code == 0, ending.stderr
    assert {one.headers["host"] for one in sandbox.requests} == {"airbyte.corp"}
    assert tokens(sandbox) == [PUBLIC_TOKEN]


def test_own_host_header_is_not_sent_elsewhere(stage: Stage) -> None:
    elsewhere = stage.scripted(always(200, {"access_token": "a-token"}))
    server = stage.scripted(always(200, {"data": []}))
    call(
        *LOOK,
        *("--header", "Host: airbyte.corp"),
        AIRBYTE_URL=server.url,
        AIRBYTE_TOKEN_URL=f"{elsewhere.url}/token",
        **APPLICATION,
    )
    assert {one.headers["host"] for one in server.asked} == {"airbyte.corp"}
    assert elsewhere.asked[0].headers["host"] == f"127.0.0.1:{elsewhere.port}"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_unavailable_token_endpoint_keeps_retry_after(stage: Stage, status: int) -> None:
    server = stage.scripted(always(status, {"message": "later"}, Retry_After="100"))
    ending = call(*LOOK, "--api", "public", "-v", AIRBYTE_URL=server.url, **APPLICATION)
    assert_told_well(ending, 9)
    assert "token address" not in ending.stderr
    assert len(server.asked) == 1  # Retry-After is longer than the first read is retried


@pytest.mark.parametrize(
    "headers",
    [
        {
            "WWW_Authenticate": 'Bearer realm="airbyte.azurewebsites.net" authorization_uri='
            '"https://login.windows.net/tenant/oauth2/authorize" resource_id="api"'
        },
        {"x_ms_middleware_request_id": "00000000-0000-0000-0000-000000000000"},
    ],
    ids=["challenge", "middleware"],
)
@pytest.mark.parametrize("who", [APPLICATION, {}], ids=["application", "nobody"])
def test_azure_401_does_not_blame_the_client_id(
    stage: Stage, headers: dict[str, str], who: dict[str, str]
) -> None:
    body = "You do not have permission to view this directory or page."
    server = stage.scripted(always(401, body, content_type="text/html", **headers))

    ending = call(*LOOK, AIRBYTE_URL=server.url, **who)

    assert_told_well(ending, 6)
    [hint] = ending.lines("hint: ")
    assert "Easy Auth" in hint
    assert "AIRBYTE_CLIENT_ID" not in hint


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"access_token": "\\ud800"}', b'{"access_token": "caf\xe9"}']
)
def test_malformed_token_response_is_protocol_error(stage: Stage, body: bytes) -> None:
    def answer(asked: Asked) -> bytes:
        return response(200, body if asked.target.endswith("/token") else {"data": []})

    assert_told_well(call(*LOOK, AIRBYTE_URL=stage.scripted(answer).url, **APPLICATION), 10)
