"""A known secret is masked wherever it appears, in every form that it takes on the wire."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airbyte_sync_cli.redaction import (
    MASK,
    forget_all,
    redact,
    redact_all,
    remember,
    remember_header,
    remember_pair,
    remember_token,
    without_credentials,
)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    forget_all()
    yield
    forget_all()


@pytest.mark.parametrize(
    "text", ["s3cr/et+?", "x=s3cr%2Fet%2B%3F&y", "Bearer s3cr/et+?", "s3cr/et+?s3cr/et+?"]
)
def test_secret_is_masked_plain_and_percent_encoded(text: str) -> None:
    remember("s3cr/et+?")

    assert "s3cr" not in redact(text)
    assert MASK in redact(text)


def test_basic_authentication_pair_is_masked_as_sent() -> None:
    remember_pair("jane", "canary-password")

    sent = base64.b64encode(b"jane:canary-password").decode()
    assert redact(f"Authorization: Basic {sent}") == f"Authorization: Basic {MASK}"
    assert redact("canary-password") == MASK


def test_secret_inside_a_longer_one_masks_all_of_it() -> None:
    remember("secret")
    remember("secret-and-more")

    assert redact("secret-and-more") == MASK


@pytest.mark.parametrize("secret", ["", "a", "12345", "airbyte", "password"])
def test_well_known_defaults_are_not_masked(secret: str) -> None:
    remember(secret)

    assert redact(f"the airbyte password {secret}") == f"the airbyte password {secret}"


def test_secret_is_masked_in_its_json_form() -> None:
    remember('cän"ary\\word')

    for pure in (True, False):
        assert redact(json.dumps('cän"ary\\word', ensure_ascii=pure)) == f'"{MASK}"'


def test_redacted_structure_keeps_its_shape() -> None:
    remember("canary")
    remember("123456")

    masked = redact_all({"canary": ["a canary", 123456, None, {"x": ("canary",)}]})

    assert masked == {"canary": (f"a {MASK}", 123456, None, {"x": (MASK,)})}


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("http://jane:s3cret@proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128", "http://proxy:3128"),
        ("jane:s3cret@proxy:3128", "proxy:3128"),
        ("proxy:3128", "proxy:3128"),
    ],
)
def test_address_is_shown_without_credentials(address: str, bare: str) -> None:
    assert without_credentials(address) == bare


@pytest.mark.parametrize(
    ("value", "echoed"),
    [
        ("Bearer canary-token", "canary-token"),
        ("Key canary-key", "canary-key"),
        ("a=canary-one; b=canary-two", "canary-two"),
        ('Custom id="canary-one",sig="canary-two"', "canary-one"),
        ("Basic " + base64.b64encode(b"jane:canary-word").decode(), "canary-word"),
        ("Basic canary-of-no-pair", "canary-of-no-pair"),
    ],
)
def test_each_secret_in_a_header_is_masked_alone(value: str, echoed: str) -> None:
    remember_header(value)

    assert redact(f"no: {echoed}") == f"no: {MASK}"
    assert redact(f"no: {value}") == f"no: {MASK}"
    assert redact("Bearer Custom Basic Key") == "Bearer Custom Basic Key"


def test_short_header_values_are_not_masked() -> None:
    remember_header("orders of-the-night-and-of-the-day", least=16)

    assert redact("orders of-the-night-and-of-the-day") == MASK
    assert redact("orders") == "orders"


def test_status_equal_to_a_secret_is_not_masked() -> None:
    remember("succeeded")
    row = {"status": "succeeded", "outcome": "succeeded", "message": "it succeeded"}

    assert redact_all(row) == row | {"message": f"it {MASK}"}
    assert redact_all({"status": "Bearer succeeded"}) == {"status": f"Bearer {MASK}"}


# Any encoding


def _url_base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, slashes kept": quote,
    "percent, small letters": lambda text: re.sub(
        "%..", lambda found: found.group().lower(), quote(text)
    ),
    "percent, every byte": _every_byte,
    "a form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, every letter": lambda text: "".join(f"\\u{ord(one):04X}" for one in text),
    "JSON, letters as they are": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "Python": lambda text: repr(text)[1:-1],
    "Python, bytes": lambda text: repr(text.encode())[2:-1],
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(one):x};" for one in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a pair": lambda text: base64.b64encode(f"jane:{text}".encode()).decode(),
    "base64 for addresses": _url_base64,
    "capitals": str.upper,
    "split over lines": lambda text: "\r\n\t".join(re.findall("(?s).{1,4}", text)),
}
SECRETS = st.text(
    st.sampled_from("abcXYZ019/+=%&?#:;@!$'\"<>\\ .-_~äß€"), min_size=8, max_size=20
).filter(lambda text: text.strip() == text)


READABLE = [name for name in ENCODINGS if name != "capitals"]
"""What can still be decoded when it is written in another encoding; capitals end most."""


def assert_masked(secret: str, written: str) -> None:
    forget_all()
    remember(secret)

    shown = redact(f"before: {written} :after")

    assert shown.startswith("before: ")
    assert shown.endswith(" :after")
    assert MASK in shown
    assert len(shown) <= len("before: cmFuZTo ======== :after") + len(MASK)


@pytest.mark.parametrize("inner", ENCODINGS)
@pytest.mark.parametrize("secret", ["s3cr/et+?&#x", 'cän/ary "pass\\word" +%41'])
def test_secret_in_each_pair_of_encodings_is_masked(inner: str, secret: str) -> None:
    for outer in READABLE:
        assert_masked(secret, ENCODINGS[outer](ENCODINGS[inner](secret)))


@given(secret=SECRETS, inner=st.sampled_from(READABLE), outer=st.sampled_from(READABLE))
@settings(max_examples=400)
def test_any_secret_in_any_pair_of_encodings_is_masked(
    secret: str, inner: str, outer: str
) -> None:
    assert_masked(secret, ENCODINGS[outer](ENCODINGS[inner](secret)))


def test_redirect_with_secret_in_its_path_is_masked_before_it_is_cut() -> None:
    remember("canary/one?two")
    location = "https://login.example.com/canary/one%3ftwo/next"

    assert redact(location) == f"https://login.example.com/{MASK}/next"


def test_issued_tokens_are_masked_until_many_newer_ones_exist() -> None:
    tokens = [f"{number:04d}-opaque-token" for number in range(1000)]
    for token in tokens:
        remember_token(token)

    assert redact(tokens[-1]) == redact(tokens[-90]) == MASK
    assert redact(tokens[0]) == tokens[0], "a wait of days would remember thousands"


def test_configured_secret_stays_masked_when_a_server_issues_it_as_a_token() -> None:
    remember("the-client-secret")
    remember_token("the-client-secret")
    for number in range(1000):
        remember_token(f"{number:04d}-opaque-token")

    assert redact("the-client-secret") == MASK
