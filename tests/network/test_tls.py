"""Which servers the program trusts, and its messages about others: real TLS."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.program import assert_told_well, call
from tests.support.relays import Place, place_of, tls_front
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Client, Stage, always, listening, response


@pytest.fixture
def behind(stage: Stage) -> Callable[[ssl.SSLContext], str]:
    """Put a sandbox behind TLS of one kind."""
    plain = stage.sandbox(a_sandbox())
    return lambda context: stage.enter(tls_front(plain, context))


Behind = Callable[[ssl.SSLContext], str]


def test_private_ca_is_trusted_with_ca_bundle(behind: Behind, certificates: Certificates) -> None:
    url, bundle = behind(certificates.server("127.0.0.1")), str(certificates.bundle)
    assert call(*LOOK, AIRBYTE_URL=url, AIRBYTE_CA_BUNDLE=bundle).code == 0
    assert call(*LOOK, "--ca-bundle", bundle, AIRBYTE_URL=url).code == 0
    strange = call(*LOOK, AIRBYTE_URL=url)
    assert_told_well(strange, 9)
    assert "its certificate is not trusted (unable to get local issuer" in strange.stderr
    assert "--ca-bundle (AIRBYTE_CA_BUNDLE)" in strange.stderr


def test_system_trust_store_is_used_by_default(behind: Behind, certificates: Certificates) -> None:
    url = behind(certificates.server("127.0.0.1"))
    assert call(*LOOK, AIRBYTE_URL=url, SSL_CERT_FILE=str(certificates.bundle)).code == 0


BAD: dict[str, tuple[Callable[[Certificates], ssl.SSLContext], str, str]] = {
    "expired": (Certificates.expired, "certificate has expired", "renew the server's"),
    "self-signed": (Certificates.self_signed, "self-signed certificate", "--ca-bundle"),
    "wrong host": (
        lambda made: made.server("other.example"),
        "is not valid for '127.0.0.1'",
        "use the host name in --url",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_certificate_is_named_with_hint(
    behind: Behind, certificates: Certificates, kind: str
) -> None:
    make, words, hint = BAD[kind]
    url = behind(make(certificates))
    ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_CA_BUNDLE=str(certificates.bundle))
    assert_told_well(ending, 9)
    assert words in ending.lines("error: ")[0]
    assert hint in ending.lines("hint: ")[0]


def test_insecure_warns_each_time(behind: Behind, certificates: Certificates) -> None:
    url = behind(certificates.self_signed())
    typed = [call(*LOOK, "--insecure", AIRBYTE_URL=url) for _ in range(2)]
    given = call(*LOOK, "-q", AIRBYTE_URL=url, AIRBYTE_INSECURE="true")
    for ending in (*typed, given):
        assert ending.code == 0
        assert "certificates are not verified (--insecure)" in ending.report["warnings"][0]
    assert all("certificates are not verified" in ending.stderr for ending in typed)


def test_insecure_needs_an_explicit_value(behind: Behind, certificates: Certificates) -> None:
    url = behind(certificates.self_signed())
    assert call(*LOOK, AIRBYTE_URL=url, AIRBYTE_INSECURE="false").code == 9
    assert call(*LOOK, AIRBYTE_URL=url, AIRBYTE_INSECURE="maybe").code == 2


def test_mutual_tls_sends_client_certificate(behind: Behind, certificates: Certificates) -> None:
    url = behind(certificates.mutual("127.0.0.1"))
    certificate, key = certificates.client("me")
    both = certificates.folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    trust = {"AIRBYTE_URL": url, "AIRBYTE_CA_BUNDLE": str(certificates.bundle)}
    shown = {"AIRBYTE_CLIENT_CERT": str(certificate), "AIRBYTE_CLIENT_KEY": str(key)}
    assert call(*LOOK, **trust, **shown).code == 0
    assert call(*LOOK, "--client-cert", str(both), **trust).code == 0
    assert_told_well(call(*LOOK, **trust), 9)


@contextlib.contextmanager
def alerting(context: ssl.SSLContext) -> Iterator[str]:
    """Serve TLS as OpenSSL does: a rejected client gets an alert, not a closed connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    _refuse(client, context)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)
        listener.close()


def _refuse(client: socket.socket, context: ssl.SSLContext) -> None:
    client.settimeout(2)
    with contextlib.suppress(ssl.SSLError):
        context.wrap_socket(client.dup(), server_side=True).close()
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):  # unread bytes would turn the end into a reset
            pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_missing_client_certificate_is_named(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """In TLS 1.3 the alert arrives after our handshake, while the response is read."""
    context = certificates.mutual("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with alerting(context) as url:
        ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_CA_BUNDLE=str(certificates.bundle))
    assert_told_well(ending, 9)
    assert "the server rejected the TLS handshake" in ending.stderr
    assert "AIRBYTE_CLIENT_CERT" in ending.lines("hint: ")[0]


def test_unknown_client_ca_is_named(certificates: Certificates, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certificate, key = make_certificates(other).client("stranger")
    with alerting(certificates.mutual("127.0.0.1")) as url:
        ending = call(
            *LOOK,
            AIRBYTE_URL=url,
            AIRBYTE_CA_BUNDLE=str(certificates.bundle),
            AIRBYTE_CLIENT_CERT=str(certificate),
            AIRBYTE_CLIENT_KEY=str(key),
        )
    assert_told_well(ending, 9)
    assert "UNKNOWN_CA" in ending.stderr


def garbling(place: Place, times: int) -> tuple[Client, list[int]]:
    """Forward bytes, but corrupt the responses of some connections after their handshake."""
    spoilt: list[int] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*place)
        onward = asyncio.ensure_future(_pass_on(reader, far_writer))
        try:
            while part := await far_reader.read(65536):
                is_answer = part[0] == _APPLICATION_DATA and len(part) < _HANDSHAKES
                if is_answer and len(spoilt) < times:
                    spoilt.append(len(part))
                    part = part[:-1] + bytes([part[-1] ^ 1])
                writer.write(part)
        finally:
            onward.cancel()
            far_writer.transport.abort()

    return attend, spoilt


_APPLICATION_DATA = 0x17
_HANDSHAKES = 600
"""Bytes: tickets and health responses are smaller, certificates are larger."""


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)


def test_corrupt_tls_record_is_retried(stage: Stage, certificates: Certificates) -> None:
    """Corrupt bytes are an error of the TLS library, in the middle of a response."""
    front = stage.enter(tls_front(stage.sandbox(a_sandbox()), certificates.server("127.0.0.1")))
    attend, spoilt = garbling(place_of(front), times=2)
    port = stage.enter(listening(attend))
    ca = {"AIRBYTE_CA_BUNDLE": str(certificates.bundle)}
    ending = call(*LOOK, "-v", AIRBYTE_URL=f"https://127.0.0.1:{port}", **ca)
    assert ending.code == 0, ending.stderr
    assert len(spoilt) == 2
    assert "TLS handshake failed" in ending.stderr


def test_https_to_port_without_tls_is_named(stage: Stage) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(response(400, "what?"))

    port = stage.enter(listening(plain))
    ending = call(*LOOK, AIRBYTE_URL=f"https://127.0.0.1:{port}")
    assert_told_well(ending, 9)
    assert "the port does not use TLS: write http://" in ending.stderr


def test_http_to_tls_port_shows_text_of_nginx(stage: Stage) -> None:
    page = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>"
    ending = call(
        *LOOK, AIRBYTE_URL=stage.scripted(always(400, page, content_type="text/html")).url
    )
    assert_told_well(ending, 10)
    assert "plain HTTP request was sent to HTTPS port" in ending.stderr


@pytest.mark.parametrize("variable", ["AIRBYTE_CA_BUNDLE", "AIRBYTE_CLIENT_CERT"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_unusable_certificate_files_contact_nothing(
    stage: Stage, tmp_path: Path, variable: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    server = stage.scripted(always(200, {}))
    url = server.url.replace("http:", "https:")
    assert_told_well(call(*LOOK, AIRBYTE_URL=url, **{variable: str(file)}), 2)
    assert server.asked == []


def test_key_without_certificate_is_usage_error(certificates: Certificates) -> None:
    _, key = certificates.client("me")
    assert_told_well(call(*LOOK, AIRBYTE_CLIENT_KEY=str(key)), 2)


@pytest.mark.parametrize(
    "words",
    [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
    ],
)
def test_http_to_tls_port_hints_at_https_url(stage: Stage, words: str) -> None:
    server = stage.scripted(always(400, words, content_type="text/plain"))
    ending = call(*LOOK, AIRBYTE_URL=f"{server.url}/airbyte")
    assert_told_well(ending, 10)
    https = server.url.replace("http:", "https:")
    assert ending.lines("hint: ") == [f"hint: set --url (AIRBYTE_URL) to {https}/airbyte"]


@pytest.mark.parametrize("said", [b"", b"\x15\x03\x01\x00\x02\x02\x46"])
def test_http_to_silent_tls_port_hints_at_https(stage: Stage, said: bytes) -> None:
    """Some close the connection, some send an alert."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    port = stage.enter(listening(attend))
    ending = call(*LOOK, AIRBYTE_URL=f"http://127.0.0.1:{port}")
    assert_told_well(ending, 9)
    assert ending.lines("hint: ")[0].startswith(
        "hint: does the port expect https://? the server or"
    )


@pytest.mark.parametrize(
    "words", ["400 No required SSL certificate was sent", "400 The SSL certificate error"]
)
@pytest.mark.parametrize("who", [{}, {"AIRBYTE_CLIENT_ID": "i", "AIRBYTE_CLIENT_SECRET": "s"}])
def test_nginx_without_client_certificate_hints_at_option(
    stage: Stage, words: str, who: dict[str, str]
) -> None:
    page = f"<html><head><title>{words}</title></head><body>nginx</body></html>"

    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(always(400, page)).url, **who)

    assert_told_well(ending, 6)
    assert "--client-cert" in ending.lines("hint: ")[0]


def test_incomplete_chain_hints_at_missing_root(
    behind: Behind, certificates: Certificates
) -> None:
    """The bundle has the intermediate CA, but not the root above it."""
    between = certificates.authority.create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    between.issue_cert("127.0.0.1").configure_cert(context)
    bundle = certificates.folder / "between.pem"
    between.cert_pem.write_to_path(str(bundle))

    ending = call(*LOOK, AIRBYTE_URL=behind(context), AIRBYTE_CA_BUNDLE=str(bundle))

    assert_told_well(ending, 9)
    assert "to a file with its root certificate" in ending.lines("hint: ")[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_with_old_tls_is_named(
    certificates: Certificates,
) -> None:
    context = certificates.server("127.0.0.1")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    with alerting(context) as url:
        ending = call(*LOOK, AIRBYTE_URL=url, AIRBYTE_CA_BUNDLE=str(certificates.bundle))

    assert_told_well(ending, 9)
    [hint] = ending.lines("hint: ")
    assert "TLS 1.1" in hint, ending.stderr
    assert "http://" not in hint
