"""`config show`: every setting with its origin, secrets masked, no request."""

import json
from pathlib import Path
from typing import Any

from airbyte_sync_cli.output.table import Column, render
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.redaction import MASK, forget_all, remember
from airbyte_sync_cli.settings.names import ENVIRONMENT
from tests.support.program import assert_told_well, call


def values(*argv: str, **environ: str) -> dict[str, Any]:
    ending = call("config", "show", *argv, "-o", "json", **environ)
    assert ending.code == 0, ending.stderr
    return {row["name"]: row for row in ending.report["values"]}


def test_every_setting_is_shown_with_its_origin() -> None:
    shown = values("--api", "config", AIRBYTE_URL="http://airbyte:8001")

    assert set(shown) == {*ENVIRONMENT, "proxies"}
    assert (shown["url"]["value"], shown["url"]["origin"]) == (
        "http://airbyte:8001",
        "environment AIRBYTE_URL",
    )
    assert shown["api"]["origin"] == "option --api"
    assert (shown["request_timeout"]["value"], shown["request_timeout"]["origin"]) == (
        "30s",
        "default",
    )


def test_secrets_of_every_origin_are_masked(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-in-a-file\n", encoding="utf-8")

    ending = call(
        "config", "show", "-o", "json",
        AIRBYTE_CLIENT_ID="canary-client-id", AIRBYTE_CLIENT_SECRET_FILE=str(file),
        AIRBYTE_HEADERS="X-Key: canary-header", HTTPS_PROXY="http://u:canary-proxy@proxy:3128",
    )  # fmt: skip

    shown = {row["name"]: row for row in json.loads(ending.stdout)["values"]}
    assert "canary" not in ending.stdout + ending.stderr
    assert shown["client_secret"]["origin"] == f"file {file} (AIRBYTE_CLIENT_SECRET_FILE)"
    assert shown["headers"]["value"] == "X-Key: ********"
    assert shown["proxies"]["value"] == "https: http://proxy:3128"
    assert shown["token"]["value"] is None


def test_profile_is_named_with_file_and_warning_if_world_readable(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[profiles.prod]\nurl = "http://prod:8000"\ntoken = "canary-token"\n', encoding="utf-8"
    )
    config.chmod(0o644)

    ending = call("config", "show", "--profile", "prod", AIRBYTE_CONFIG=str(config))

    assert f"profile prod in {config}" in ending.stdout
    assert f"config file: {config}" in ending.stdout
    assert "chmod 600" in ending.stderr
    assert "canary" not in ending.stdout + ending.stderr


def test_invalid_settings_are_reported() -> None:
    ending = call("config", "show", "-o", "json", AIRBYTE_CLIENT_ID="half")

    assert_told_well(ending, 2)
    assert ending.report["values"] == []


def test_unknown_action_is_a_usage_error() -> None:
    assert_told_well(call("config", "hide"), 2)


def test_secret_is_masked_before_text_is_folded() -> None:
    forget_all()
    remember("canary-canary-canary-canary-canary")
    cells = ["http://host/canary-canary-canary-canary-canary/api"]

    drawn = render([Column(title="value", cells=cells, least=20)], Screen(width=20))

    forget_all()
    assert "canary" not in drawn
    assert MASK in drawn
