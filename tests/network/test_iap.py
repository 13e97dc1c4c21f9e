"""Google's Identity-Aware Proxy: a token from a fake metadata server or a service account."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.compute_engine import _metadata

from tests.network.identities import AUDIENCE, identity, service_account
from tests.support.program import CommandResult, assert_told_well, call, start
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Answer, Asked, Scripted, Stage, always, response

PAGE = "<html><head><title>Sign in - Google Accounts</title></head></html>"
APPLICATION = {
    "AIRBYTE_CLIENT_ID": "sandbox-client-id",
    "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
}


def metadata(asked: Asked) -> bytes:
    """Respond as Google's metadata server."""
    query = parse_qs(urlsplit(asked.target).query)
    if "recursive" in query:
        return response(200, {"email": "a@b", "scopes": []}, Metadata_Flavor="Google")
    if "audience" in query:
        said = identity(query["audience"][0])
        return response(200, said, content_type="text/html", Metadata_Flavor="Google")
    return response(200, "computeMetadata/", content_type="text/plain", Metadata_Flavor="Google")


def audience_of(bearer: str) -> str:
    """Return a token's audience; None for any other text."""
    parts = bearer.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return ""
    return str(json.loads(base64.urlsafe_b64decode(parts[1] + "==")).get("aud", ""))


class Guard:
    """An identity proxy: it requires Google's token, in either header."""

    def __init__(self, behind: Answer) -> None:
        self.behind = behind
        self.refusals = 0

    def __call__(self, asked: Asked) -> bytes:
        shown = (asked.headers.get(name, "") for name in ("proxy-authorization", "authorization"))
        if AUDIENCE not in map(audience_of, shown):
            self.refusals += 1
            words = "Invalid IAP credentials: empty token"
            flag = {"X_Goog_IAP_Generated_Response": "true"}
            return response(401, words, content_type="text/html", **flag)
        said = self.behind(asked)
        assert isinstance(said, bytes)
        return said


def airbyte(asked: Asked) -> bytes:
    """Issue tokens, require them, and have no connections."""
    if asked.target.endswith("/applications/token"):
        return response(200, {"access_token": "airbytes-own-token"})
    if asked.headers.get("authorization") != "Bearer airbytes-own-token":
        return response(401, {"message": "Unauthorized"})
    return response(200, {"data": []})


@pytest.fixture
def google(stage: Stage, tmp_path: Path) -> tuple[Scripted, dict[str, str]]:
    """Return a token URL, and the environment of a service account that uses it."""

    def give(asked: Asked) -> bytes:
        assertion = parse_qs(asked.body.decode())["assertion"][0]
        claims = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
        return response(200, {"id_token": identity(claims["target_audience"])})

    server = stage.scripted(give)
    file = service_account(tmp_path, f"{server.url}/token")
    return server, {
        "GOOGLE_APPLICATION_CREDENTIALS": file,
        "AIRBYTE_IAP_AUDIENCE": AUDIENCE,
    }


Google = tuple[Scripted, dict[str, str]]


def test_pod_gets_token_from_metadata_server(stage: Stage) -> None:
    server = stage.scripted(metadata)
    sandbox = a_sandbox()
    place = server.url.removeprefix("http://")
    ending = start(
        *LOOK,
        "--iap-audience",
        AUDIENCE,
        AIRBYTE_URL=stage.sandbox(sandbox),
        GCE_METADATA_HOST=place,
        GCE_METADATA_IP=place,
        HOME="/nowhere",
    )
    assert ending.code == 0, ending.stderr
    shown = {audience_of(one.headers["authorization"]) for one in sandbox.requests}
    assert shown == {AUDIENCE}
    assert all(one.headers["metadata-flavor"] == "Google" for one in server.asked)
    assert len(server.asked) <= 3


def test_key_file_gets_token(stage: Stage, google: Google) -> None:
    server, environ = google
    sandbox = a_sandbox()
    assert call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **environ).code == 0
    assert len(server.asked) == 1
    assert all(audience_of(one.headers["authorization"]) == AUDIENCE for one in sandbox.requests)


def test_identity_token_and_airbyte_token_are_both_sent(stage: Stage, google: Google) -> None:
    """The proxy's token is in Proxy-Authorization, also in requests for Airbyte's token."""
    guard = Guard(airbyte)
    server = stage.scripted(guard)
    ending = call(*LOOK, AIRBYTE_URL=server.url, **google[1], **APPLICATION)
    assert (ending.code, guard.refusals) == (7, 0), ending.stderr
    for asked in server.asked:
        assert audience_of(asked.headers["proxy-authorization"]) == AUDIENCE
    assert server.asked[-1].headers["authorization"] == "Bearer airbytes-own-token"


@pytest.mark.parametrize(
    "other",
    [
        {"AIRBYTE_TOKEN": "a-ready-token"},
        {"AIRBYTE_USERNAME": "airbyte", "AIRBYTE_PASSWORD": "password"},
        {"AIRBYTE_HEADERS": "Authorization: Custom abcdefg"},
    ],
)
def test_own_authorization_header_is_kept(
    stage: Stage, google: Google, other: dict[str, str]
) -> None:
    sandbox = a_sandbox()
    assert call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **google[1], **other).code == 0
    last = sandbox.requests[-1].headers
    assert audience_of(last["proxy-authorization"]) == AUDIENCE
    assert audience_of(last["authorization"]) == ""


def test_401_of_identity_proxy_renews_only_its_token(stage: Stage, google: Google) -> None:
    seen: list[str] = []

    def moody(asked: Asked) -> bytes:
        seen.append(asked.target)
        if len(seen) == 2:
            return response(401, "Expired", X_Goog_IAP_Generated_Response="true")
        return airbyte(asked)

    server = stage.scripted(Guard(moody))
    ending = call(*LOOK, AIRBYTE_URL=server.url, **google[1], **APPLICATION)
    assert ending.code == 7, ending.stderr
    assert len(google[0].asked) == 2
    assert sum(path.endswith("/token") for path in seen) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (always(302, b"", Location="https://accounts.google.com/o/oauth2/v2/auth?x=1"), "login"),
        (always(200, PAGE, content_type="text/html"), "a login page"),
        (always(401, "Invalid IAP credentials: empty token", content_type="text/html"), "IAP"),
        (always(403, PAGE, content_type="text/html"), "Sign in - Google Accounts"),
    ],
)
def test_identity_proxy_page_hints_at_option(stage: Stage, answer: Answer, words: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(answer).url)
    assert_told_well(ending, 6)
    assert words in ending.lines("error: ")[0]
    assert "--iap-audience" in ending.lines("hint: ")[0]


def _looks(stage: Stage, tmp_path: Path, answer: Answer) -> CommandResult:
    file = service_account(tmp_path, f"{stage.scripted(answer).url}/token")
    return call(
        *LOOK,
        AIRBYTE_URL=stage.sandbox(a_sandbox()),
        GOOGLE_APPLICATION_CREDENTIALS=file,
        AIRBYTE_IAP_AUDIENCE=AUDIENCE,
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (always(400, {"error": "invalid_grant", "error_description": "Invalid audience"}), 6),
        (always(401, {"error": "unauthorized_client"}), 6),
        (always(200, "<html>no</html>", content_type="text/html"), 6),
        (always(200, {"id_token": "no JWT"}), 6),
        (always(503, "later"), 9),
        (always(429, "later"), 9),
    ],
)
def test_failed_token_request_to_google_is_error(
    stage: Stage, tmp_path: Path, answer: Answer, code: int
) -> None:
    assert_told_well(_looks(stage, tmp_path, answer), code)


def _no_file(_folder: Path) -> str:
    return "/nowhere/account.json"


def _no_json(folder: Path) -> str:
    (folder / "broken.json").write_text("{")
    return str(folder / "broken.json")


def _no_key(folder: Path) -> str:
    content = {"type": "service_account", "client_email": "a@b", "token_uri": "http://x"}
    (folder / "keyless.json").write_text(json.dumps({**content, "private_key": "no PEM"}))
    return str(folder / "keyless.json")


def _no_account(folder: Path) -> str:
    (folder / "user.json").write_text(json.dumps({"type": "authorized_user"}))
    return str(folder / "user.json")


@pytest.mark.parametrize("make", [_no_file, _no_json, _no_key, _no_account])
def test_unusable_key_file_is_error(
    stage: Stage, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    sandbox = a_sandbox()
    ending = call(
        *LOOK,
        AIRBYTE_URL=stage.sandbox(sandbox),
        GOOGLE_APPLICATION_CREDENTIALS=make(tmp_path),
        AIRBYTE_IAP_AUDIENCE=AUDIENCE,
    )
    assert_told_well(ending, 6)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in ending.lines("hint: ")[0]
    assert sandbox.requests == []


def test_missing_identity_is_error(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside Google Cloud there is no metadata server; in a new pod, it may not be ready."""
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", "127.0.0.1:9")
    ending = call(
        *LOOK,
        AIRBYTE_URL=stage.sandbox(a_sandbox()),
        AIRBYTE_IAP_AUDIENCE=AUDIENCE,
        GCE_METADATA_IP="127.0.0.1:9",
    )
    assert_told_well(ending, 9)
    assert "cannot reach http://127.0.0.1:9" in ending.lines("error: ")[0]
    assert "GOOGLE_APPLICATION_CREDENTIALS" in ending.lines("hint: ")[0]
