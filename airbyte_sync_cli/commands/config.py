"""What `config show` does."""

from collections.abc import Callable, Mapping
from typing import Final

from airbyte_sync_cli.commands.session import CommandResult, Invocation
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.report import SettingRow
from airbyte_sync_cli.output.table import Column, render
from airbyte_sync_cli.redaction import MASK, without_credentials, without_query
from airbyte_sync_cli.settings import Settings
from airbyte_sync_cli.settings.names import ENVIRONMENT, SECRETS
from airbyte_sync_cli.settings.shown import could_be_address, could_be_audience, is_noise
from airbyte_sync_cli.settings.sources import find_config, usual_config

# Shown only if harmless: the value may be a secret in the wrong variable.
_MAY_BE_SHOWN: Final[Mapping[str, Callable[[str], bool]]] = {
    "iap_audience": could_be_audience,
    "workspace_id": lambda text: not is_noise(text),
}


async def show_config(invocation: Invocation) -> CommandResult:
    """Show the settings as they were resolved."""
    settings = invocation.settings
    rows = [_row(settings, name) for name in (*ENVIRONMENT, "proxies")]
    shown = render(
        [
            Column(title="setting", cells=[row.name for row in rows]),
            Column(title="value", cells=[row.value or "-" for row in rows], least=20),
            Column(title="from", cells=[row.origin for row in rows], least=20),
        ],
        invocation.output.screen,
    )
    return CommandResult(
        exit_code=ExitCode.OK,
        must_be_printed=True,
        text=f"{shown}\n\n{_file(invocation.wiring.environ)}",
        details={"values": rows},
    )


def _row(settings: Settings, name: str) -> SettingRow:
    origin = settings.origins.get(name, "default")
    secret = name in SECRETS
    value = _masked(settings, name, origin) if secret else _value(settings, name)
    return SettingRow(name=name, value=value, origin=origin, secret=secret)


def _masked(settings: Settings, name: str, origin: str) -> str | None:
    if name == "headers" and settings.headers:
        return ", ".join(f"{header}: {MASK}" for header, _ in settings.headers)
    return MASK if origin != "default" else None


def _value(settings: Settings, name: str) -> str | None:
    value = getattr(settings, name)
    if name == "proxies":
        return ", ".join(f"{kind}: {_proxy(kind, url)}" for kind, url in value.items()) or None
    if name == "token_url" and value:
        return without_query(value)
    if name in _MAY_BE_SHOWN and value and not _MAY_BE_SHOWN[name](value):
        return MASK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}s"
    return None if value is None else str(value)


def _proxy(kind: str, text: str) -> str:
    if kind == "no":
        return ",".join(_address(one) for one in text.replace(",", " ").split())
    return _address(text)


def _address(text: str) -> str:
    bare = without_credentials(text)
    return bare if could_be_address(bare) else MASK


def _file(environ: Mapping[str, str]) -> str:
    found = find_config(environ)
    if found is not None:
        return f"config file: {found}"
    usual = usual_config(environ)
    return f"config file: none (default path: {usual})" if usual else "config file: none"
