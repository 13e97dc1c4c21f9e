"""Any network failure and any response: the right code, one error, one hint, no traceback."""

import asyncio
import gzip
import itertools
import socket
import tracemalloc
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.program import assert_told_well, call
from tests.support.relays import place_of
from tests.support.sandboxes import CONNECTION, LOOK, a_sandbox
from tests.support.servers import Asked, Scripted, Stage, always, response

PAGE = "<!doctype html><html><head><title>Airbyte</title></head><body></body></html>"
CREDENTIALS = {"AIRBYTE_USERNAME": "traveller", "AIRBYTE_PASSWORD": "canary-word-1"}
APPLICATION = {"AIRBYTE_CLIENT_ID": "i", "AIRBYTE_CLIENT_SECRET": "canary-secret"}
JOBS = ("wait", "1", "-o", "json")


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("status", "--conn", "nobody"), 7),
        (("run", "--conn", "nobody"), 7),
        (("wait", "77"), 7),
        (("cancel", "--conn", "nobody"), 7),
    ],
)
def test_not_found_is_no_bug(stage: Stage, argv: tuple[str, ...], code: int) -> None:
    assert_told_well(call(*argv, AIRBYTE_URL=stage.sandbox(a_sandbox())), code)


def test_denied_first_request_is_no_bug(stage: Stage) -> None:
    """With `--api` nothing is requested before the command's own work."""
    sandbox = a_sandbox(auth="client-credentials")
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 6)


# Nobody there


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_refused_connection_is_unavailable(host: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL=f"http://{host}:9")
    assert_told_well(ending, 9)
    words = f"cannot reach http://{host}:9: connection refused"
    assert ending.lines("error: ") == [f"error: {words}"]


def test_unresolvable_host_is_unavailable_with_hint() -> None:
    ending = call(*LOOK, AIRBYTE_URL="http://airbyte.nowhere.invalid:8000")
    assert_told_well(ending, 9)
    assert "the host name does not resolve" in ending.lines("error: ")[0]
    assert "NAME.NAMESPACE.svc" in ending.lines("hint: ")[0]


def test_ipv6_address_works(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(), "::1")
    assert url.startswith("http://[::1]:")
    assert call(*LOOK, AIRBYTE_URL=url).code == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Replace DNS: the dictionary has the addresses of each name."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str | bytes | None, port: Any, *args: Any, **more: Any) -> Any:  # noqa: ANN401  # as the real one
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return real(host, port, *args, **more)
        return list(itertools.chain(*(real(one, port, *args, **more) for one in known[name])))

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@contextmanager
def silence(port: int) -> Iterator[str]:
    """Open an address that neither accepts nor refuses: its backlog is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.2", port))
        listener.listen(0)
        for caller in (first, second):
            caller.setblocking(False)  # noqa: FBT003  # socket's own signature
            caller.connect_ex(listener.getsockname())
        yield f"{listener.getsockname()[1]}"


@pytest.mark.parametrize("dead", ["127.0.0.3", "::1"])
@pytest.mark.parametrize("dead_first", [True, False])
def test_dead_address_of_two_is_skipped(
    stage: Stage, names: dict[str, list[str]], dead: str, *, dead_first: bool
) -> None:
    url = stage.sandbox(a_sandbox())
    names["airbyte.test"] = [dead, "127.0.0.1"] if dead_first else ["127.0.0.1", dead]
    assert call(*LOOK, AIRBYTE_URL=url.replace("127.0.0.1", "airbyte.test")).code == 0


def test_silent_address_of_two_is_skipped(stage: Stage, names: dict[str, list[str]]) -> None:
    url = stage.sandbox(a_sandbox())
    names["airbyte.test"] = ["127.0.0.2", "127.0.0.1"]
    with silence(place_of(url)[1]):
        ending = call(*LOOK, AIRBYTE_URL=url.replace("127.0.0.1", "airbyte.test"))
    assert ending.code == 0, ending.stderr


def test_silent_address_times_out() -> None:
    with silence(0) as port:
        url = f"http://127.0.0.2:{port}"
        ending = call(*LOOK, "--request-timeout", "0.1s", AIRBYTE_URL=url)
    assert_told_well(ending, 9)
    assert "within 0.1 s" in ending.lines("error: ")[0]


# Answers that do not come, or not whole


async def _drip() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
    while True:
        yield b" "
        await asyncio.sleep(0.05)


async def _drip_headers() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        yield f"X-{number}: 1\r\n".encode()
        await asyncio.sleep(0.05)


async def _nothing() -> AsyncIterator[bytes]:
    await asyncio.sleep(60)
    yield b""


@pytest.mark.parametrize("answer", [_drip, _drip_headers, _nothing])
def test_dripping_response_times_out(
    stage: Stage, answer: Callable[[], AsyncIterator[bytes]]
) -> None:
    """Each byte arrives in time, the response never; the outage limit allows three requests."""
    server = stage.scripted(lambda _asked: answer())
    ending = call(
        *JOBS, "--request-timeout", "0.2s", "--max-outage", "1s", "--api", "public",
        AIRBYTE_URL=server.url,
    )  # fmt: skip
    assert_told_well(ending, 12)
    assert "within 0.2 s" in ending.lines("error: ")[0]


def test_request_timeout_is_read_from_environment(stage: Stage) -> None:
    server = stage.scripted(lambda _asked: _nothing())
    ending = call(*LOOK, AIRBYTE_URL=server.url, AIRBYTE_REQUEST_TIMEOUT="0.1")
    assert_told_well(ending, 9)
    assert "within 0.1 s" in ending.lines("error: ")[0]


WHOLE = response(200, {"data": [], "next": ""})
BROKEN: dict[str, bytes] = {
    "nothing at all": b"",
    "half a status line": b"HTTP/1.",
    "half of the headers": WHOLE[:40],
    "half of the body": WHOLE[:-5],
    "half of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a broken length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "an odd protocol": b"ICY 200 OK\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 200_000,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_response_is_unavailable(stage: Stage, kind: str) -> None:
    server = stage.scripted(lambda _asked: BROKEN[kind])
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url), 9)


def test_invalid_gzip_is_protocol_error(stage: Stage) -> None:
    server = stage.scripted(always(200, b"no gzip", Content_Encoding="gzip"))
    ending = call(*LOOK, AIRBYTE_URL=server.url)
    assert_told_well(ending, 10)
    assert "cannot be decompressed" in ending.lines("error: ")[0]


def test_gzip_response_is_read(stage: Stage) -> None:
    packed = gzip.compress(b'{"data": []}')
    server = stage.scripted(always(200, packed, Content_Encoding="gzip"))
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url), 7)


def bomb(megabytes: int) -> bytes:
    """Compress blanks a thousandfold; the end is missing, because it must not be reached."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    blanks = b" " * 1024 * 1024
    first, more = (packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + more * (megabytes - 1)


@pytest.mark.parametrize(
    ("status", "code"), [(200, 10), (401, 6), (403, 6), (404, 10), (500, 9), (503, 9)]
)
def test_gzip_bomb_is_judged_by_status_within_memory_limit(
    stage: Stage, status: int, code: int
) -> None:
    """Decompressed, it has 3 GiB. An error counts whatever its body is."""
    server = stage.scripted(always(status, bomb(3000), Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **CREDENTIALS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert_told_well(ending, code)
    assert ("larger than" in ending.lines("error: ")[0]) is (status == 200)
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize(("status", "code"), [(200, 10), (401, 6), (403, 6), (500, 9)])
def test_gzip_bomb_as_token_response_is_judged_by_status(
    stage: Stage, status: int, code: int
) -> None:
    def answer(asked: Asked) -> bytes:
        is_token = asked.target.endswith("/applications/token")
        return response(status, bomb(3000), Content_Encoding="gzip") if is_token else response(200)

    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(answer).url, **APPLICATION)
    assert_told_well(ending, code)
    assert ("larger than" in ending.lines("error: ")[0]) is (status == 200)


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "no gzip": (b"no gzip", "gzip"),
    "cut off": (gzip.compress(b'{"message": "no"}')[:-9], "gzip"),
    "another encoding": (b"\x00\x01", "br"),
    "no UTF-8": (b"\xff\xfe\x80", "identity"),
}


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize(("status", "code"), [(401, 6), (403, 6), (500, 9), (503, 9)])
@pytest.mark.parametrize("signs_in", [False, True])
def test_error_with_unreadable_body_is_judged_by_status(
    stage: Stage, body: str, status: int, code: int, *, signs_in: bool
) -> None:
    content, encoding = UNREADABLE[body]
    server = stage.scripted(always(status, content, Content_Encoding=encoding))
    credentials = APPLICATION if signs_in else CREDENTIALS
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **credentials)
    assert_told_well(ending, code)
    assert (len(server.asked) > 2) is (code == 9)  # only transient errors are retried


@pytest.mark.parametrize("status", [500, 503])
def test_5xx_with_unreadable_body_is_retried(stage: Stage, status: int) -> None:
    asked = itertools.count()

    def answer(_: Asked) -> bytes:
        if next(asked) < 2:
            return response(status, b"no gzip", Content_Encoding="gzip")
        return response(200, {"data": []})

    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=stage.scripted(answer).url)
    assert_told_well(ending, 7)  # Airbyte, without such a connection


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "X-GZIP"])
@pytest.mark.parametrize("mark", [b"", BOM_UTF8], ids=["plain", "byte order mark"])
def test_gzip_response_with_byte_order_mark_is_read(
    stage: Stage, encoding: str, mark: bytes
) -> None:
    packed = gzip.compress(mark + b'{"data": []}')
    server = stage.scripted(always(200, packed, Content_Encoding=encoding))
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url), 7)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("body", [b"", b" \n", BOM_UTF8], ids=["empty", "blank", "only a mark"])
def test_empty_success_is_protocol_error(stage: Stage, body: bytes, encoding: str) -> None:
    content = gzip.compress(body) if body and encoding == "gzip" else body
    server = stage.scripted(always(200, content, Content_Encoding=encoding))
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url)
    assert_told_well(ending, 10)
    assert "(empty)" in ending.lines("error: ")[0]


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate"])
def test_unsupported_encoding_is_protocol_error(stage: Stage, encoding: str) -> None:
    packed = gzip.compress(gzip.compress(b'{"data": []}'))
    server = stage.scripted(always(200, packed, Content_Encoding=encoding))
    ending = call(*LOOK, AIRBYTE_URL=server.url)
    assert_told_well(ending, 10)
    assert encoding in ending.lines("error: ")[0]
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_truncated_gzip_is_protocol_error(stage: Stage) -> None:
    packed = gzip.compress(b'{"data": []}')[:-4]
    server = stage.scripted(always(200, packed, Content_Encoding="gzip"))
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url), 10)


# Answers that are not Airbyte's


SHAPES: dict[str, object] = {
    "invalid JSON": '{"data": [',
    "empty": "",
    "text": "hello",
    "a list": [],
    "a number": 7,
    "null": "null",
    "no data": {"something": "else"},
    "data of another kind": {"data": {"a": 1}},
    "rows of another kind": {"data": ["a", 1, None]},
    "rows without their fields": {"data": [{"odd": True}]},
    "deep": "[" * 100_000,
    "NaN": '{"data": NaN}',
    "no UTF-8": b'{"data": "\xff\xfe"}',
}


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("kind", SHAPES)
def test_wrong_json_is_protocol_error(stage: Stage, kind: str, api: str) -> None:
    server = stage.scripted(always(200, SHAPES[kind]))
    assert_told_well(call(*LOOK, "--api", api, AIRBYTE_URL=server.url), 10)


def test_web_page_is_named(stage: Stage) -> None:
    server = stage.scripted(always(200, PAGE, content_type="text/html"))
    ending = call(*LOOK, AIRBYTE_URL=server.url)
    assert_told_well(ending, 10)
    assert "this is the web page or an identity proxy, not the API" in ending.stderr
    assert "/api/public/v1" in ending.lines("hint: ")[0]


def test_web_page_with_json_content_type_is_named(stage: Stage) -> None:
    assert_told_well(call(*LOOK, AIRBYTE_URL=stage.scripted(always(200, PAGE)).url), 10)


@pytest.mark.parametrize("page", ["404 page not found", PAGE, ""])
@pytest.mark.parametrize("api", ["auto", "public", "config"])
def test_proxy_404_of_starting_backend_is_retried(stage: Stage, page: str, api: str) -> None:
    asked = itertools.count()
    ready = {"workspaces": [], "data": [], "connections": [], "defaultUserId": "u"}

    def answer(_: Asked) -> bytes:
        return response(404, page) if next(asked) < 4 else response(200, ready)

    ending = call(*LOOK, "--api", api, AIRBYTE_URL=stage.scripted(answer).url)
    assert_told_well(ending, 7)  # Airbyte, without such a connection


@pytest.mark.parametrize("page", ["404 page not found", PAGE, "Object not found."])
def test_lasting_404_is_protocol_error(stage: Stage, page: str) -> None:
    server = stage.scripted(always(404, page))
    assert_told_well(call(*LOOK, AIRBYTE_URL=server.url), 10)
    is_airbytes_own = page.startswith("Object")
    assert (len(server.asked) > 10) is not is_airbytes_own


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_login_page_is_named(stage: Stage, status: int) -> None:
    there = "https://login.example.com/oauth2/authorize?client_id=1"
    ending = call(*LOOK, AIRBYTE_URL=stage.scripted(always(status, "", Location=there)).url)
    assert_told_well(ending, 6)
    assert "redirected to a login page (https://login.example.com" in ending.lines("error: ")[0]
    assert "--iap-audience" in ending.lines("hint: ")[0]


def test_redirect_loop_is_not_followed(stage: Stage) -> None:
    server = stage.scripted(lambda asked: response(302, "", Location=asked.target))
    assert_told_well(call(*LOOK, "--api", "public", AIRBYTE_URL=server.url), 10)
    assert len(server.asked) == 1


ODD_PLACES = (
    "data:text/html,hello",
    "file:///etc/passwd",
    "mailto:a@b",
    "javascript:alert(1)",
    "http://",
    "http://[::1",
    "http://xn--/",
    "http://a:99999999/",
    "/\x7f",
    "\xe4\xff",
    "x" * 70_000,
    "",
)
"""Redirect targets that are no valid HTTP address."""


@pytest.mark.parametrize("place", ODD_PLACES, ids=lambda place: place[:20])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("signs_in", [False, True])
def test_redirect_to_invalid_address_is_protocol_error(
    stage: Stage, status: int, place: str, *, signs_in: bool
) -> None:
    head = f"HTTP/1.1 {status} Odd\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
    server = stage.scripted(lambda _asked: head.encode("latin-1"))
    credentials = APPLICATION if signs_in else {}
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **credentials)
    assert_told_well(ending, 10)
    assert "redirected to" in ending.lines("error: ")[0]
    assert len(server.asked) == 1


@pytest.mark.parametrize("place", ODD_PLACES, ids=lambda place: place[:20])
def test_trigger_redirected_to_invalid_address_is_lost(stage: Stage, place: str) -> None:
    """The job exists: it is found, and no second trigger is sent."""
    row = {"jobId": 1, "connectionId": CONNECTION, "jobType": "sync", "status": "succeeded"}
    dates = {"startTime": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:01:00Z"}
    named = {"connectionId": CONNECTION, "name": "orders", "status": "active"}
    server: Scripted

    def is_trigger(asked: Asked) -> bool:
        return asked.method == "POST" and asked.target.endswith("/jobs")

    def answer(asked: Asked) -> bytes:
        if is_trigger(asked):
            head = f"HTTP/1.1 302 Odd\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
            return head.encode("latin-1")
        if f"/connections/{CONNECTION}" in asked.target:
            return response(200, {**named, "schedule": {"scheduleType": "manual"}})
        if "/jobs/1" in asked.target:
            return response(200, {**row, **dates})
        is_there = any(map(is_trigger, server.asked))
        is_sync = "jobType" not in asked.target
        return response(200, {"data": [{**row, **dates}] if is_there and is_sync else []})

    server = stage.scripted(answer)
    ending = call("run", "--conn", CONNECTION, "--api", "public", AIRBYTE_URL=server.url)
    assert ending.code == 0, ending.stderr
    assert sum(map(is_trigger, server.asked)) == 1


def with_jobs(stage: Stage, *rows: Mapping[str, object]) -> Scripted:
    """Serve one connection with these syncs, newest first; every trigger is refused."""
    about = {"connectionId": CONNECTION, "jobType": "sync"}
    listed = [{**about, "jobId": len(rows) - at, **row} for at, row in enumerate(rows)]

    def answer(asked: Asked) -> bytes:
        if asked.method == "POST":
            return response(400, {"message": "no"})
        if f"/connections/{CONNECTION}" in asked.target:
            return response(200, {"connectionId": CONNECTION, "name": "orders"})
        return response(200, {"data": [] if "jobType" in asked.target else listed})

    return stage.scripted(answer)


def test_since_with_malformed_job_date_starts_nothing(stage: Stage) -> None:
    server = with_jobs(stage, {"status": "succeeded", "startTime": "yesterday"})
    argv = ("run", "--conn", CONNECTION, "--since", "2h", "--api", "public")
    ending = call(*argv, AIRBYTE_URL=server.url)
    assert ending.code == 10, ending.stderr
    assert "cannot be compared with --since" in ending.lines("error: ")[0]
    assert not [one for one in server.asked if one.method == "POST"]


def test_older_job_with_unknown_status_does_not_block_sync(stage: Stage) -> None:
    long_ago = {"startTime": "2026-01-01T00:00:00Z"}
    rows = ({"status": "failed", **long_ago}, {"status": "paused", **long_ago})
    argv = ("run", "--conn", CONNECTION, "--api", "public", "--dry-run")
    started = call(*argv, AIRBYTE_URL=with_jobs(stage, *rows).url)
    met = call(*argv, AIRBYTE_URL=with_jobs(stage, *rows[1:]).url)
    assert "would start a sync" in started.stdout + started.stderr
    assert "job 1 is paused" in met.stdout + met.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_credentials_are_not_sent_to_another_origin(stage: Stage, status: int) -> None:
    thief = stage.scripted(always(200, {"data": []}))
    server = stage.scripted(always(status, "", Location=f"{thief.url}/api/public/v1/health"))
    ending = call(*LOOK, AIRBYTE_URL=server.url, **CREDENTIALS)
    assert_told_well(ending, 10)
    assert "credentials are never sent to another address" in ending.lines("hint: ")[0]
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert thief.asked == []


def test_next_link_to_another_host_is_ignored(stage: Stage) -> None:
    """In public lists, `next` has the host name that the server has configured."""
    thief = stage.scripted(always(200, {"data": []}))

    def answer(asked: Asked) -> bytes:
        row = {"connectionId": "e735894a-e773-4938-969f-45f53957b75b", "name": "x"}
        more = f"{thief.url}/connections?offset=100" if "offset=0" in asked.target else ""
        return response(200, {"data": [row] * 100, "next": more})

    server = stage.scripted(answer)
    call(*LOOK, "--api", "public", AIRBYTE_URL=server.url, **CREDENTIALS)
    assert server.asked
    assert thief.asked == []


CODES: dict[int, int] = {
    **dict.fromkeys((204, 206, 226), 10),
    **dict.fromkeys((300, 304, 305, 399), 10),
    **dict.fromkeys((400, 402, 406, 409, 410, 413, 415, 418, 422, 423, 426, 431, 451, 499), 11),
    **dict.fromkeys((401, 403, 407), 6),
    **dict.fromkeys((404, 405), 10),
    **dict.fromkeys((408, 425, 429, 500, 501, 502, 503, 504, 511, 520, 522, 530, 561, 599), 9),
}


@pytest.mark.parametrize("body", [{"message": "words"}, PAGE])
@pytest.mark.parametrize("status", [one for one in CODES if one >= 300 and one != 425])
def test_each_status_has_its_exit_code(stage: Stage, status: int, body: object) -> None:
    """Only a web page as body changes it: it is not the API's."""
    server = stage.scripted(always(status, body))
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url)
    expected = CODES[status]
    if body == PAGE and expected == 11:
        expected = 10
    if isinstance(body, dict) and status == 404:
        expected = 7
    assert_told_well(ending, expected)
    assert str(status) in ending.lines("error: ")[0] or status < 400


@pytest.mark.parametrize("status", [204, 206, 226])
def test_success_without_content_is_protocol_error(stage: Stage, status: int) -> None:
    server = stage.scripted(always(status, ""))
    assert_told_well(call(*LOOK, "--api", "public", AIRBYTE_URL=server.url), 10)


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_interim_response_is_skipped(stage: Stage, status: int) -> None:
    interim = f"HTTP/1.1 {status} Wait\r\n\r\n".encode()
    server = stage.scripted(lambda _asked: interim + response(200, {"data": []}))
    assert_told_well(call(*LOOK, "--api", "public", AIRBYTE_URL=server.url), 7)


def test_protocol_switch_is_error(stage: Stage) -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    server = stage.scripted(lambda _asked: raw)
    assert call(*LOOK, "--api", "public", AIRBYTE_URL=server.url).code in {9, 10}


@pytest.mark.parametrize("status", [99, 600, 999])
def test_status_outside_http_is_error(stage: Stage, status: int) -> None:
    server = stage.scripted(lambda _asked: f"HTTP/1.1 {status} Odd\r\n\r\n".encode())
    assert call(*LOOK, "--api", "public", AIRBYTE_URL=server.url).code in {9, 10}


def test_terminal_codes_in_response_are_removed(stage: Stage) -> None:
    server = stage.scripted(always(400, {"message": "red \x1b[31m\x07 error: twice\nerror: x"}))
    ending = call(*LOOK, "--api", "public", AIRBYTE_URL=server.url)
    assert_told_well(ending, 11)
    assert "\x1b" not in ending.stderr + ending.stdout
