"""A secret in the place of something else is not shown, and neither is what it was taken for."""

import json
import shlex
from pathlib import Path

import pytest

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import MASK, forget_all, redact
from airbyte_sync_cli.settings import ServerOptions, load_settings
from airbyte_sync_cli.settings.names import ENVIRONMENT, SECRETS
from airbyte_sync_cli.settings.shown import (
    NOT_SHOWN,
    require_name,
    shown_address,
    shown_name,
    shown_path,
)
from tests.support.program import CommandResult, call

MISPLACED = {
    "key": "Zk3canaryQ9x+T/8canaryW2==",
    "word": "canary-correct-horse",
    "key that begins with a slash": "/Zk3canary/Q9x+8==",
    "PEM": "-----BEGIN PRIVATE KEY-----\nMIICcanary\ncanary/2\n-----END PRIVATE KEY-----",
    "TOML": '[default]\nclient_secret = "canary-secret-1"\n',
    "long": "canary" * 60,
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0canaryIn0.SflKxwRJSMcanaryKKF2QT4f",
    "JSON": '{"client_secret": "canary-json"}',
    "URI": "airbyte://id:canary-pw@host/",
    "address and more": "https://host AIRBYTE_CLIENT_SECRET=canary1",
    "password for a port": "https://jane:canary-password",
    "backslashes": "https:\\\\jane:canary@host",
    "header": "canary: canary é",
}
PATHS = (
    *(f"{name}_FILE" for setting in SECRETS for name in ENVIRONMENT[setting][:1]),
    "AIRBYTE_CA_BUNDLE",
    "AIRBYTE_CLIENT_CERT",
    "AIRBYTE_CONFIG",
)
NAMES = ("AIRBYTE_PROFILE", "AIRBYTE_AIRFLOW_CONN", "AIRBYTE_API", "AIRBYTE_OUTPUT")
OTHERS = ("AIRBYTE_HEADERS", "AIRBYTE_REQUEST_TIMEOUT", "AIRBYTE_INSECURE", "AIRBYTE_API_TOKEN")


def assert_hidden(ending: CommandResult) -> None:
    assert "canary" not in (ending.stdout + ending.stderr).lower()
    assert "Traceback" not in ending.stderr
    assert ending.code in {0, 2}


@pytest.mark.parametrize("variable", [*PATHS, *NAMES, *OTHERS])
def test_secret_in_any_variable_is_not_shown(variable: str) -> None:
    for text in MISPLACED.values():
        assert_hidden(call("config", "show", "-vv", **{variable: text}))


@pytest.mark.parametrize("what", [one for one in MISPLACED if one != "word"])
@pytest.mark.parametrize("variable", ["AIRBYTE_URL", "AIRBYTE_TOKEN_URL", "HTTPS_PROXY"])
def test_secret_in_place_of_an_address_is_not_shown(variable: str, what: str) -> None:
    assert_hidden(call("config", "show", "-vv", **{variable: MISPLACED[what]}))


@pytest.mark.parametrize(
    "end", ["?token=canary-1", "#canary-1", "/?canary=a@canary-1", "?#canary"]
)
@pytest.mark.parametrize(
    "variable", ["AIRBYTE_URL", "AIRBYTE_TOKEN_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
)
def test_query_and_fragment_of_an_address_are_not_shown(variable: str, end: str) -> None:
    ending = call("config", "show", "-o", "json", **{variable: f"http://airbyte.test:8000{end}"})

    assert_hidden(ending)
    assert ending.code == 2 or "http://airbyte.test:8000" in ending.stdout or "@" in end


@pytest.mark.parametrize("end", ["?token=canary-1", "#canary-1"])
def test_check_does_not_show_the_query_of_the_address(end: str) -> None:
    ending = call("check", "-o", "json", AIRBYTE_URL=f"http://127.0.0.1:1/{end}")

    assert "canary" not in ending.stdout + ending.stderr
    assert ending.report["steps"][0]["message"].startswith("http://127.0.0.1:1/ (")


@pytest.mark.parametrize("what", ["key", "URI", "token", "long"])
def test_secret_in_no_proxy_is_not_shown(what: str) -> None:
    hosts = ".svc,10.0.0.0/8,[::1],AB12.gr7.us-east-1.eks.amazonaws.com"
    ending = call("config", "show", "-o", "json", NO_PROXY=f"{hosts} {MISPLACED[what]}")

    assert_hidden(ending)
    assert f"no: {hosts},{MASK}" in ending.stdout or what == "URI"


@pytest.mark.parametrize("what", ["key", "PEM", "TOML", "token", "URI"])
@pytest.mark.parametrize("variable", ["AIRBYTE_WORKSPACE_ID", "AIRBYTE_IAP_AUDIENCE"])
def test_secret_in_place_of_a_name_is_not_shown(variable: str, what: str) -> None:
    assert_hidden(call("config", "show", "-vv", **{variable: MISPLACED[what]}))


@pytest.mark.parametrize("text", MISPLACED.values())
def test_secret_in_place_of_a_path_in_a_profile_is_not_shown(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.toml"
    for key in ("client_secret_file", "token_file", "ca_bundle", "client_cert"):
        config.write_text(f"[default]\n{key} = {json.dumps(text)}\n", encoding="utf-8")

        ending = call("config", "show", AIRBYTE_CONFIG=str(config))

        assert_hidden(ending)
        assert key in ending.stderr


OPTIONS = (
    *("--api", "--output", "--log-format", "--if-running", "--job-type", "--on-timeout"),
    *("--on-interrupt", "--timeout", "--start-timeout", "--since", "--poll-interval"),
    *("--max-outage", "--heartbeat", "--request-timeout", "--profile", "--airflow-conn"),
    *("--max-parallel", "--ca-bundle"),
)


@pytest.mark.parametrize("option", OPTIONS)
def test_secret_in_place_of_an_option_is_not_shown(option: str) -> None:
    for what, text in MISPLACED.items():
        if what == "word":  # which is in everybody's sight already
            continue
        for written in ([option, text], [f"{option}={text}"]):
            ending = call("run", "--conn", "orders", *written)

            assert_hidden(ending)
            assert ending.code == 2
            assert option in ending.stderr


@pytest.mark.parametrize("what", ["key", "long", "token", "word"])
def test_secret_in_place_of_a_header_is_not_shown(what: str) -> None:
    assert_hidden(call("run", "--conn", "orders", "--header", MISPLACED[what]))


@pytest.mark.parametrize(
    "text",
    [MISPLACED["key"], MISPLACED["URI"], "https://jane:canary@host/x", "canary-/-canary"],
)
def test_secret_in_place_of_the_result_file_is_not_shown(text: str) -> None:
    ending = call("run", "--conn", "orders", "--result-file", text, "-o", "json")

    assert_hidden(ending)
    assert ending.report["error"]["message"] == (f"--result-file: {NOT_SHOWN} cannot be written")


def test_secret_in_place_of_the_result_file_is_not_shown_beside_another_error() -> None:
    ending = call("run", "--api", "bad", "--result-file", "https://jane:canary@host/x")

    assert_hidden(ending)
    assert f"could not write the result file {NOT_SHOWN}" in ending.stderr


def test_secret_in_place_of_a_short_option_or_a_command_is_not_shown() -> None:
    for what in ("key", "token", "URI", "long"):
        for argv in (["config", f"-o{MISPLACED[what]}"], [MISPLACED[what]]):
            assert_hidden(call(*argv))
    for what in ("PEM", "key", "token"):
        assert_hidden(call("run", f"--{MISPLACED[what]}"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("--timeout '90 minuts'", "--timeout: '90 minuts' is not a duration"),
        ("--timeout '1h 30 minuts'", "--timeout: '1h 30 minuts' is not a duration"),
        ("--since 2026-13-01T06:00:00Z", "--since: '2026-13-01T06:00:00Z' is neither"),
        ("--since '2026-02-30 06:00'", "--since: '2026-02-30 06:00' is neither"),
        ("--since '{{ ts }}'", "--since: '{{ ts }}' is neither"),
        ("--since yesterday", "--since: 'yesterday' is neither"),
        ("--since 1767225600", "--since: '1767225600' is neither"),
        ("--if-running waits", "'waits' is not one of"),
        ("--max-parallel many", "invalid value for '--max-parallel': it should be"),
        ("--result-file no/such/result.json", "--result-file: no/such/result.json cannot be"),
    ],
)
def test_mistyped_option_is_shown(argv: str, words: str) -> None:
    assert words in call("run", "--conn", "orders", *shlex.split(argv)).stderr


CREDENTIALS = (
    "Authorization: Bearer canary-1",
    "Bearer canary-1",
    "basic amFuZTpjYW5hcnk=",
    "sk-canary4kd8Zk3Q9xT8W2mN5",
    "https://jane:canary@host",
    "X-Api-Key: canary-1",
    "AIRBYTE_TOKEN=canary-1",
)


@pytest.mark.parametrize("text", CREDENTIALS)
@pytest.mark.parametrize(
    "argv",
    [
        "run --conn",
        "check --conn",
        "run --tag",
        "connections --search",
        "connections --tag",
        "config show --workspace",
    ],
)
def test_credential_in_place_of_a_name_is_refused_and_not_shown(argv: str, text: str) -> None:
    ending = call(*argv.split(), text)

    assert_hidden(ending)
    assert "amFuZTpjYW5hcnk" not in ending.stderr
    assert (
        f"{argv.rsplit(maxsplit=1)[-1]}: {NOT_SHOWN} is neither a name nor an id" in ending.stderr
    )


@pytest.mark.parametrize("text", CREDENTIALS)
@pytest.mark.parametrize("variable", ["AIRBYTE_CONNECTION", "AIRBYTE_WORKSPACE_ID"])
def test_credential_in_a_variable_for_names_is_refused(variable: str, text: str) -> None:
    ending = call("check", "-o", "json", **{variable: text})

    assert_hidden(ending)
    assert ending.report["error"]["message"].startswith(f"{variable}: {NOT_SHOWN}")


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "Salesforce → BigQuery (prod)",
        "GA4_to_BigQuery_2024",
        "sk-customers-production-2024",
        "Bearer tokens of users",
        "Basic: 2024",
        "key=value, a=b",
        "s3://bucket/orders → Snowflake",
        "HubSpotV3ToSnowflakeRaw2",
        "e735894a-e773-4938-969f-45f53957b75b",
    ],
)
def test_normal_name_is_taken_and_shown(name: str) -> None:
    assert require_name(name, where="--conn") == name
    assert shown_name(name) == repr(name)


@pytest.mark.parametrize("name", ["GA4/Snowflake+Prod2024", "two\nlines", "x" * 600])
def test_odd_name_of_a_connection_is_taken(name: str) -> None:
    assert require_name(name, where="--conn") == name


@pytest.mark.parametrize("text", [*MISPLACED.values(), *CREDENTIALS, "http://h/?a=canary"])
def test_secret_in_place_of_the_audience_is_not_shown(text: str) -> None:
    assert_hidden(call("config", "show", "-o", "json", AIRBYTE_IAP_AUDIENCE=text))


@pytest.mark.parametrize(
    "text",
    [
        "123456789012-abc1def2ghi3.apps.googleusercontent.com",
        "/projects/123456789012/global/backendServices/4567890123",
        "https://airbyte.example.com",
        "123456789012",
    ],
)
def test_audience_is_shown(text: str) -> None:
    assert text in call("config", "show", "-o", "json", AIRBYTE_IAP_AUDIENCE=text).stdout


def test_misplaced_secret_names_its_variable_and_what_belongs_there() -> None:
    ending = call("status", "1", AIRBYTE_TOKEN_FILE="canary-token")

    assert ending.lines("error: ") == [
        f"error: AIRBYTE_TOKEN_FILE: {NOT_SHOWN} cannot be read: No such file or directory"
    ]
    assert "the path of a file" in ending.lines("hint: ")[0]


def test_client_id_and_secret_mixed_up_are_both_masked() -> None:
    forget_all()
    swapped = {"AIRBYTE_CLIENT_ID": "Zk3canaryQ9xT8W2", "AIRBYTE_CLIENT_SECRET": "the-client-id"}

    load_settings(ServerOptions(), swapped)

    assert redact("no client Zk3canaryQ9xT8W2, the-client-id") == f"no client {MASK}, {MASK}"
    forget_all()


@pytest.mark.parametrize(
    "text", ["/etc/no-such-file", "/secrets/airbyte/token", "ca.pem", "/nowhere", "~/key", "sub/x"]
)
def test_path_that_proves_to_be_one_is_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "sub").mkdir()

    assert NOT_SHOWN not in shown_path(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "htps://airbyte.example.com",
        "https://a0123456789abcdef0123456789abcdef-123.elb.us-east-1.amazonaws.com:80x",
        "http://{{ var.value.url }}/api",
        "${AIRBYTE_URL}",
        "http://::1:8000",
        "airbyte:800O",
    ],
)
def test_mistyped_address_is_shown(text: str) -> None:
    assert shown_address(text) == repr(text)


# Quotation marks


@pytest.mark.parametrize("mark", ["'", '"'])
def test_quotation_marks_of_an_env_file_are_left_out_and_told(mark: str) -> None:
    given = {
        "AIRBYTE_URL": "http://airbyte",
        "AIRBYTE_CLIENT_ID": "i",
        "AIRBYTE_CLIENT_SECRET": "s-canary",
    }

    settings = load_settings(
        ServerOptions(), {name: f"{mark}{text}{mark}" for name, text in given.items()}
    )

    plain = load_settings(ServerOptions(), given)
    assert (settings.url, settings.credentials) == (plain.url, plain.credentials)
    assert settings.warnings == (
        "the value of AIRBYTE_CLIENT_ID and of AIRBYTE_CLIENT_SECRET and of AIRBYTE_URL is "
        "used without its quotation marks (`docker run --env-file` does not remove them)",
    )
    assert plain.warnings == ()


# Bytes


@pytest.mark.parametrize(
    "variable",
    ["AIRBYTE_URL", "AIRBYTE_USERNAME", "AIRBYTE_PROFILE", "AIRBYTE_CONFIG", "HTTPS_PROXY"],
)
def test_bytes_that_are_no_text_are_refused(variable: str) -> None:
    with pytest.raises(UsageError, match=f"{variable} is not valid UTF-8"):
        load_settings(ServerOptions(), {variable: "a\udcff"})


@pytest.mark.parametrize(
    ("argv", "where"),
    [
        (("run", "--conn", "\udcff"), "--conn"),
        (("run", "--url=\udcff"), "--url"),
        (("run", "--header", "X: \udcff"), "--header"),
        (("status", "\udcff"), "argument 2"),
        (("\udcff",), "argument 1"),
    ],
)
def test_arguments_that_are_no_text_are_refused(argv: tuple[str, ...], where: str) -> None:
    ending = call(*argv, "-o", "json")

    assert ending.code == 2
    assert ending.report["error"]["message"] == f"{where} is not valid UTF-8"


# What other programs call it


@pytest.mark.parametrize("name", ["AIRBYTE_API_TOKEN", "AIRBYTE_API_KEY", "AIRBYTE_ACCESS_TOKEN"])
def test_token_goes_by_other_names(name: str) -> None:
    assert (
        load_settings(ServerOptions(), {name: "canary"}).origins["token"] == f"environment {name}"
    )


def test_credentials_under_an_unknown_name_are_warned_about() -> None:
    [warning] = load_settings(ServerOptions(), {"AIRBYTE_APP_SECRET": "canary"}).warnings

    assert warning.startswith("AIRBYTE_APP_SECRET is not a setting of airbyte-sync")
    assert (
        load_settings(ServerOptions(), {"AIRBYTE_APP_SECRET": "x", "AIRBYTE_TOKEN": "t"}).warnings
        == ()
    )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_ca_bundle_of_other_programs_counts_last(tmp_path: Path, name: str) -> None:
    theirs, ours = tmp_path / "theirs.pem", tmp_path / "ours.pem"
    theirs.touch()
    ours.touch()
    environ = {name: str(theirs)}

    settings = load_settings(ServerOptions(), environ)

    assert (settings.ca_bundle, settings.origins["ca_bundle"]) == (theirs, f"environment {name}")
    assert (
        load_settings(ServerOptions(), environ | {"AIRBYTE_CA_BUNDLE": str(ours)}).ca_bundle
        == ours
    )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_ca_bundle_of_other_programs_that_is_not_there_is_warned_about(name: str) -> None:
    settings = load_settings(ServerOptions(), {name: "/no/such/canary"})

    assert settings.ca_bundle is None
    assert settings.warnings[0].startswith(f"{name} is ignored")
    assert "canary" not in settings.warnings[0]
