"""Settings: one frozen object from what was typed, the environment, and files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from airbyte_sync_cli.durations import parse_duration
from airbyte_sync_cli.errors import UsageError

DEFAULT_URL: Final = "http://localhost:8000"
_URLS: Final = (
    "AIRBYTE_URL",
    "AIRBYTE_API_URL",
    "AIRBYTE_API_ROOT",
    "AIRBYTE_BASE_URL",
    "AIRBYTE_SERVER_URL",
)


@dataclass(frozen=True, slots=True)
class NoAuth:
    """The default: most open-source installations have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A user name and a password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerAuth:
    """A ready token."""

    token: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """An application of Airbyte's."""

    client_id: str
    client_secret: SecretStr


Credentials = NoAuth | BasicAuth | BearerAuth | ClientCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach a server. Durations are seconds."""

    url: str = DEFAULT_URL
    api: Literal["auto", "public", "config"] = "auto"
    credentials: Credentials = field(default_factory=NoAuth)
    token_url: str | None = None
    iap_audience: str | None = None
    headers: tuple[tuple[str, SecretStr], ...] = ()
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    insecure: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    request_timeout: float = 30.0
    trigger_timeout: float = 180.0
    workspace_id: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def load_settings(options: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Resolve every setting: option, environment, default. Raises UsageError."""
    return _Resolver(options, environ).settings()


class _Resolver:
    def __init__(self, options: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self._options = options
        self._environ = environ

    def settings(self) -> Settings:
        return Settings(
            url=self._text("url", *_URLS) or DEFAULT_URL,
            api=self._api(),
            credentials=self._credentials(),
            request_timeout=self._duration("request_timeout", "AIRBYTE_REQUEST_TIMEOUT", 30.0),
            trigger_timeout=self._duration("trigger_timeout", "AIRBYTE_TRIGGER_TIMEOUT", 180.0),
            workspace_id=self._text("workspace", "AIRBYTE_WORKSPACE_ID"),
        )

    def _text(self, option: str, *names: str) -> str | None:
        given = self._options.get(option)
        if given is not None:
            return str(given)
        return next((self._environ[name] for name in names if self._environ.get(name)), None)

    def _api(self) -> Literal["auto", "public", "config"]:
        match self._text("api", "AIRBYTE_API") or "auto":
            case "auto" | "public" | "config" as api:
                return api
            case other:
                raise UsageError(f"--api: {other!r}", hint="auto, public, or config")

    def _duration(self, option: str, name: str, default: float) -> float:
        text = self._text(option, name)
        flag = f"--{option.replace('_', '-')}"
        seconds = default if text is None else parse_duration(text, name=flag)
        if seconds <= 0:
            raise UsageError(f"{flag}: 0 would never wait", hint="give some seconds")
        return seconds

    def _credentials(self) -> Credentials:
        found: list[Credentials] = []
        client = self._pair("AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET")
        if client:
            found.append(ClientCredentials(client_id=client[0], client_secret=client[1]))
        basic = self._pair("AIRBYTE_USERNAME", "AIRBYTE_PASSWORD")
        if basic:
            found.append(BasicAuth(username=basic[0], password=basic[1]))
        token = self._secret("AIRBYTE_TOKEN") or self._secret("AIRBYTE_BEARER_TOKEN")
        if token:
            found.append(BearerAuth(token=token))
        if len(found) > 1:
            kinds = " and ".join(type(one).__name__ for one in found)
            raise UsageError(f"two kinds of credentials: {kinds}", hint="unset one of them")
        return found[0] if found else NoAuth()

    def _pair(self, name: str, secret_name: str) -> tuple[str, SecretStr] | None:
        first, second = self._secret(name), self._secret(secret_name)
        if first is None and second is None:
            return None
        if first is None or second is None:
            missing = name if first is None else secret_name
            raise UsageError(f"half of a pair: {missing} is not set", hint=f"set {missing}, too")
        return first.get_secret_value(), second

    def _secret(self, name: str) -> SecretStr | None:
        value = self._environ.get(name)
        if value:
            return SecretStr(value)
        path = self._environ.get(f"{name}_FILE")
        return _read_secret(Path(path), f"{name}_FILE") if path else None


def _read_secret(path: Path, name: str) -> SecretStr:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: {path} cannot be read", hint=str(error)) from None
    if not text:
        raise UsageError(f"{name}: {path} is empty", hint="is the secret mounted?")
    return SecretStr(text)
