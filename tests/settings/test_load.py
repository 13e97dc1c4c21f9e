"""Each setting is found in the best place that has it; what is wrong is told at once."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings import (
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    NoAuth,
    ServerOptions,
    Settings,
    load_settings,
)

CLIENT = {"AIRBYTE_CLIENT_ID": "the-id", "AIRBYTE_CLIENT_SECRET": "canary-secret"}
BASIC = {"AIRBYTE_USERNAME": "jane", "AIRBYTE_PASSWORD": "canary-password"}


def load(environ: Mapping[str, str] | None = None, **options: Any) -> Settings:  # noqa: ANN401  # handed on
    return load_settings(ServerOptions(**options), environ or {})


def refused(environ: Mapping[str, str] | None = None, **options: Any) -> UsageError:  # noqa: ANN401  # handed on
    with pytest.raises(UsageError) as caught:
        load(environ, **options)
    assert caught.value.hint
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def config(tmp_path: Path, text: str, *, mode: int = 0o600) -> dict[str, str]:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return {"AIRBYTE_CONFIG": str(path)}


def test_without_anything_it_is_a_local_airbyte_without_authentication() -> None:
    settings = load()

    assert (settings.url, settings.api) == ("http://localhost:8000", "auto")
    assert settings.credentials == NoAuth()
    assert (settings.request_timeout, settings.trigger_timeout) == (30.0, 180.0)
    assert settings.warnings == ()
    assert set(settings.origins.values()) == {"default"}


@pytest.mark.parametrize(
    "name",
    [
        "AIRBYTE_URL",
        "AIRBYTE_API_URL",
        "AIRBYTE_API_ROOT",
        "AIRBYTE_BASE_URL",
        "AIRBYTE_SERVER_URL",
        "AIRBYTE_CLOUD_API_URL",
    ],
)
def test_the_address_goes_by_many_names(name: str) -> None:
    settings = load({name: "https://airbyte.example.com"})

    assert settings.url == "https://airbyte.example.com"
    assert settings.origins["url"] == f"environment {name}"


def test_options_come_before_the_environment_before_the_profile(tmp_path: Path) -> None:
    environ = config(tmp_path, '[default]\nurl = "http://p"\napi = "config"\nworkspace_id = "w"')
    environ |= {"AIRBYTE_URL": "http://e", "AIRBYTE_API": "public"}

    settings = load(environ, url="http://o")

    assert (settings.url, settings.api, settings.workspace_id) == ("http://o", "public", "w")
    assert settings.origins["url"] == "option --url"
    assert settings.origins["api"] == "environment AIRBYTE_API"
    assert settings.origins["workspace_id"] == f"profile default in {tmp_path}/config.toml"


def test_an_empty_variable_counts_as_not_set() -> None:
    environ = dict.fromkeys(["AIRBYTE_URL", "AIRBYTE_TOKEN", *CLIENT], " ")

    assert load(environ) == load()


def test_two_addresses_that_differ_are_warned_about() -> None:
    settings = load({"AIRBYTE_URL": "http://a", "AIRBYTE_API_URL": "http://b"})

    assert settings.url == "http://a"
    assert settings.warnings == ("AIRBYTE_URL and AIRBYTE_API_URL differ: AIRBYTE_URL is used",)
    assert load({"AIRBYTE_URL": "http://a", "AIRBYTE_API_URL": "http://a/"}).warnings == ()


@pytest.mark.parametrize(
    ("environ", "credentials"),
    [
        (CLIENT, ClientCredentials(client_id="the-id", client_secret=SecretStr("canary-secret"))),
        (
            {"AIRBYTE_CLOUD_CLIENT_ID": "i", "AIRBYTE_CLOUD_CLIENT_SECRET": "canary-secret"},
            ClientCredentials(client_id="i", client_secret=SecretStr("canary-secret")),
        ),
        (BASIC, BasicAuth(username="jane", password=SecretStr("canary-password"))),
        ({"AIRBYTE_TOKEN": "canary-token"}, BearerAuth(token=SecretStr("canary-token"))),
        ({"AIRBYTE_TOKEN": "Bearer canary"}, BearerAuth(token=SecretStr("canary"))),
        ({"AIRBYTE_BEARER_TOKEN": "canary"}, BearerAuth(token=SecretStr("canary"))),
        ({"AIRBYTE_CLOUD_BEARER_TOKEN": "canary"}, BearerAuth(token=SecretStr("canary"))),
    ],
)
def test_each_kind_of_credentials_is_found(environ: dict[str, str], credentials: object) -> None:
    settings = load(environ)

    assert settings.credentials == credentials
    assert "canary" not in repr(settings)


def test_pyairbytes_names_for_the_cloud_mean_the_cloud() -> None:
    settings = load({"AIRBYTE_CLOUD_BEARER_TOKEN": "canary-token"})

    assert settings.url == "https://api.airbyte.com/v1"
    assert settings.origins["url"] == "default, because of environment AIRBYTE_CLOUD_BEARER_TOKEN"
    given = load({"AIRBYTE_CLOUD_BEARER_TOKEN": "canary-token"}, url="http://mine")
    assert given.url == "http://mine"


@pytest.mark.parametrize(
    ("environ", "words", "hint"),
    [
        (
            {"AIRBYTE_CLIENT_ID": "i"},
            "AIRBYTE_CLIENT_SECRET is missing (environment AIRBYTE_CLIENT_ID is set)",
            "set AIRBYTE_CLIENT_SECRET or AIRBYTE_CLIENT_SECRET_FILE, too",
        ),
        (
            {"AIRBYTE_PASSWORD": "canary"},
            "AIRBYTE_USERNAME is missing (environment AIRBYTE_PASSWORD is set)",
            "set AIRBYTE_USERNAME or AIRBYTE_USERNAME_FILE, too",
        ),
        (
            {"AIRBYTE_CLIENT_ID": "i", "AIRBYTE_CLIENT_SECERT": "canary"},
            "AIRBYTE_CLIENT_SECRET is missing (environment AIRBYTE_CLIENT_ID is set)",
            "is AIRBYTE_CLIENT_SECERT misspelt?",
        ),
    ],
)
def test_half_a_pair_is_told(environ: dict[str, str], words: str, hint: str) -> None:
    error = refused(environ)

    assert (error.message, error.hint) == (words, hint)


def test_two_kinds_of_credentials_in_one_place_are_told() -> None:
    error = refused(CLIENT | {"AIRBYTE_TOKEN": "canary-token"})

    assert error.message == (
        "two kinds of credentials are set: a client id and secret and a token (environment "
        "AIRBYTE_CLIENT_ID, environment AIRBYTE_CLIENT_SECRET, environment AIRBYTE_TOKEN)"
    )


def test_credentials_of_a_better_place_win_whole(tmp_path: Path) -> None:
    profile = '[default]\nclient_id = "i"\nclient_secret = "canary-secret"'
    environ = config(tmp_path, profile) | {"AIRBYTE_TOKEN": "canary-token"}

    assert isinstance(load(environ).credentials, BearerAuth)


def test_an_id_in_the_profile_is_completed_by_a_secret_in_the_environment(tmp_path: Path) -> None:
    environ = config(tmp_path, '[default]\nclient_id = "i"')

    credentials = load(environ | {"AIRBYTE_CLIENT_SECRET": "canary-secret"}).credentials

    assert credentials == ClientCredentials(
        client_id="i", client_secret=SecretStr("canary-secret")
    )


@pytest.mark.parametrize("name", [*CLIENT, *BASIC, "AIRBYTE_TOKEN"])
def test_every_secret_can_come_from_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "secret"
    path.write_text("canary-from-file\n", encoding="utf-8")
    others = CLIENT if name in CLIENT else BASIC if name in BASIC else {}
    environ = {k: v for k, v in others.items() if k != name} | {f"{name}_FILE": str(path)}

    settings = load(environ)

    held = [getattr(settings.credentials, field) for field in settings.credentials.__slots__]
    assert any(one in {"canary-from-file", SecretStr("canary-from-file")} for one in held)
    setting = name.removeprefix("AIRBYTE_").lower()
    assert settings.origins[setting] == f"file {path} ({name}_FILE)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "it is not text"),
    ],
)
def test_an_unusable_secret_file_is_told(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    error = refused({"AIRBYTE_TOKEN_FILE": str(path)})

    assert words in error.message
    assert str(path) in error.message


def test_a_secret_beside_its_file_is_told() -> None:
    error = refused({"AIRBYTE_TOKEN": "canary", "AIRBYTE_TOKEN_FILE": "/x"})

    assert error.message == "AIRBYTE_TOKEN and AIRBYTE_TOKEN_FILE are both set"


def test_a_secret_that_no_header_can_carry_is_told() -> None:
    assert "another invalid character" in refused({"AIRBYTE_TOKEN": "canary\ncanary"}).message


def test_credentials_in_a_pasted_address_are_taken_out_of_it() -> None:
    settings = load(url="https://jane:canary%2Bpw@airbyte.example.com/api/v1")

    assert settings.url == "https://airbyte.example.com/api/v1"
    assert settings.credentials == BasicAuth(username="jane", password=SecretStr("canary+pw"))
    assert settings.origins["password"] == "the address (option --url)"


def test_a_name_without_a_password_in_an_address_is_half_a_pair() -> None:
    error = refused(url="https://jane@airbyte.example.com")

    assert error.message.startswith("AIRBYTE_PASSWORD is missing")


def test_credentials_in_the_address_beside_others_of_the_same_place_are_two_kinds() -> None:
    environ = CLIENT | {"AIRBYTE_URL": "https://jane:canary@airbyte.example.com"}

    assert refused(environ).message.startswith("two kinds of credentials are set")


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (["X-A: 1", "X-B: a:b"], {"X-A": "1", "X-B": "a:b"}),
        (["X-A: 1", "x-a: 2"], {"x-a": "2"}),
    ],
)
def test_headers_are_read(given: list[str], headers: dict[str, str]) -> None:
    settings = load(header=given)

    assert {name: value.get_secret_value() for name, value in settings.headers} == headers


@pytest.mark.parametrize(
    "text",
    [
        "X-A: 1\nX-B: two, three",
        '{"X-A": "1", "X-B": "two, three"}',
        "\nX-A:1\n\nX-B: two, three\n",
    ],
)
def test_headers_in_the_environment_are_lines_or_json(text: str) -> None:
    settings = load({"AIRBYTE_HEADERS": text})

    assert [(name, value.get_secret_value()) for name, value in settings.headers] == [
        ("X-A", "1"),
        ("X-B", "two, three"),
    ]


def test_an_option_replaces_the_header_of_the_same_name_only() -> None:
    settings = load({"AIRBYTE_HEADERS": "X-A: 1\nX-B: 2"}, header=["x-a: 3"])

    assert {name.lower(): value.get_secret_value() for name, value in settings.headers} == {
        "x-a": "3",
        "x-b": "2",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("canary", "without a colon"),
        ("X A: canary", "invalid header name"),
        (": canary", "invalid header name"),
        ("Content-Length: 5", "cannot be set"),
        ("X-A: canary\x00", "characters that are invalid in a header"),
        ("X-A: canaryé", "characters that are invalid in a header"),
        ("{broken", "invalid JSON"),
    ],
)
def test_a_header_that_cannot_be_sent_is_told(line: str, words: str) -> None:
    assert words in refused(header=[line]).message


def test_a_secret_typed_as_a_header_is_warned_about() -> None:
    settings = load(header=["X-Auth-Token: canary"])

    assert len(settings.warnings) == 1
    assert "AIRBYTE_HEADERS_FILE" in settings.warnings[0]
    assert "canary" not in settings.warnings[0]
    assert load({"AIRBYTE_HEADERS": "X-Auth-Token: canary"}).warnings == ()


def test_an_authorization_header_beside_credentials_is_two_kinds() -> None:
    environ = CLIENT | {"AIRBYTE_HEADERS": "Authorization: Custom canary"}

    assert refused(environ).message.startswith("two kinds of credentials are set")
    assert load({"AIRBYTE_HEADERS": "Authorization: Custom canary"}).headers


@pytest.mark.parametrize("name", ["ca_bundle", "client_cert"])
def test_files_of_tls_must_be_there(tmp_path: Path, name: str) -> None:
    missing = tmp_path / "missing.pem"
    there = tmp_path / "there.pem"
    there.write_text("x", encoding="utf-8")

    assert "cannot be read: No such file" in refused(None, **{name: missing}).message
    assert "cannot be read" in refused({f"AIRBYTE_{name.upper()}": str(missing)}).message
    assert getattr(load(None, **{name: there}), name) == there


def test_a_key_without_its_certificate_is_half_a_pair(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x", encoding="utf-8")

    assert refused(client_key=key).message == "--client-key without --client-cert"


def test_switching_off_verification_warns_each_time() -> None:
    for settings in (load(insecure=True), load({"AIRBYTE_INSECURE": "true"})):
        assert settings.insecure
        assert "certificates are not verified" in settings.warnings[0]
    assert not load({"AIRBYTE_INSECURE": "0"}).insecure
    assert "not a boolean" in refused({"AIRBYTE_INSECURE": "maybe"}).message


@pytest.mark.parametrize(
    ("environ", "options", "words"),
    [
        ({"AIRBYTE_API": "rest"}, {}, "--api: 'rest' is unknown"),
        (
            {"AIRBYTE_REQUEST_TIMEOUT": "soon"},
            {},
            "AIRBYTE_REQUEST_TIMEOUT: 'soon' is not a duration",
        ),
        ({}, {"request_timeout": "0"}, "--request-timeout: must be greater than 0"),
        ({}, {"trigger_timeout": "x"}, "--trigger-timeout: 'x' is not a duration"),
    ],
)
def test_a_bad_value_is_told_by_the_name_that_was_used(
    environ: dict[str, str], options: dict[str, object], words: str
) -> None:
    assert refused(environ, **options).message == words


def test_durations_are_read() -> None:
    settings = load({"AIRBYTE_REQUEST_TIMEOUT": "1m"}, trigger_timeout="5m")

    assert (settings.request_timeout, settings.trigger_timeout) == (60, 300)


def test_proxies_are_read_in_either_case_small_letters_first() -> None:
    environ = {"HTTPS_PROXY": "http://big", "https_proxy": "http://small", "NO_PROXY": "corp"}

    assert load(environ).proxies == {"https": "http://small", "no": "corp"}
    assert load(environ).origins["proxies"] == "environment"


def test_a_profile_stands_alone(tmp_path: Path) -> None:
    environ = config(
        tmp_path,
        '[default]\nurl = "http://d"\ntoken = "canary-default"\n'
        '[profiles.prod]\nurl = "http://p"\nrequest_timeout = 5\nheaders = {"X-A" = "1"}\n'
        "insecure = false\n",
    )

    for settings in (load(environ, profile="prod"), load(environ | {"AIRBYTE_PROFILE": "prod"})):
        assert settings.url == "http://p"
        assert settings.credentials == NoAuth()
        assert settings.request_timeout == 5
        assert settings.headers == (("X-A", SecretStr("1")),)
    assert load(environ).credentials == BearerAuth(token=SecretStr("canary-default"))


def test_paths_in_a_profile_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    (tmp_path / "token").write_text("canary-token\n", encoding="utf-8")
    environ = config(tmp_path, '[default]\nca_bundle = "ca.pem"\ntoken_file = "token"')

    settings = load(environ)

    assert settings.ca_bundle == tmp_path / "ca.pem"
    assert settings.credentials == BearerAuth(
        token=SecretStr("canary-token"), file=tmp_path / "token"
    )


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("url = ", "is not valid TOML", "write key"),
        ('[defualt]\nurl = "x"', "'defualt' is unknown", "did you mean 'default'?"),
        ('[profiles.prod]\nulr = "x"', "'ulr' is unknown", "did you mean 'url'?"),
        ("[profiles.prd]", "--profile: 'prod' is not in", "did you mean 'prd'?"),
        ("[profiles.test]", "--profile: 'prod' is not in", "available: test"),
        ("", "--profile: 'prod' is not in", "available: none"),
        ("[profiles.prod]\nurl = 2026-01-01", "url is not a string", "write key"),
        ("profiles = 5", "--profile: 'prod' is not in", "available: none"),
        (
            '[profiles.prod]\ntoken = "canary"\ntoken_file = "x"',
            "token and token_file are both set",
            "remove one of them",
        ),
    ],
)
def test_a_broken_config_file_is_told(tmp_path: Path, text: str, words: str, hint: str) -> None:
    error = refused(config(tmp_path, text), profile="prod")

    assert words in error.message
    assert error.hint is not None
    assert hint in error.hint


def test_a_default_that_is_no_table_is_told(tmp_path: Path) -> None:
    assert "default is not a table" in refused(config(tmp_path, "default = 5")).message


def test_a_config_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.toml")

    assert "cannot be read" in refused({"AIRBYTE_CONFIG": missing}).message
    error = refused(profile="prod")
    assert error.message == "--profile: 'prod', but there is no config file"


def test_the_usual_config_file_is_found_where_there_is_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # platformdirs reads the real one
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(environ).url == "http://localhost:8000"

    (tmp_path / "airbyte-sync").mkdir()
    config(tmp_path / "airbyte-sync", '[default]\nurl = "http://usual"')

    assert load(environ).url == "http://usual"


@pytest.mark.parametrize(
    ("text", "mode", "warns"),
    [
        ('[default]\ntoken = "canary"', 0o644, True),
        ('[default]\ntoken = "canary"', 0o640, False),
        ('[default]\nurl = "http://x"', 0o644, False),
    ],
)
def test_a_secret_that_everybody_can_read_is_warned_about(
    tmp_path: Path, text: str, mode: int, *, warns: bool
) -> None:
    settings = load(config(tmp_path, text, mode=mode))

    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == mode
    assert any("other users can read it" in warning for warning in settings.warnings) is warns


@pytest.mark.parametrize(
    ("file", "folder", "warns"),
    [
        (0o600, 0o700, None),
        (0o644, 0o755, None),
        (0o666, 0o755, "config.toml"),
        (0o602, 0o700, "config.toml"),
        (0o644, 0o777, "folder"),
        (0o644, 0o1777, None),  # the sticky bit: nobody can replace the files of others
    ],
)
def test_a_config_file_that_others_can_change_is_warned_about(
    tmp_path: Path, file: int, folder: int, warns: str | None
) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    environ = config(place, '[default]\nurl = "http://x"', mode=file)
    place.chmod(folder)

    warnings = load(environ).warnings

    found = [one for one in warnings if "other users can change" in one]
    assert len(found) == (warns is not None)
    assert all(f"chmod go-w {place}" in one and one.endswith(str(warns)) for one in found)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:a/b@host",
        "http://user:/ab@host:8000/api/v1",
        "http://user:1/2@host",
        "http://user:a?b@host",
        "http://user:#ab@host",
        "user:a/b@host",
        "http://user:a@b/c@host",
        "http://user:ab@c?d@host",
        "http://:a/b@host",
    ],
)
def test_a_password_whose_end_cannot_be_told_is_told_and_not_shown(url: str) -> None:
    for error in (refused({"AIRBYTE_URL": url}), refused(url=url)):
        assert error.message.endswith("the password in the URL is ambiguous")
        assert "host" not in error.message


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/login?email=jane@example.com",
        "http://localhost:8000?email=jane@example.com",
        "https://airbyte.example.com/login?next=http://a:b@c",
        "http://[::1]:8000/#jane@example.com",
    ],
)
def test_an_at_sign_behind_the_path_is_no_password(url: str) -> None:
    settings = load(url=url)

    assert settings.url == url.partition("?")[0].partition("#")[0]
    assert "password" not in settings.origins or settings.origins["password"] == "default"


def test_a_misspelt_scheme_still_shows_no_password() -> None:
    settings = load({"AIRBYTE_URL": "http:/jane:abc@host"})

    assert (settings.url, settings.origins["password"][:11]) == ("http:/host", "the address")


def test_a_password_typed_in_an_address_is_warned_about() -> None:
    address = "http://jane:canary@airbyte"

    assert load(url=address).warnings == (
        "--url with a password: other users of this machine can see the command line; "
        "use AIRBYTE_PASSWORD or AIRBYTE_PASSWORD_FILE for secrets",
    )
    assert load({"AIRBYTE_URL": address}).warnings == ()


@pytest.mark.parametrize("place", ["jane:canary@host", "http://jane:can/ary@host:1", "j:c@h"])
def test_nobodys_password_is_taken_in_a_token_address(place: str) -> None:
    url = f"{place}/token"

    error = refused({"AIRBYTE_TOKEN_URL": url})
    assert error.message.startswith("AIRBYTE_TOKEN_URL: user name and password are not allowed")
    assert "@h" not in error.message
    connection = {"AIRFLOW_CONN_A": f'{{"schema": "{url}"}}', "AIRBYTE_AIRFLOW_CONN": "a"}
    assert "AIRFLOW_CONN_A" in refused(connection).message


@pytest.mark.parametrize("text", ["bearer canary", "BEARER   canary", "Bearer canary"])
def test_a_token_may_be_pasted_with_the_word_before_it(text: str) -> None:
    assert load({"AIRBYTE_TOKEN": text}).credentials == BearerAuth(token=SecretStr("canary"))


def test_a_token_that_is_not_ascii_is_told() -> None:
    assert "another invalid character" in refused({"AIRBYTE_TOKEN": "canary-é"}).message
    assert load(BASIC | {"AIRBYTE_PASSWORD": "canary-é"}).credentials != NoAuth()


def test_a_mark_at_the_begin_of_a_file_is_none_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary\n", encoding="utf-8-sig")
    environ = config(tmp_path, '\ufeff[default]\nurl = "http://p"\nclient_id = "i"')
    environ["AIRBYTE_CLIENT_SECRET_FILE"] = str(secret)

    settings = load(environ)

    assert settings.url == "http://p"
    assert settings.credentials == ClientCredentials(
        client_id="i", client_secret=SecretStr("canary")
    )


@pytest.mark.parametrize("name", ["AIRBYTE_PASSWORD", "AIRBYTE_PASSWORD_FILE"])
def test_half_a_pair_whose_other_half_is_empty_is_told(name: str) -> None:
    error = refused({"AIRBYTE_USERNAME": "jane", name: " "})

    assert error.message == (f"{name} is empty (environment AIRBYTE_USERNAME is set)")


@pytest.mark.parametrize("name", ["ca_bundle", "client_cert"])
def test_a_folder_in_place_of_a_file_is_told(tmp_path: Path, name: str) -> None:
    flag = f"--{name.replace('_', '-')}"

    error = refused(None, **{name: tmp_path})

    assert error.message == f"{flag}: {tmp_path} is a directory, not a file"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AIRBYTE_CLIENTID", "AIRBYTE_CLIENT_ID"),
        ("AIRBYTE_CLIENT_SECRET_FIEL", "AIRBYTE_CLIENT_SECRET_FILE"),
        ("AIRBYTE_CONECTION", "AIRBYTE_CONNECTION"),
        ("AIRBYTE_USER_NAME", "AIRBYTE_USERNAME"),
        ("AIRBYTE_PROFIL", "AIRBYTE_PROFILE"),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_warned_about(name: str, meant: str) -> None:
    warning = f"{name} is not a setting: did you mean {meant}?"

    assert load({name: "x"}).warnings == (warning,)
    assert load({name: "x", meant: ""}).warnings == ()


@pytest.mark.parametrize(
    "name",
    [
        "AIRBYTE_API_PORT",
        "AIRBYTE_URL_SERVICE_HOST",
        "AIRBYTE_API_URL_PORT",
        "AIRBYTE_TOKEN_URL_SERVICE_PORT",
        "AIRBYTE_TOKEN_PORT_8001_TCP_ADDR",
        "AIRBYTE_SERVER_PORT_8001_TCP",
        "AIRBYTE_VERSION",
        "AIRBYTE_EDITION",
        "AIRBYTE_API_HOST",
        "AIRBYTE_SERVER_HOST",
        "AIRBYTE_SYNC_ROOT",
        "AIRBYTE_PASSWORDS_OF_OTHERS",
    ],
)
def test_a_variable_of_somebody_else_is_left_alone(name: str) -> None:
    assert load({name: "x"}).warnings == ()
