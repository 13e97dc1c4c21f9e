"""Every address that people paste is parsed; an invalid one is an error with a suggestion."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte.address import Address, parse_address
from airbyte_sync_cli.errors import UsageError

LOCAL = "http://localhost:8000"
COMPANY = "https://airbyte.example.com"


def at(root: str) -> tuple[str | None, ...]:
    return (f"{root}/api/public/v1", f"{root}/api/v1", root)


def roots(address: Address) -> tuple[str | None, ...]:
    return (address.public_root, address.config_root, address.ui_root)


@pytest.mark.parametrize(
    ("pasted", "root"),
    [
        ("http://localhost:8000", LOCAL),
        ("http://localhost:8000/", LOCAL),
        ("  http://localhost:8000\n", LOCAL),
        ('"http://localhost:8000"', LOCAL),
        ("<http://localhost:8000>", LOCAL),
        ("HTTP://LOCALHOST:8000", LOCAL),
        ("localhost:8000", LOCAL),
        ("//localhost:8000", LOCAL),
        ("http://localhost:8000/api", LOCAL),
        ("http://localhost:8000/api/v1", LOCAL),
        ("http://localhost:8000/api/v1/", LOCAL),
        ("http://localhost:8000/api/v1/jobs/get", LOCAL),
        ("http://localhost:8000/api/public", LOCAL),
        ("http://localhost:8000/api/public/v1", LOCAL),
        ("http://localhost:8000/api/public/v1/jobs/", LOCAL),
        ("http://localhost:8000//api//public/v1//", LOCAL),
        ("http://localhost:8000/API/Public/V1", LOCAL),
        ("http://localhost:8000/api/public/v1/applications/token", LOCAL),
        ("http://localhost:8000/v1", LOCAL),
        ("http://localhost:8000/public/v1", LOCAL),
        ("http://localhost:8000/workspaces/1/connections/2/timeline?openLogs=true#x", LOCAL),
        ("http://localhost:8000/login?next=/api/public/v1", LOCAL),
        ("http://localhost:8000/settings/applications", LOCAL),
        ("https://airbyte.example.com", COMPANY),
        ("https://airbyte.example.com:443/", COMPANY),
        ("airbyte.example.com", COMPANY),
        ("airbyte.example.com:8443/api/v1", "https://airbyte.example.com:8443"),
        ("airbyte.example.com:8080", "http://airbyte.example.com:8080"),
        ("https://example.com/tools/airbyte/", "https://example.com/tools/airbyte"),
        ("https://example.com/tools/airbyte/api/public/v1", "https://example.com/tools/airbyte"),
        ("https://example.com/api/airbyte", "https://example.com/api/airbyte"),
        ("https://h.com/api/airbyte/api", "https://h.com/api/airbyte"),
        ("https://h.com/api/airbyte/api/v1", "https://h.com/api/airbyte"),
        ("https://h.com/api/airbyte/API/Public/v1/jobs", "https://h.com/api/airbyte"),
        ("https://h.com/api/airbyte/workspaces/1", "https://h.com/api/airbyte"),
        ("airbyte-server-svc.airbyte.svc:8001", "http://airbyte-server-svc.airbyte.svc:8001"),
        ("airbyte-server-svc.airbyte.svc", "http://airbyte-server-svc.airbyte.svc"),
        ("airbyte_server", "http://airbyte_server"),
        ("10.0.0.7", "http://10.0.0.7"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[::1]:8000/api/v1", "http://[::1]:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("::1", "http://[::1]"),
        ("http://[fe80::1%25eth0]:8000", "http://[fe80::1%25eth0]:8000"),
        ("http://[fe80::1%eth0]:8000", "http://[fe80::1%eth0]:8000"),
        ("[fe80::1%eth0]:8000", "http://[fe80::1%eth0]:8000"),
        ("host.example.com.:8000", "http://host.example.com.:8000"),
        ("https://user:secret@airbyte.example.com/", COMPANY),
    ],
)
def test_every_form_of_an_address_gives_the_same_roots(pasted: str, root: str) -> None:
    assert roots(parse_address(pasted)) == at(root)


@pytest.mark.parametrize(
    "pasted",
    [
        "https://api.airbyte.com",
        "https://api.airbyte.com/v1",
        "https://api.airbyte.com/v1/",
        "https://api.airbyte.com/v1/jobs",
        "https://api.airbyte.com/api/public/v1",
        "http://api.airbyte.com/v1",
        "api.airbyte.com",
        "https://cloud.airbyte.com",
        "cloud.airbyte.com",
        "https://cloud.airbyte.com/api/v1",
        "https://cloud.airbyte.com/workspaces/1/connections/2/status",
        "https://airbyte.com",
    ],
)
def test_every_cloud_address_gives_the_cloud_roots(pasted: str) -> None:
    address = parse_address(pasted)

    assert roots(address) == (
        "https://api.airbyte.com/v1",
        "https://cloud.airbyte.com/api/v1",
        "https://cloud.airbyte.com",
    )
    assert address.api == "public"
    assert address.token_urls[0] == "https://api.airbyte.com/v1/applications/token"


@pytest.mark.parametrize("pasted", ["http://h:8006", "http://h:8006/v1", "h:8006/v1/jobs/"])
def test_port_8006_is_the_old_public_api(pasted: str) -> None:
    address = parse_address(pasted)

    assert roots(address) == ("http://h:8006/v1", None, None)
    assert address.api == "public"
    assert address.token_urls == ("http://h:8006/v1/applications/token",)


@pytest.mark.parametrize(
    ("pasted", "api"),
    [
        ("http://h/api/public/v1", "public"),
        ("http://h/api/public", "public"),
        ("http://h/api/v1", None),  # Airflow's documentation uses it for the Public API
        ("http://h/api", None),
        ("http://h", None),
        ("http://h/v1", None),
        ("http://h/workspaces/1", None),
    ],
)
def test_only_explicit_public_path_names_the_api(pasted: str, api: str | None) -> None:
    assert parse_address(pasted).api == api


def test_pasted_v1_is_second_public_root() -> None:
    address = parse_address("https://api.example.com/airbyte/v1/jobs")

    assert address.public_root == "https://api.example.com/airbyte/api/public/v1"
    assert address.other_public_root == "https://api.example.com/airbyte/v1"


def test_token_urls_cover_every_version() -> None:
    assert parse_address("http://h:8000/api/v1").token_urls == (
        "http://h:8000/api/public/v1/applications/token",
        "http://h:8000/api/v1/applications/token",
    )


def test_explain_names_roots_and_api() -> None:
    words = parse_address("http://h/api/public/v1").explain()

    assert words == (
        "Public API: http://h/api/public/v1, Config API: http://h/api/v1, web UI: http://h; "
        "the address names the public API"
    )
    assert "Config API: none, web UI: unknown" in parse_address("http://h:8006").explain()


@pytest.mark.parametrize(
    ("pasted", "guess"),
    [
        ("htp://localhost:8000", "http://localhost:8000"),
        ("htps://airbyte.example.com", "https://airbyte.example.com"),
        ("http:/localhost:8000", "http://localhost:8000"),
        ("http//localhost:8000", "http://localhost:8000"),
        ("https:airbyte.example.com", "https://airbyte.example.com"),
        ("http;//localhost:8000", "http://localhost:8000"),
        ("http://locahost:8000", "http://localhost:8000"),
        ("http://lcoalhost:8000/api/v1", "http://localhost:8000/api/v1"),
        ("loaclhost:8000", "http://localhost:8000"),
        ("https://api.airbyte.co/v1", "https://api.airbyte.com/v1"),
        ("https://cloud.airbye.com", "https://cloud.airbyte.com"),
        ("http://localhost:8000,", "http://localhost:8000"),
        ("http://localhost:800O", "http://localhost:8000"),
        ("http://::1:8000", "http://[::1]:8000"),
        ("http://[::1", "http://[::1]"),
        ("http://::1]/api", "http://[::1]/api"),
        ("http://h/api/publc/v1", "http://h/api/public/v1"),
        ("http://h/x/api/public/v2/jobs", "http://h/x/api/public/v1"),
        ("http://h/api/v2", "http://h/api/v1"),
        ("http://airbyte..svc:8001/x", "http://airbyte.svc:8001/x"),
        ("http://host:8000:8000/x", "http://host:8000/x"),
        ("http://http://host:8000", "http://host:8000"),
        ("http://HTTPS://host", "HTTPS://host"),
    ],
)
def test_typo_is_usage_error_with_suggestion(pasted: str, guess: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(pasted)

    assert caught.value.hint is not None
    assert f"did you mean {guess}?" in caught.value.hint
    parse_address(guess)


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("$AIRBYTE_HOST", "placeholder"),
        ("http://{{ var.value.airbyte }}", "placeholder"),
        ("https://<host>/api", "placeholder"),
        ("ftp://airbyte.example.com", "not a valid Airbyte address"),
        ("postgresql://airbyte.example.com", "not a valid Airbyte address"),
        ("http://", "it has no host"),
        ("http://:8000", "it has no host"),
        ("http://local host:8000", "not a valid Airbyte address"),
        ("http://localhost:80000", "port out of range"),
        ("http://[::1", "not a valid Airbyte address"),
        ("http://localhost:8000\\api", "not a valid Airbyte address"),
        ("http://10.0.0.256:8000", "not a valid host name"),
        (f"http://{'a' * 64}.svc:8001", "not a valid host name"),
        ("http://.", "not a valid host name"),
        ("http://..", "not a valid host name"),
        ("http://xn--zz--.example.com", "not a valid host name"),
        ("http://host:8000:9000", "the port is not a number"),
    ],
)
def test_invalid_address_is_usage_error_with_reason(pasted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_address(pasted)

    assert caught.value.hint


@pytest.mark.parametrize("host", ["localhost2", "airbyte.corp", "api.airbyte.corp", "localhost"])
def test_similar_real_host_is_no_typo(host: str) -> None:
    assert parse_address(f"http://{host}:8000").origin == f"http://{host}:8000"


@given(st.text())
@example("http://[::1]]")
@example("http://\u2100.example.com")
@example("http://a\x00b")
def test_any_text_is_address_or_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_address(text).origin.startswith(("http://", "https://"))


@given(
    st.sampled_from(["http://", "https://"]),
    st.from_regex(r"[a-z]{3,8}\.example\.org(:[1-7][0-9]{3})?", fullmatch=True),
    st.sampled_from(["", "/x", "/x/y", "/api/x"]),
    st.sampled_from(
        ["", "/", "/api/public/v1", "/api/v1/", "/workspaces/1", "/api/public/v1/jobs"]
    ),
)
def test_roots_parse_to_the_same_roots(scheme: str, host: str, prefix: str, pasted: str) -> None:
    address = parse_address(f"{scheme}{host}{prefix}{pasted}")

    for root in roots(address):
        assert root is not None
        assert roots(parse_address(root)) == roots(address)
