"""Which setting wins, and which connections are selected, as seen by the server."""

from pathlib import Path

import pytest
import typer

from airbyte_sync_cli.cli.app import COMMANDS, make_app
from airbyte_sync_cli.cli.arguments import parse_connections
from airbyte_sync_cli.sandbox import Sandbox, SandboxConfig
from tests.support.certificates import make_certificates
from tests.support.program import assert_told_well, call
from tests.support.relays import tls_front
from tests.support.sandboxes import LOOK, a_sandbox
from tests.support.servers import Stage, always, response

APPLICATION = {
    "AIRBYTE_CLIENT_ID": "sandbox-client-id",
    "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
}
PAGE = "<!doctype html><html><head><title>Airbyte</title></head><body></body></html>"


# Which setting counts


def test_option_overrides_environment_overrides_profile(stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    of_profile, of_environment, of_option = (a_sandbox() for _ in range(3))
    config.write_text(f'[default]\nurl = "{stage.sandbox(of_profile)}"\n', encoding="utf-8")
    environ = {"AIRBYTE_CONFIG": str(config)}
    more = {**environ, "AIRBYTE_URL": stage.sandbox(of_environment)}

    codes = [
        call(*LOOK, **environ).code,
        call(*LOOK, **more).code,
        call(*LOOK, "--url", stage.sandbox(of_option), **more).code,
    ]

    assert codes == [0, 0, 0]
    asked = [len(one.sent("jobs")) for one in (of_profile, of_environment, of_option)]
    assert asked[0] == asked[1] == asked[2] > 0


def test_api_is_read_from_environment(stage: Stage) -> None:
    sandbox = a_sandbox()

    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), AIRBYTE_API="config")

    assert ending.code == 0
    assert not any(one.path.startswith("/api/public") for one in sandbox.requests)


def test_pyairbyte_variables_are_credentials(stage: Stage) -> None:
    sandbox = a_sandbox(auth="client-credentials")
    names = {
        name.replace("AIRBYTE_", "AIRBYTE_CLOUD_"): text for name, text in APPLICATION.items()
    }

    assert call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox), **names).code == 0


UNUSABLE: dict[str, tuple[str, str]] = {
    "broken TOML": ("url = ", "TOML"),
    "unknown table": ('[defualt]\nurl = "http://x"', "did you mean 'default'?"),
    "unknown profile": ('[profiles.nihgt]\nurl = "http://x"', "did you mean 'nihgt'?"),
    "unreadable secret": ('[profiles.night]\ntoken_file = "/nowhere"', "/nowhere"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_invalid_config_file_contacts_nothing(stage: Stage, tmp_path: Path, what: str) -> None:
    content, words = UNUSABLE[what]
    server = stage.scripted(always(200, {}))
    (tmp_path / "config.toml").write_text(content, encoding="utf-8")
    environ = {"AIRBYTE_CONFIG": str(tmp_path / "config.toml"), "AIRBYTE_URL": server.url}

    ending = call(*LOOK, "--profile", "night", **environ)

    assert_told_well(ending, 2)
    assert words in ending.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("pasted", "guess"),
    [
        ("htp://localhost:8000", "http://localhost:8000"),
        ("http://airbyte/api/publc/v1", "http://airbyte/api/public/v1"),
    ],
)
def test_address_with_typo_gets_suggestion(pasted: str, guess: str) -> None:
    ending = call(*LOOK, AIRBYTE_URL=pasted)

    assert_told_well(ending, 2)
    assert guess in ending.lines("hint: ")[0]


def test_no_option_takes_a_secret() -> None:
    """Arguments are visible to all users of a machine, and in its logs."""
    flags = {
        flag
        for name in COMMANDS
        for each in getattr(typer.main.get_command(make_app([name])), "commands", {}).values()
        for parameter in each.params
        for flag in parameter.opts
    }

    assert "--url" in flags
    assert not [one for one in flags if any(w in one for w in ("secret", "password", "token"))]


@pytest.mark.parametrize("status", [200, 404])
def test_token_url_with_web_page_is_error(stage: Stage, status: int) -> None:
    """Health is Airbyte's, but the token endpoint returns its web page."""
    server = stage.scripted(
        lambda asked: (
            response(status, PAGE, content_type="text/html")
            if asked.target.endswith("/token")
            else response(401, {"message": "Unauthorized"})
        )
    )

    ending = call(*LOOK, AIRBYTE_URL=server.url, **APPLICATION)

    assert ending.code in {6, 10}
    assert_told_well(ending, ending.code)


# Who is meant


def test_ambiguous_name_lists_both_ids(stage: Stage) -> None:
    sandbox = Sandbox()
    ids = [sandbox.add_connection("orders", workspace=name).id for name in ("Sales", "Ops")]

    ending = call("run", "-c", "orders", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 7)
    assert all(one in ending.lines("error: ")[0] for one in ids)
    assert "--workspace" in ending.lines("hint: ")[0]
    assert sandbox.sent("trigger") == []


@pytest.mark.parametrize("overlap", [0, 7])
def test_name_on_third_page_is_found(stage: Stage, overlap: int) -> None:
    sandbox = Sandbox(SandboxConfig(page_overlap=overlap))
    wanted = [sandbox.add_connection(f"c{number}") for number in range(250)][-1]

    ending = call("status", "-c", "c249", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert ending.report["syncs"][0]["connection_id"] == wanted.id


def test_tag_selects_active_connections(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=100))
    on = sandbox.add_connection("on", tags=("nightly",))
    sandbox.add_connection("off", tags=("nightly",), status="inactive")
    sandbox.add_connection("other")

    ending = call("run", "--tag", "nightly", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert [sync["connection_id"] for sync in ending.report["syncs"]] == [on.id]


def test_connections_are_read_from_environment(stage: Stage) -> None:
    sandbox = Sandbox()
    ids = [sandbox.add_connection(name).id for name in ("orders", "events")]
    environ = {"AIRBYTE_CONNECTION": f"orders, {ids[1]}", "AIRBYTE_URL": stage.sandbox(sandbox)}

    ending = call("status", "-o", "json", **environ)

    assert [sync["connection_id"] for sync in ending.report["syncs"]] == ids


@pytest.mark.parametrize(
    "text",
    [
        '["orders, daily", "events"]',
        "orders, daily\nevents",
        "\norders, daily\r\nevents\n",
        '\'["orders, daily", "events"]\'',
    ],
)
def test_names_with_comma_are_read_from_environment(text: str) -> None:
    wanted = parse_connections(None, None, {"AIRBYTE_CONNECTION": text})

    assert wanted.connections == ["orders, daily", "events"]


@pytest.mark.parametrize("text", ["orders,events", " orders , events ", "orders,,events,"])
def test_names_in_environment_are_separated_by_commas(text: str) -> None:
    wanted = parse_connections(None, None, {"AIRBYTE_CONNECTION": text})

    assert wanted.connections == ["orders", "events"]


def test_ca_bundle_of_other_programs_is_used_or_named(stage: Stage, tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    url = stage.enter(tls_front(stage.sandbox(a_sandbox()), made.server("127.0.0.1")))
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")

    trusted = call(*LOOK, AIRBYTE_URL=url, REQUESTS_CA_BUNDLE=str(made.bundle))
    broken = call(*LOOK, AIRBYTE_URL=url, REQUESTS_CA_BUNDLE=str(tmp_path / "none.pem"))

    assert trusted.code == 0
    assert_told_well(broken, 2)
    assert broken.lines("error: ")[0].startswith("error: REQUESTS_CA_BUNDLE: ")
