"""What `config init` does: ask for a server and its credentials, test them, write a profile."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from airbyte_sync_cli.commands.check import check_access
from airbyte_sync_cli.commands.session import CommandResult, Invocation, Work
from airbyte_sync_cli.commands.wiring import Ask
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.paths import expanded
from airbyte_sync_cli.settings import (
    DEFAULT_URL,
    ServerOptions,
    Settings,
    load_settings,
)
from airbyte_sync_cli.settings.names import ENVIRONMENT, KNOWN, SECRETS
from airbyte_sync_cli.settings.new_profile import (
    drafted_profile,
    keep_draft,
    path_for_new_profile,
)
from airbyte_sync_cli.settings.shown import require_name
from airbyte_sync_cli.settings.sources import unquoted

Values = Mapping[str, str | bool]
"""The keys of a profile."""
_KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "none": {},
    "application": {"client_id": "Client id", "client_secret": "Client secret"},
    "token": {"token": "Token"},
    "basic": {"username": "User name", "password": "Password"},
}
"""The kinds of credentials, and what is asked for each of their settings."""
_HIDDEN: Final = frozenset({"client_secret", "token", "password"})
_FROM: Final = ("option ", "environment AIRBYTE_", "file ", "the address (")
"""How the origins begin that are copied: not those of other programs, as REQUESTS_CA_BUNDLE."""


def init_config(invocation: Invocation, typed_name: str | None) -> Work:
    """Return the work; what options and environment leave open is asked for at a terminal.

    Raises UsageError for a profile that already exists, before it asks.
    """
    name = None
    if typed_name not in {None, "default"}:
        name = require_name(str(typed_name).strip(), where="NAME")
    environ = invocation.wiring.environ
    if invocation.server.profile is not None:
        raise UsageError(
            "config init has no --profile", hint="name it: `airbyte-sync config init NAME`"
        )
    path = path_for_new_profile(environ, name)
    # Without the file and AIRBYTE_PROFILE: a profile inherits nothing from others.
    settings = load_settings(
        invocation.server,
        {key: text for key, text in environ.items() if key != "AIRBYTE_PROFILE"},
        config_path=Path(os.devnull),
    )
    for warning in settings.warnings:
        invocation.output.warn(warning)
    values = _given(settings, environ)
    if invocation.wiring.ask is not None:
        values |= _asked(values, invocation.wiring.ask)
    return _test_and_write(invocation, path, name, {"url": DEFAULT_URL, **values})


async def _test_and_write(
    invocation: Invocation, path: Path, name: str | None, values: Values
) -> CommandResult:
    """Run the steps of `check` with the profile, and write it if all of them pass."""
    shown = "[default]" if name is None else f"profile {name}"
    with drafted_profile(path, name, values) as draft:
        settings = load_settings(
            ServerOptions(profile=name),
            _without_ours(invocation.wiring.environ),
            config_path=draft,
        )
        # The draft's own path means nothing to a person.
        settings = replace(settings, origins={**settings.origins, "url": shown})
        result = await check_access(replace(invocation, settings=settings), ())
        if result.exit_code is not ExitCode.OK:
            return replace(result, text=f"{result.text or ''}\nnothing was written".lstrip())
        keep_draft(draft, path)
    option = f" --profile {shlex.quote(name)}" if name else ""
    done = f"wrote {shown} to {path}\nnext: airbyte-sync connections{option}"
    return replace(result, text=f"{result.text}\n{done}")


def _given(settings: Settings, environ: Mapping[str, str]) -> dict[str, str | bool]:
    """Return what options and environment have set, by the keys of a profile.

    A secret that a file holds stays there: the profile names the file.
    """
    values: dict[str, str | bool] = {}
    for name in ENVIRONMENT:
        if not settings.origins.get(name, "default").startswith(_FROM):
            continue
        file = _file_of(name, environ)
        if file is not None:
            values[f"{name}_file"] = file
        else:
            values[name] = _text_of(settings, name)
    return values


def _file_of(name: str, environ: Mapping[str, str]) -> str | None:
    if name not in SECRETS:
        return None
    files = [unquoted(environ.get(f"{variable}_FILE", "")) for variable in ENVIRONMENT[name]]
    return next((str(expanded(file).absolute()) for file in files if file), None)


def _text_of(settings: Settings, name: str) -> str | bool:
    # A part of the credentials has the name of its setting.
    match getattr(settings.credentials, name, None) or getattr(settings, name):
        case SecretStr() as secret:
            return secret.get_secret_value()
        case tuple() as headers:
            return "\n".join(f"{key}: {value.get_secret_value()}" for key, value in headers)
        case Path() as path:
            return str(path.absolute())
        case float() as seconds:
            return f"{seconds:g}s"
        case bool() as switch:
            return switch
        case other:
            return str(other)


def _asked(given: Values, ask: Ask) -> dict[str, str | bool]:
    """Ask for the address and the credentials, unless they are given."""
    values: dict[str, str | bool] = {}
    if "url" not in given:
        values["url"] = ask(f"Airbyte URL [{DEFAULT_URL}]: ", hidden=False) or DEFAULT_URL
    if not any(key.removesuffix("_file") in SECRETS for key in given):
        kind = ""
        while kind not in _KINDS:
            question = f"Authentication ({', '.join(_KINDS)}) [none]: "
            kind = ask(question, hidden=False).lower() or "none"
        for key, label in _KINDS[kind].items():
            values[key] = _required(label, ask, hidden=key in _HIDDEN)
    return values


def _required(label: str, ask: Ask, *, hidden: bool) -> str:
    text = ""
    while not text:
        text = ask(f"{label}{' (not shown)' if hidden else ''}: ", hidden=hidden)
    return text


def _without_ours(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment without our settings: the profile is tested, and nothing else."""
    return {name: text for name, text in environ.items() if name not in KNOWN}
