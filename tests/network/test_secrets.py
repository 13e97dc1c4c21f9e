"""No secret is ever written, whatever fails: every command, at the highest verbosity.

Each way of giving a secret plants canaries. Servers fail in every way that makes a program talk,
and some throw back at us what we sent. Then all that was written is searched.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import typer.main

from airbyte_sync_cli.airbyte.http import Transport
from airbyte_sync_cli.cli.app import COMMANDS, make_app
from airbyte_sync_cli.redaction import MASK
from airbyte_sync_cli.sandbox import Sandbox
from tests.network.identities import AUDIENCE, identity, service_account
from tests.support.certificates import make_certificates
from tests.support.program import CommandResult, Outside, call, call_in, start
from tests.support.relays import Place, passing_on, place_of, tls_front
from tests.support.sandboxes import a_sandbox
from tests.support.servers import Answer, Asked, Stage, always, response
from tests.support.transport import BrokenTransport

PAGE = "<html><head><title>Airbyte</title></head></html>"
GOOGLES = identity(AUDIENCE)
ISSUED = "issued-by-the-server-canary"
SPECIAL = 'cän/ary "pass\\word" +%41'


# Ways of giving a secret


@dataclass(frozen=True)
class Way:
    """An environment with canaries, and the texts that must never be written."""

    environ: Mapping[str, str]
    secrets: tuple[str, ...]
    behind_proxy: bool = False
    """The server acts as the proxy and receives the proxy's password."""
    userinfo: str = ""


def basic(name: str, password: str) -> str:
    """Encode a pair for basic authentication."""
    return base64.b64encode(f"{name}:{password}".encode()).decode()


def application(_folder: Path) -> Way:
    return Way(
        {
            "AIRBYTE_CLIENT_ID": "an-application",
            "AIRBYTE_CLIENT_SECRET": "client-secret-canary",
            "AIRBYTE_HEADERS": "X-Corp-Key: header-value-canary",
        },
        ("client-secret-canary", "header-value-canary", ISSUED),
    )


def token(_folder: Path) -> Way:
    return Way({"AIRBYTE_TOKEN": "Bearer ready-token-canary"}, ("ready-token-canary",))


def password(_folder: Path) -> Way:
    return Way({"AIRBYTE_USERNAME": "traveller", "AIRBYTE_PASSWORD": SPECIAL}, (SPECIAL,))


def userinfo(_folder: Path) -> Way:
    return Way({}, (SPECIAL,), userinfo=f"traveller:{quote(SPECIAL, safe='')}@")


def proxy(_folder: Path) -> Way:
    return Way({}, ("proxy-password-canary",), behind_proxy=True)


def header(_folder: Path) -> Way:
    environ = {"AIRBYTE_HEADERS": '{"Authorization": "Custom whole-header-canary"}'}
    return Way(environ, ("whole-header-canary",))


def files(folder: Path) -> Way:
    """Keep all secrets in files; the final line break is not part of them."""
    (folder / "secret").write_text("client-secret-canary\n")
    (folder / "headers").write_text("X-Corp-Key: header-value-canary\n")
    environ = {
        "AIRBYTE_CLIENT_ID": "an-application",
        "AIRBYTE_CLIENT_SECRET_FILE": str(folder / "secret"),
        "AIRBYTE_HEADERS_FILE": str(folder / "headers"),
    }
    return Way(environ, ("client-secret-canary", "header-value-canary", ISSUED))


def airflow(_folder: Path) -> Way:
    connection = {"login": "an-application", "password": "airflow-secret-canary"}
    environ = {"AIRFLOW_CONN_A": json.dumps(connection), "AIRBYTE_AIRFLOW_CONN": "a"}
    return Way(environ, ("airflow-secret-canary", ISSUED))


def profile(folder: Path) -> Way:
    file = folder / "config.toml"
    file.write_text('[default]\nusername = "traveller"\npassword = "profile-canary"\n')
    return Way({"AIRBYTE_CONFIG": str(file)}, ("profile-canary",))


def google(folder: Path) -> Way:
    """A service account, whose key signs a request to the same server."""
    file = service_account(folder, "http://google.test/token")
    lines = json.loads(Path(file).read_text())["private_key"].splitlines()
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": file, "AIRBYTE_IAP_AUDIENCE": AUDIENCE}
    return Way(environ, (lines[1], lines[5], GOOGLES), behind_proxy=True)


WAYS = (application, token, password, userinfo, proxy, header, files, airflow, profile, google)


# Ways of failing


def echo(asked: Asked) -> str:
    """Return everything that was received."""
    return asked.raw.decode(errors="replace")


def once_signed_in(answer: Answer) -> Answer:
    """Issue tokens, and fail otherwise."""

    def answered(asked: Asked) -> bytes | AsyncIterator[bytes]:
        if asked.target.startswith("http://google.test/"):
            return response(200, {"id_token": GOOGLES})
        if asked.target.endswith("/applications/token"):
            return response(200, {"access_token": ISSUED})
        return answer(asked)

    return answered


def echoing(status: int, shape: Callable[[str], object]) -> Answer:
    return lambda asked: response(status, shape(echo(asked)))


def small_percents(text: str) -> str:
    return re.sub("%..", lambda found: found.group().lower(), quote(text, safe=""))


def redirecting(place: str, *encodings: Callable[[str], str]) -> Answer:
    """Redirect to a login page, with all secrets in the URL, in nested encodings."""

    def answered(asked: Asked) -> bytes:
        text = asked.raw.decode(errors="replace")
        if "authorization" in asked.headers:
            text = readable(asked.headers["authorization"]) + text
        for encode in encodings:
            text = encode(text)
        return response(302, "", Location=f"https://login.example.com{place}{text}")

    return answered


def readable(authorization: str) -> str:
    """Decode the pair of basic authentication."""
    scheme, _, value = authorization.partition(" ")
    return base64.b64decode(value).decode() if scheme == "Basic" else value


def in_the_phrase(asked: Asked) -> bytes:
    shown = asked.headers.get("authorization") or asked.headers.get("proxy-authorization", "")
    return f"HTTP/1.1 407 {shown}\r\nContent-Length: 0\r\nX-Again: {shown}\r\n\r\n".encode()


FAILURES: dict[str, Answer] = {
    "401": once_signed_in(always(401, {"message": "Unauthorized"})),
    "403": once_signed_in(always(403, {"message": "Forbidden"})),
    "401 to the sign-in": always(401, {"message": "Unauthorized"}),
    "HTML": once_signed_in(always(200, PAGE, content_type="text/html")),
    "invalid JSON": once_signed_in(always(200, '{"data": [')),
    "echo to the sign-in": echoing(400, lambda text: {"message": text}),
    "echo, HTML": echoing(403, lambda text: f"<html><title>{text}</title></html>"),
    "echo, problem": once_signed_in(echoing(400, lambda text: {"data": {"message": text}})),
    "echo, text": once_signed_in(echoing(500, lambda text: text)),
    "echo, invalid JSON": once_signed_in(echoing(200, lambda text: '{"data": ' + text)),
    "echo, as rows": once_signed_in(echoing(200, lambda text: {"data": [{"name": text}]})),
    "echo, flat": once_signed_in(echoing(401, lambda text: text.replace("\r\n", " "))),
    "redirect": once_signed_in(redirecting("/?was=", quote)),
    "redirect, small letters": once_signed_in(redirecting("/was/", small_percents)),
    "redirect, twice encoded": once_signed_in(redirecting("/?was=", quote, quote_plus)),
    "redirect, JSON": once_signed_in(redirecting("/?was=", json.dumps, quote)),
    "phrase": in_the_phrase,
}


# Every command


def talking() -> Iterator[tuple[str, ...]]:
    """Return command lines of all commands that contact a server, from their parameters."""
    for name in COMMANDS:
        command = typer.main.get_command(make_app([name]))
        parameters = getattr(command, "commands", {name: command})[name].params
        flags = {flag for parameter in parameters for flag in parameter.opts}
        if "--url" not in flags:
            continue
        limits = {"--max-outage": "1s", "--timeout": "5s", "--heartbeat": "0"}
        common = [part for flag in limits if flag in flags for part in (flag, limits[flag])]
        arguments = [one for one in parameters if one.param_type_name == "argument"]
        if arguments:
            word = str(getattr(arguments[0], "metavar", ""))
            yield (name, word if word.islower() else "1", *common)  # a word stands for itself
        if "--conn" in flags:
            yield (name, "--conn", "orders", *common)
        if not arguments and "--conn" not in flags:
            yield (name, *common)


def test_commands_are_found() -> None:
    found = {line[0] for line in talking()}
    assert {"run", "trigger", "wait", "status", "cancel"} <= found
    assert not {"demo", "sandbox"} & found


# The search


def forms(secret: str) -> set[str]:
    """Return the forms in which a secret may appear."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(quote(secret)),
        small_percents(secret),
        quote(json.dumps(secret)[1:-1]),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        basic("traveller", secret),
        base64.b64encode(secret.encode()).decode(),
    }


@dataclass(frozen=True)
class Run:
    """One call of the program, and everything that it wrote."""

    ending: CommandResult
    written: str

    def assert_no_secret(self, way: Way) -> None:
        """Search it, also with its escapes undone and its line breaks taken out."""
        plain = self.written.replace("\\\\", "\\").replace('\\"', '"')
        for text in (self.written, plain, re.sub(r"\s", "", self.written)):
            for secret in way.secrets:
                found = sorted(one for one in forms(secret) if one in text)
                assert not found, f"{found} in {self.written}"


def run(
    folder: Path,
    place: Place,
    way: Way,
    *argv: str,
    scheme: str = "http",
    transport: Transport | None = None,
) -> Run:
    """Call the program where Airflow's and Kubernetes' files are to be written, too."""
    root, result = folder / "root", folder / "result.json"
    for name in ("airflow/xcom", "dev"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "dev/termination-log").write_text("")
    host, port = place
    environ = {**way.environ, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    if way.behind_proxy:
        environ["ALL_PROXY"] = f"http://traveller:proxy-password-canary@{host}:{port}"
        environ["AIRBYTE_URL"] = f"{scheme}://{way.userinfo}airbyte.test"
    else:
        environ["AIRBYTE_URL"] = f"{scheme}://{way.userinfo}{host}:{port}"
    line = (*argv, "-vv", "--request-timeout", "2s", "--result-file", str(result))
    ending = call_in(Outside(root=root, transport=transport), *line, **environ)
    files = [result, root / "airflow/xcom/return.json", root / "dev/termination-log"]
    assert all(file.read_text() for file in files if ending.code or file.parent.name != "dev")
    written = [ending.stdout, ending.stderr, *(file.read_text() for file in files)]
    return Run(ending, "\n".join(written))


SAME_ON_THE_WIRE = (files, airflow, profile)
MET = [(one, failure) for one in WAYS if one not in SAME_ON_THE_WIRE for failure in FAILURES]
MET += [(one, kind) for one in SAME_ON_THE_WIRE for kind in ("echo to the sign-in", "echo, flat")]


@pytest.mark.parametrize(("make", "failure"), MET)
def test_no_source_of_a_secret_shows_it(
    stage: Stage, tmp_path: Path, make: Callable[[Path], Way], failure: str
) -> None:
    way = make(tmp_path)
    server = stage.scripted(FAILURES[failure])
    done = run(tmp_path, place_of(server.url), way, "status", "--conn", "orders")
    done.assert_no_secret(way)
    assert server.asked
    assert done.ending.code != 0
    assert "Traceback" not in done.ending.stderr


PLAINEST = ("401", "403", "HTML", "invalid JSON", "echo to the sign-in", "echo, problem")
LINES_AND_FAILURES = list(product(talking(), PLAINEST))
WAYS_IN_TURNS = [
    way
    for way, _ in zip(
        cycle((application, password, userinfo, proxy)), LINES_AND_FAILURES, strict=False
    )
]


@pytest.mark.parametrize(
    ("words", "make"), list(zip(LINES_AND_FAILURES, WAYS_IN_TURNS, strict=True))
)
def test_no_command_shows_a_secret(
    stage: Stage,
    tmp_path: Path,
    words: tuple[tuple[str, ...], str],
    make: Callable[[Path], Way],
) -> None:
    (line, failure), way = words, make(tmp_path)
    place = place_of(stage.scripted(FAILURES[failure]).url)
    run(tmp_path, place, way, *line, "-o", "json").assert_no_secret(way)


@pytest.mark.parametrize("make", WAYS)
def test_refused_connection_shows_no_secret(tmp_path: Path, make: Callable[[Path], Way]) -> None:
    way = make(tmp_path)
    for scheme in ("http", "https"):
        done = run(tmp_path, ("127.0.0.1", 9), way, "status", "1", scheme=scheme)
        done.assert_no_secret(way)


@pytest.mark.parametrize("line", list(talking()), ids=" ".join)
def test_tls_failure_shows_no_secret(stage: Stage, tmp_path: Path, line: tuple[str, ...]) -> None:
    context = make_certificates(tmp_path).server("127.0.0.1")
    front = stage.enter(tls_front(stage.sandbox(a_sandbox()), context))
    for make in (application, userinfo):
        way = make(tmp_path)
        run(tmp_path, place_of(front), way, *line, scheme="https").assert_no_secret(way)


@pytest.mark.parametrize(
    ("line", "status"),
    [("run", 409), ("run", 500), ("trigger", 400), ("cancel", 400), ("cancel", 403)],
)
def test_echo_of_last_request_shows_no_secret(
    stage: Stage, tmp_path: Path, line: str, status: int
) -> None:
    """Everything succeeds but the trigger or cancel, whose error repeats all secrets."""
    sandbox = a_sandbox()
    if line != "cancel":
        sandbox = Sandbox()
        sandbox.add_connection("orders")
    onward = passing_on(place_of(stage.sandbox(sandbox)))

    def answer(asked: Asked) -> bytes | AsyncIterator[bytes]:
        if asked.method == "DELETE" or asked.target.endswith("/v1/jobs"):
            return response(status, {"message": echo(asked)})
        return onward(asked)

    server = stage.scripted(once_signed_in(answer))
    way = application(tmp_path)
    argv = (line, "--conn", "orders", "-o", "json")
    done = run(tmp_path, place_of(server.url), way, *argv)
    done.assert_no_secret(way)


def test_echo_is_masked_not_dropped(stage: Stage, tmp_path: Path) -> None:
    """Proves that the search of this file finds masked secrets."""
    way = application(tmp_path)
    server = stage.scripted(FAILURES["echo, problem"])
    done = run(tmp_path, place_of(server.url), way, "status", "--conn", "orders")
    assert MASK in done.ending.lines("error: ")[0]
    assert any("header-value-canary" in echo(asked) for asked in server.asked)
    assert any(ISSUED in echo(asked) for asked in server.asked)


def test_traceback_shows_no_secret(tmp_path: Path) -> None:
    """Its traceback is meant for a public bug report."""
    way = application(tmp_path)
    bug = RuntimeError("Authorization: Bearer client-secret-canary, header-value-canary")
    done = run(tmp_path, ("127.0.0.1", 9), way, "status", "1", transport=BrokenTransport(bug))
    assert done.ending.code == 1
    assert "Traceback" in done.ending.stderr
    done.assert_no_secret(way)


def test_process_shows_no_secret(stage: Stage, tmp_path: Path) -> None:
    way = application(tmp_path)
    server = stage.scripted(FAILURES["echo, problem"])
    line = ("status", "--conn", "orders", "-vv", "-o", "json")
    ending = start(*line, AIRBYTE_URL=server.url, **way.environ)
    assert ending.code == 11
    Run(ending, ending.stdout + ending.stderr).assert_no_secret(way)


@pytest.mark.parametrize(
    "environ",
    [
        {"AIRBYTE_URL": "http://traveller:mistaken-canary@host:port"},
        {"AIRBYTE_URL": "htp://traveller:mistaken-canary@host"},
        {"AIRBYTE_URL": "traveller:mistaken-canary@local host"},
        {"AIRBYTE_URL": "http://traveller:mistaken-canary@locahost/api/v9"},
        {"AIRBYTE_URL": "http://traveller:mistaken-canary/#?@host"},
        {"AIRBYTE_URL": "http://traveller:mistaken-canary@[::1"},
        {"AIRBYTE_TOKEN": "mistaken-canary\nmistaken-canary"},
        {"AIRBYTE_HEADERS": "X-Corp mistaken-canary"},
        {"AIRBYTE_HEADERS": '{"X-Corp": "mistaken-canary"'},
        {"AIRBYTE_HEADERS": "X-Corp: mistaken-canary\x07"},
        {"AIRBYTE_URL": "http://a.test", "ALL_PROXY": "gopher://t:mistaken-canary@proxy:1"},
        {"AIRBYTE_URL": "http://a.test", "ALL_PROXY": "http://t:mistaken-canary@proxy:nine"},
        {"AIRFLOW_CONN_A": '{"password": "mistaken-canary"', "AIRBYTE_AIRFLOW_CONN": "a"},
        {"AIRFLOW_CONN_A": "mistaken-canary", "AIRBYTE_AIRFLOW_CONN": "a"},
        {"AIRBYTE_CLIENT_SECRET": "mistaken-canary"},
        {"AIRBYTE_PASSWORD": "mistaken-canary", "AIRBYTE_TOKEN": "mistaken-canary"},
    ],
)
def test_settings_error_shows_no_secret(tmp_path: Path, environ: dict[str, str]) -> None:
    ending = call_in(Outside(root=tmp_path), "status", "1", "-vv", **environ)
    assert ending.code == 2
    assert "mistaken-canary" not in ending.stdout + ending.stderr


@pytest.mark.parametrize("shape", [lambda words: words, lambda words: {"detail": words}])
def test_cut_secret_is_not_shown_in_part(
    stage: Stage, tmp_path: Path, shape: Callable[[str], object]
) -> None:
    way = token(tmp_path)

    def answer(asked: Asked) -> bytes:
        shown = asked.headers["authorization"].removeprefix("Bearer ")
        return response(400, shape("x" * (480 + asked_for_job()) + shown + "x" * 99))

    def asked_for_job() -> int:
        return sum(one.target.endswith("/jobs/1") for one in server.asked)

    server = stage.scripted(answer)
    for _ in range(20):
        done = run(tmp_path, place_of(server.url), way, "status", "1", "--api", "public")
        assert "ready-" not in done.written
    assert asked_for_job() == 20


def test_part_of_header_is_masked(stage: Stage, tmp_path: Path) -> None:
    sent = {
        "Authorization": "Bearer bearer-canary",
        "Cookie": "a=cookie-canary; b=second-canary",
        "X-Api-Key": "Key key-canary",
    }

    def answer(asked: Asked) -> bytes:
        return response(403, {"message": re.sub(r"[\s=;]", ", ", asked.raw.decode())})

    url = stage.scripted(answer).url
    way = Way({"AIRBYTE_HEADERS": json.dumps(sent)}, ("r-canary", "e-canary", "y-canary"))
    done = run(tmp_path, place_of(url), way, "status", "1", "-o", "json")
    assert MASK in done.ending.lines("error: ")[0]
    assert "canary" not in done.written


def test_word_in_header_does_not_mask_connection_name(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox())
    ending = call("status", "--conn", "orders", "-o", "json", "--header", "X-Team: orders",
                  AIRBYTE_URL=url, AIRBYTE_TOKEN="running")  # fmt: skip
    (sync,) = ending.report["syncs"]
    assert (sync["connection_name"], sync["status"]) == ("orders", "running")
