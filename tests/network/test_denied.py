"""The sign-in failures that users of other tools report most, and our messages, in full."""

import pytest

from tests.support.certificates import Certificates
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.relays import tls_front
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Answer, Asked, Stage, always, response

APPLICATION = {
    "AIRBYTE_CLIENT_ID": "sandbox-client-id",
    "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
}
TOKEN_PATH = "/api/public/v1/applications/token"
HEALTH_PATH = "/api/public/v1/health"
LOGIN = "https://accounts.google.com/o/oauth2/v2/auth?client_id=1"
CLOUDFLARE = {"Server": "cloudflare", "CF_Ray": "8f"}
NOT_THE_API = "this is the web page or an identity proxy, not the API"
IAP_HINT = (
    "hint: Google IAP? set --iap-audience to its client id; other proxies: --header or "
    "AIRBYTE_TOKEN"
)
CLOUDFLARE_HINT = (
    "hint: Cloudflare blocks this client: allow this machine's address there, or set a service "
    "token in AIRBYTE_HEADERS (CF-Access-Client-Id, CF-Access-Client-Secret)"
)


def assert_says(ending: CommandResult, code: int, error: str, hint: str) -> None:
    assert_told_well(ending, code)
    assert ending.stderr.splitlines()[-2:] == [f"error: {error}", hint]


def test_token_request_is_json(stage: Stage) -> None:
    """Forms are a 415, or a web page, in several versions (apache/airflow#42520)."""

    def strict(asked: Asked) -> bytes:
        if not asked.target.endswith("/token"):
            return response(200, {"data": []})
        if asked.headers["content-type"] != "application/json":
            return response(415, "<html></html>", content_type="text/html")
        return response(200, {"access_token": "a-token"})

    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(strict).url, **APPLICATION)
    assert ending.code == 7  # authenticated: there is no such connection


@pytest.mark.parametrize(
    "token_url",
    [
        "v1/applications/token",
        "/v1/applications/token",
        "api/public/v1/applications/token",
        "/api/public/v1/applications/token",
        "/api/v1/applications/token",
        "applications/token",
        "no/such/path",
    ],
)
@pytest.mark.parametrize("root", ["", "/api/public/v1/"])
def test_wrong_token_url_falls_back_to_usual_ones(stage: Stage, root: str, token_url: str) -> None:
    """Other clients join URL and path unchanged (airbytehq/airbyte-api-python-sdk#121)."""
    url = stage.sandbox(a_sandbox(auth="client-credentials", airbyte_version="1.8"))
    environ = {"AIRBYTE_URL": f"{url}{root}", "AIRBYTE_TOKEN_URL": token_url, **APPLICATION}
    assert call(*LOOK, **environ).code == 0


IAPS: dict[str, tuple[Answer, str]] = {
    "redirect": (
        always(302, "", Location=LOGIN),
        f"GET {{url}}{HEALTH_PATH}: redirected to a login page ({LOGIN}): {NOT_THE_API}",
    ),
    "text": (
        always(401, "Invalid IAP credentials: empty token", content_type="text/html"),
        f"GET {{url}}{HEALTH_PATH}: 401 (Invalid IAP credentials: empty token)",
    ),
    "page": (
        always(200, "<html><title>Sign in - Google Accounts</title>", content_type="text/html"),
        f"GET {{url}}{HEALTH_PATH}: {NOT_THE_API} (200, 'Sign in - Google Accounts') "
        "(a login page)",
    ),
}


@pytest.mark.parametrize("kind", IAPS)
def test_identity_proxy_is_named_with_its_option(stage: Stage, kind: str) -> None:
    answer, words = IAPS[kind]
    url = stage.scripted(answer).url
    assert_says(call(*LOOK, AIRBYTE_URL=url), 6, words.format(url=url), IAP_HINT)


def test_identity_proxy_401_does_not_blame_the_secret(stage: Stage) -> None:
    url = stage.scripted(IAPS["text"][0]).url
    words = f"POST {url}{TOKEN_PATH}: 401 (Invalid IAP credentials: empty token)"
    assert_says(call(*LOOK, AIRBYTE_URL=url, **APPLICATION), 6, words, IAP_HINT)


def test_private_ca_is_named_with_its_option(stage: Stage, certificates: Certificates) -> None:
    url = stage.enter(tls_front(stage.sandbox(a_sandbox()), certificates.server("127.0.0.1")))
    assert_says(
        call(*LOOK, AIRBYTE_URL=url),
        9,
        f"cannot reach {url}: its certificate is not trusted "
        "(unable to get local issuer certificate)",
        "hint: a private CA? set --ca-bundle (AIRBYTE_CA_BUNDLE) to a file with its root "
        "certificate; a server that does not send its intermediate certificates causes the same "
        "error",
    )


def test_needless_client_id_is_warning(stage: Stage) -> None:
    """Airflow's provider has broken such installations for 20 months (apache/airflow#47161)."""
    url = stage.sandbox(a_sandbox(auth="none"))
    ending = call(*LOOK, AIRBYTE_URL=url, **APPLICATION)
    assert ending.code == 0
    words = (
        f"this server has no token endpoint (POST {url}{TOKEN_PATH}: 404), so its "
        "authentication is off: continuing without the client id"
    )
    assert ending.report["warnings"] == [words]
    assert ending.warnings[0].endswith(f"warning: {words}")


BLOCKS: dict[str, tuple[Answer, int, str]] = {
    "challenge": (
        always(403, "<html><title>Just a moment...</title>", **CLOUDFLARE),
        6,
        f"{HEALTH_PATH}: 403 (a web page: Just a moment...)",
    ),
    "banned": (
        always(403, "error code: 1010", **CLOUDFLARE),
        6,
        f"{HEALTH_PATH}: 403 (error code: 1010)",
    ),
    "access": (
        always(302, "", Location="https://x.cloudflareaccess.com/login"),
        6,
        f"{HEALTH_PATH}: redirected to a login page (https://x.cloudflareaccess.com/login): "
        f"{NOT_THE_API}",
    ),
}


@pytest.mark.parametrize("kind", BLOCKS)
def test_cloudflare_block_is_named(stage: Stage, kind: str) -> None:
    answer, code, words = BLOCKS[kind]
    url = stage.scripted(answer).url
    assert_says(call(*LOOK, AIRBYTE_URL=url), code, f"GET {url}{words}", CLOUDFLARE_HINT)


def test_airbyte_403_behind_cloudflare_does_not_blame_cloudflare(stage: Stage) -> None:
    body = {"title": "forbidden", "data": {"message": "Caller does not have the permissions."}}
    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(always(403, body, **CLOUDFLARE)).url)
    assert_told_well(ending, 6)
    assert "Cloudflare" not in ending.stderr


def test_basic_auth_proxy_is_named(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(auth="basic"))
    assert_says(
        call(*LOOK, AIRBYTE_URL=url),
        6,
        f"GET {url}{HEALTH_PATH}: 401 (a web page: 401 Authorization Required)",
        "hint: a proxy in front requires a user name and password: check AIRBYTE_USERNAME and "
        "AIRBYTE_PASSWORD",
    )


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("environ", "hint"),
    [
        (
            {},
            "no credentials are set: this Airbyte requires AIRBYTE_CLIENT_ID and "
            "AIRBYTE_CLIENT_SECRET (web UI: Settings, Applications), or AIRBYTE_TOKEN",
        ),
        (
            {"AIRBYTE_USERNAME": "jane", "AIRBYTE_PASSWORD": "a-password"},
            "AIRBYTE_USERNAME and AIRBYTE_PASSWORD were rejected; newer servers require a client "
            "id and secret instead (AIRBYTE_CLIENT_ID, AIRBYTE_CLIENT_SECRET)",
        ),
        (
            {"AIRBYTE_TOKEN": "a-ready-token"},
            "AIRBYTE_TOKEN was rejected: it may have expired, or belong to another server",
        ),
        (
            {"AIRBYTE_HEADERS": "Authorization: Custom canary"},
            "the Authorization header from AIRBYTE_HEADERS (--header) was rejected: check its "
            "value, and that it is for this server",
        ),
        (
            APPLICATION,
            "check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (or AIRBYTE_TOKEN, or "
            "AIRBYTE_USERNAME and AIRBYTE_PASSWORD); `airbyte-sync check` finds the step that "
            "fails",
        ),
    ],
)
def test_denied_hint_fits_the_credentials(
    stage: Stage, environ: dict[str, str], hint: str, status: int
) -> None:
    def answer(asked: Asked) -> bytes:
        if asked.target.endswith("/token"):
            return response(200, {"access_token": "a-token"})
        return response(status, {"message": "Forbidden"})

    for line in (LOOK, ("trigger", "--conn", "e735894a-e773-4938-969f-45f53957b75b")):
        ending = call(*line, AIRBYTE_URL=stage.scripted(answer).url, **environ)
        assert_told_well(ending, 6)
        assert ending.lines("hint: ") == [f"hint: {hint}"]


@pytest.mark.parametrize("environ", [{}, APPLICATION])
@pytest.mark.parametrize("status", [301, 308])
@pytest.mark.parametrize("root", ["", "/tools/airbyte", "/api/airbyte"])
def test_ingress_redirect_to_https_hints_at_url(
    stage: Stage, environ: dict[str, str], status: int, root: str
) -> None:
    there = "https://127.0.0.1"
    server = stage.scripted(lambda asked: response(status, "", Location=f"{there}{asked.target}"))
    ending = call(*LOOK, AIRBYTE_URL=f"{server.url}{root}", **environ)
    assert_told_well(ending, 10)
    assert ending.lines("hint: ") == [f"hint: set --url (AIRBYTE_URL) to {there}{root}"]
    assert ": redirected to https://127.0.0.1/" in ending.lines("error: ")[0]


def test_login_in_own_host_name_is_no_login_page(stage: Stage) -> None:
    """Of a redirect within the host, only the path can name a login page."""
    proxy = stage.scripted(always(302, "", Location="http://login.test/elsewhere")).url
    ending = call(*LOOK, AIRBYTE_URL="http://login.test", ALL_PROXY=proxy)
    assert_told_well(ending, 10)
    assert ": redirected to http://login.test/elsewhere" in ending.stderr
