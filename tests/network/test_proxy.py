"""Requests go through the proxy of the environment: a real proxy on a socket."""

import base64

import pytest

from tests.support.certificates import Certificates
from tests.support.program import assert_told_well, call, start
from tests.support.relays import ForwardProxy, forward_proxy, place_of, tls_front
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Stage, always

TRAVELLER = "Basic " + base64.b64encode(b"traveller:proxy-canary-77").decode()


@pytest.fixture
def proxy(stage: Stage) -> ForwardProxy:
    """A proxy that alone can resolve airbyte.test."""
    place = place_of(stage.sandbox(a_sandbox()))
    return stage.enter(forward_proxy({"airbyte.test": place, "airbyte.test:8000": place}))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_http_request_goes_through_proxy_with_full_url(proxy: ForwardProxy, variable: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL="http://airbyte.test", **{variable: proxy.url})
    assert ending.code == 0
    first = "GET http://airbyte.test/api/public/v1/connections?limit=100&offset=0"
    assert proxy.lines[0] == first


def test_https_request_goes_through_tunnel(stage: Stage, certificates: Certificates) -> None:
    front = stage.enter(tls_front(stage.sandbox(a_sandbox()), certificates.server("airbyte.test")))
    proxy = stage.enter(forward_proxy({"airbyte.test:443": place_of(front)}))
    ending = call(
        *LOOK,
        AIRBYTE_URL="https://airbyte.test",
        AIRBYTE_CA_BUNDLE=str(certificates.bundle),
        HTTPS_PROXY=proxy.url,
        HTTP_PROXY="http://127.0.0.1:9",
    )
    assert ending.code == 0
    assert set(proxy.lines) == {"CONNECT airbyte.test:443"}


def test_untrusted_server_behind_tunnel_does_not_blame_proxy(
    stage: Stage, certificates: Certificates
) -> None:
    front = stage.enter(tls_front(stage.sandbox(a_sandbox()), certificates.server("other.test")))
    proxy = stage.enter(forward_proxy({"airbyte.test:443": place_of(front)}))
    ca = {"AIRBYTE_CA_BUNDLE": str(certificates.bundle)}
    ending = call(*LOOK, AIRBYTE_URL="https://airbyte.test", HTTPS_PROXY=proxy.url, **ca)
    assert_told_well(ending, 9)
    assert "certificate is not trusted" in ending.lines("error: ")[0]


@pytest.mark.parametrize("exceptions", ["airbyte.test", ".test", "*", "other, airbyte.test:8000"])
def test_no_proxy_connects_directly(proxy: ForwardProxy, exceptions: str) -> None:
    ending = call(
        *LOOK,
        AIRBYTE_URL="http://airbyte.test:8000",
        HTTP_PROXY=proxy.url,
        NO_PROXY=exceptions,
    )
    assert_told_well(ending, 9)
    assert proxy.asked == []
    assert "does not resolve" in ending.stderr


def test_loopback_never_goes_through_a_proxy(stage: Stage, proxy: ForwardProxy) -> None:
    url = stage.sandbox(a_sandbox())
    assert call(*LOOK, AIRBYTE_URL=url, HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url).code == 0
    assert proxy.asked == []


def test_process_uses_proxy_of_its_environment(proxy: ForwardProxy) -> None:
    assert start(*LOOK, AIRBYTE_URL="http://airbyte.test", http_proxy=proxy.url).code == 0
    assert len(proxy.asked) >= 2


def test_proxy_of_airflow_connection_is_used(proxy: ForwardProxy) -> None:
    connection = (
        f'{{"host": "http://airbyte.test", "extra": {{"proxies": {{"http": "{proxy.url}"}}}}}}'
    )
    ending = call(*LOOK, "--airflow-conn", "a", AIRFLOW_CONN_A=connection)
    assert ending.code == 0
    assert proxy.asked


@pytest.mark.parametrize(
    ("url", "code"), [("http://airbyte.test", 0), ("https://airbyte.test", 0)]
)
def test_proxy_receives_password_of_its_address(
    stage: Stage, certificates: Certificates, url: str, code: int
) -> None:
    plain = stage.sandbox(a_sandbox())
    front = stage.enter(tls_front(plain, certificates.server("airbyte.test")))
    places = {"airbyte.test": place_of(plain), "airbyte.test:443": place_of(front)}
    proxy = stage.enter(forward_proxy(places, authorization=TRAVELLER))
    known = proxy.url.replace("http://", "http://traveller:proxy-canary-77@")
    ca = {"AIRBYTE_CA_BUNDLE": str(certificates.bundle)}
    assert call(*LOOK, AIRBYTE_URL=url, ALL_PROXY=known, **ca).code == code


@pytest.mark.parametrize("url", ["http://airbyte.test", "https://airbyte.test"])
def test_proxy_refusal_is_named(stage: Stage, url: str) -> None:
    proxy = stage.enter(forward_proxy({}, authorization=TRAVELLER))
    wrong = proxy.url.replace("http://", "http://traveller:wrong-canary-78@")
    for address in (proxy.url, wrong):
        ending = call(*LOOK, "-vv", AIRBYTE_URL=url, ALL_PROXY=address)
        assert ending.code == (6 if url.startswith("http:") else 9)
        assert "HTTP_PROXY" in ending.lines("hint: ")[0]
        assert "407" in ending.lines("error: ")[0]
        assert "wrong-canary-78" not in ending.stderr + ending.stdout


@pytest.mark.parametrize("url", ["http://airbyte.test", "https://airbyte.test"])
def test_unreachable_proxy_is_named(url: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL=url, ALL_PROXY="http://127.0.0.1:9")
    assert_told_well(ending, 9)
    words = f"cannot reach {url}: the proxy http://127.0.0.1:9 cannot be reached"
    assert ending.lines("error: ") == [f"error: {words}"]


@pytest.mark.parametrize("url", ["http://elsewhere.test", "https://elsewhere.test"])
def test_proxy_502_is_retried(proxy: ForwardProxy, url: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL=url, ALL_PROXY=proxy.url)
    assert_told_well(ending, 9)
    assert "502" in ending.lines("error: ")[0]
    assert len(proxy.asked) > 1


@pytest.mark.parametrize(
    "address",
    [
        "gopher://x",
        "http://",
        "http://proxy:nine",
        "http://10.0.0.256:3128",
        "http://user:word@proxy..corp:3128",
        f"{'a' * 64}:3128",
        "http://.",
    ],
)
def test_invalid_proxy_is_usage_error(address: str) -> None:
    assert_told_well(call(*LOOK, AIRBYTE_URL="http://airbyte.test", ALL_PROXY=address), 2)


@pytest.mark.parametrize(
    "pasted",
    [
        "https://api.airbyte.com/v1",
        "https://api.airbyte.com",
        "api.airbyte.com",
        "https://cloud.airbyte.com",
        "https://cloud.airbyte.com/workspaces/5ae6b09b-fdec-41af-aaf7-7d94cfc33ef6/connections",
    ],
)
def test_cloud_addresses_lead_to_its_api(
    stage: Stage, certificates: Certificates, pasted: str
) -> None:
    """Its Public API and token endpoint are at `/v1` of one host."""
    cloud = a_sandbox(public_root="/v1", config_root="/nothing", auth="client-credentials")
    names = certificates.server("api.airbyte.com", "cloud.airbyte.com")
    place = place_of(stage.enter(tls_front(stage.sandbox(cloud), names)))
    proxy = stage.enter(forward_proxy({"api.airbyte.com:443": place}))
    ending = call(
        *LOOK,
        AIRBYTE_URL=pasted,
        AIRBYTE_CA_BUNDLE=str(certificates.bundle),
        AIRBYTE_CLIENT_ID="sandbox-client-id",
        AIRBYTE_CLIENT_SECRET="sandbox-client-secret",
        HTTPS_PROXY=proxy.url,
    )
    assert ending.code == 0, ending.stderr
    assert "/v1/applications/token" in {request.path for request in cloud.requests}
    assert "/v1/connections" in {request.path for request in cloud.requests}


def test_pyairbyte_variables_lead_to_the_cloud(stage: Stage) -> None:
    proxy = stage.enter(forward_proxy({}))
    names = {"AIRBYTE_CLOUD_CLIENT_ID": "an-id", "AIRBYTE_CLOUD_CLIENT_SECRET": "a-secret"}
    assert call(*LOOK, HTTPS_PROXY=proxy.url, **names).code == 9
    assert set(proxy.lines) == {"CONNECT api.airbyte.com:443"}


@pytest.mark.parametrize("pasted", ["http://airbyte.test:8006", "http://airbyte.test:8006/v1/"])
def test_old_api_server_port_selects_its_api(stage: Stage, pasted: str) -> None:
    old = a_sandbox(airbyte_version="0.63", public_root="/v1", config_root="/nothing")
    places = {"airbyte.test:8006": place_of(stage.sandbox(old))}
    proxy = stage.enter(forward_proxy(places))
    assert call(*LOOK, AIRBYTE_URL=pasted, HTTP_PROXY=proxy.url).code == 0


def test_open_at_old_api_server_has_no_link(stage: Stage) -> None:
    old = a_sandbox(airbyte_version="0.63", public_root="/v1", config_root="/nothing")
    proxy = stage.enter(forward_proxy({"airbyte.test:8006": place_of(stage.sandbox(old))}))
    argv = ("open", "--conn", "orders")
    ending = call(*argv, AIRBYTE_URL="http://airbyte.test:8006", HTTP_PROXY=proxy.url)
    assert_told_well(ending, 7)
    assert "error: the address of the web UI is unknown" in ending.stderr


def test_error_page_of_proxy_is_not_airbyte(stage: Stage) -> None:
    page = "<html><title>Squid: access denied</title></html>"
    squid = stage.scripted(always(403, page, content_type="text/html"))
    ending = call(*LOOK, AIRBYTE_URL="http://airbyte.test", HTTP_PROXY=squid.url)
    assert_told_well(ending, 6)
    assert "Squid: access denied" in ending.stderr
