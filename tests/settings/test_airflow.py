"""Airflow connections are read from the environment as Airflow and its provider read them."""

import json

import pytest
from pydantic import SecretStr

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.token_endpoint import token_urls
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings import (
    ClientCredentials,
    NoAuth,
    ServerOptions,
    Settings,
    load_settings,
)

CREDENTIALS = ClientCredentials(client_id="the-id", client_secret=SecretStr("canary/+@:"))


def load(text: str, name: str = "airbyte_default", **more: str) -> Settings:
    environ = {f"AIRFLOW_CONN_{name.upper()}": text, "AIRBYTE_AIRFLOW_CONN": name, **more}
    return load_settings(ServerOptions(), environ)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("airbyte://the-id:canary%2F%2B%40%3A@https%3A%2F%2Fairbyte.example.com%2Fv1%2F/", None),
        ("airbyte://https://the-id:canary%2F%2B%40%3A@airbyte.example.com", None),
        ("airbyte://the-id:canary%2F%2B%40%3A@airbyte.example.com", "airbyte.example.com"),
        ("airbyte://the-id:canary%2F%2B%40%3A@localhost:8000", "localhost:8000"),
        (
            "airbyte://the-id:canary%2F%2B%40%3A@http%3A%2F%2FLocalhost%2Fapi%2Fpublic%2Fv1:8000",
            "http://Localhost:8000/api/public/v1",
        ),
    ],
)
def test_the_uri_form_in_all_its_variants(text: str, url: str | None) -> None:
    settings = load(text)

    assert settings.credentials == CREDENTIALS
    assert settings.url in {url, "https://airbyte.example.com/v1/", "https://airbyte.example.com"}
    assert settings.origins["url"] == "Airflow connection AIRFLOW_CONN_AIRBYTE_DEFAULT"
    parse_address(settings.url)


def test_the_json_form() -> None:
    extra = {"proxies": {"https": "http://proxy:3128"}, "timeout": 12}
    fields = {
        "conn_type": "airbyte",
        "host": "http://airbyte.example.com/api/public/v1/",
        "port": 8000,
        "login": "the-id",
        "password": "canary/+@:",
        "schema": "https://airbyte.example.com/token",
        "extra": extra,
    }

    for form in (fields, {**fields, "extra": json.dumps(extra)}):
        settings = load(json.dumps(form))

        assert settings.url == "http://airbyte.example.com:8000/api/public/v1/"
        assert settings.credentials == CREDENTIALS
        assert settings.token_url == "https://airbyte.example.com/token"
        assert settings.proxies == {"https": "http://proxy:3128"}
        assert settings.request_timeout == 12


@pytest.mark.parametrize(
    ("query", "proxies"),
    [
        ("?proxies=http%3A%2F%2Fproxy%3A3128", {"all": "http://proxy:3128"}),
        (
            "?__extra__=%7B%22proxies%22%3A%20%7B%22http%3A%2F%2F%22%3A%20%22p%22%7D%7D",
            {"http": "p"},
        ),
        ("?proxies=%7B%22https%22%3A%20%22p%22%7D", {"https": "p"}),
        ("?__extra__=%7B%7D", {}),
        ("", {}),
    ],
)
def test_the_extra_of_a_uri(query: str, proxies: dict[str, str]) -> None:
    assert load(f"airbyte://localhost/{query}").proxies == proxies


def test_without_login_there_is_no_authentication() -> None:
    settings = load("airbyte://@http%3A%2F%2Flocalhost%3A8000%2Fapi%2Fv1")

    assert settings.credentials == NoAuth()
    assert settings.url == "http://localhost:8000/api/v1"


def test_the_providers_default_token_address_is_no_choice() -> None:
    assert load("airbyte://localhost/v1%2Fapplications%2Ftoken").token_url is None


def test_a_relative_token_address_is_tried_from_the_root_of_the_api_and_of_the_host() -> None:
    settings = load("airbyte://localhost:8000/api%2Fv1%2Fapplications%2Ftoken")

    assert token_urls(settings, parse_address(settings.url)) == (
        "http://localhost:8000/api/public/v1/api/v1/applications/token",
        "http://localhost:8000/api/v1/api/v1/applications/token",
        "http://localhost:8000/api/v1/applications/token",
        "http://localhost:8000/api/public/v1/applications/token",
    )


def test_the_environment_comes_before_the_connection() -> None:
    settings = load("airbyte://localhost:8000", AIRBYTE_URL="http://other")

    assert settings.url == "http://other"


def test_the_option_chooses_the_connection() -> None:
    environ = {"AIRFLOW_CONN_A": "airbyte://a", "AIRFLOW_CONN_B": "airbyte://b"}

    settings = load_settings(
        ServerOptions(airflow_conn="b"), {**environ, "AIRBYTE_AIRFLOW_CONN": "a"}
    )

    assert settings.url == "b"


@pytest.mark.parametrize(
    ("environ", "hint"),
    [
        ({"AIRFLOW_CONN_AIRBYTE_PROD": "x"}, "available: AIRFLOW_CONN_AIRBYTE_PROD"),
        (
            {"AIRFLOW_CONN_A": "x", "AIRFLOW_CONN_B": "x"},
            "available: AIRFLOW_CONN_A, AIRFLOW_CONN_B",
        ),
        ({}, "only connections in the environment can be read, not those in Airflow's database"),
    ],
)
def test_a_connection_that_is_not_there_is_told(environ: dict[str, str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(ServerOptions(airflow_conn="airbyte_prd"), environ)

    assert caught.value.message == (
        "--airflow-conn: AIRFLOW_CONN_AIRBYTE_PRD is not set in the environment"
    )
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "text", ["canary", "{canary", '["canary"]', '{"extra": "{canary"}', "airbyte://h:canary"]
)
def test_what_is_no_connection_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(
        UsageError, match="AIRFLOW_CONN_AIRBYTE_DEFAULT is not an Airflow"
    ) as caught:
        load(text)

    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("proxies", ['{"https": "http://p:1"', "{'https': 'http://p:1'}"])
def test_broken_proxies_inside_of_the_extra_are_told(proxies: str) -> None:
    connection = json.dumps({"extra": {"proxies": proxies}})

    with pytest.raises(UsageError, match="AIRFLOW_CONN_A: `proxies` in its extra is invalid"):
        load_settings(ServerOptions(airflow_conn="a"), {"AIRFLOW_CONN_A": connection})
