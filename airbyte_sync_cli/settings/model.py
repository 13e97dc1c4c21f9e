"""What the settings are, once they are found. Secrets are SecretStr: no repr shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from airbyte_sync_cli.fast_dataclass import dataclass

DEFAULT_URL: Final = "http://localhost:8000"
"""Where abctl installs Airbyte (airbytehq/abctl internal/cmd/local/install.go)."""
CLOUD_URL: Final = "https://api.airbyte.com/v1"

Api = Literal["auto", "public", "config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options of the server and the network, as typed; None: not typed."""

    url: str | None = None
    api: Api | None = None
    workspace: str | None = None
    request_timeout: str | None = None
    trigger_timeout: str | None = None
    profile: str | None = None
    airflow_conn: str | None = None
    header: Sequence[str] | None = None
    iap_audience: str | None = None
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class NoAuth:
    """The default: most self-managed installations have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A user name and a password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerAuth:
    """A ready token."""

    token: SecretStr
    file: Path | None = None
    """Where it was read, and is read again when it has ended: mounted tokens are exchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """An application of Airbyte's."""

    client_id: str
    client_secret: SecretStr


Credentials = NoAuth | BasicAuth | BearerAuth | ClientCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach a server, and as whom. Durations are seconds."""

    url: str = DEFAULT_URL
    """As it was pasted, without credentials, query and fragment."""
    api: Api = "auto"
    credentials: Credentials = field(default_factory=NoAuth)
    token_url: str | None = None
    """May be relative to the API's root, as the Airflow provider has it."""
    iap_audience: str | None = None
    headers: tuple[tuple[str, SecretStr], ...] = ()
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    insecure: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    """By scheme: `http`, `https`, `all`; `no` lists the hosts that need none."""
    request_timeout: float = 30.0
    # Longer: Airbyte responds once the job exists, which may take its own limit of a minute.
    trigger_timeout: float = 180.0
    workspace_id: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each value comes from, in words."""
    warnings: tuple[str, ...] = ()
