"""The proxy is chosen as by curl and Go."""

import pytest

from airbyte_sync_cli.airbyte.proxy import proxy_for
from airbyte_sync_cli.errors import UsageError

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "proxies", "proxy"),
    [
        ("https://a.example.com/x", {}, None),
        ("https://a.example.com/x", {"https": PROXY}, PROXY),
        ("http://a.example.com/x", {"https": PROXY}, None),
        ("http://a.example.com/x", {"all": PROXY}, PROXY),
        ("https://a.example.com/x", {"https": "proxy:3128"}, PROXY),
        ("https://a.example.com", {"https": "http://u:p@proxy:1"}, "http://u:p@proxy:1"),
        ("http://localhost:8000", {"all": PROXY}, None),
        ("http://127.0.0.7:8000", {"all": PROXY}, None),
        ("http://[::1]:8000", {"all": PROXY}, None),
        ("http://metadata.google.internal/", {"all": PROXY}, None),
        ("http://169.254.169.254/", {"all": PROXY}, None),
    ],
)
def test_proxy_is_chosen_by_scheme_and_loopback_is_direct(
    url: str, proxies: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(url, proxies) == proxy


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_direct"),
    [
        ("https://airbyte.svc", "*", True),
        ("https://airbyte.corp", "corp", True),
        ("https://airbyte.corp", ".corp", True),
        ("https://airbyte.corp", "*.corp", True),
        ("https://airbyte.corp", "airbyte.corp", True),
        ("https://airbyte.corp", "byte.corp", False),
        ("https://airbyte.corp", "localhost, .svc ,airbyte.corp", True),
        ("https://airbyte.corp", "localhost .svc airbyte.corp", True),
        ("https://airbyte.corp", "airbyte.corp:443", True),
        ("https://airbyte.corp", "airbyte.corp:8443", False),
        ("https://AIRBYTE.corp", "Airbyte.Corp", True),
        ("http://10.1.2.3:8000", "10.0.0.0/8", True),
        ("http://10.1.2.3:8000", "10.1.2.3", True),
        ("http://11.1.2.3:8000", "10.0.0.0/8", False),
        ("http://[fd00::7]:8000", "fd00::/8", True),
        ("http://airbyte:8000", "10.0.0.0/8", False),
        ("http://airbyte:8000", "", False),
        ("http://airbyte:8000", " , ", False),
    ],
)
def test_no_proxy_covers_names_subdomains_and_networks(
    url: str, no_proxy: str, *, is_direct: bool
) -> None:
    assert (proxy_for(url, {"all": PROXY, "no": no_proxy}) is None) is is_direct


@pytest.mark.parametrize(
    "proxy", ["ftp://proxy", "http://", "http://proxy:port", "http://proxy:0"]
)
def test_invalid_proxy_is_usage_error_without_password(proxy: str) -> None:
    with pytest.raises(UsageError, match="not a valid proxy address") as caught:
        proxy_for("http://a.example.com", {"all": proxy.replace("//", "//user:canary@")})

    assert "canary" not in caught.value.message
    assert caught.value.hint == "a proxy looks like http://proxy.example.com:3128"
