"""Options, environment variables and files, parsed into one frozen object.

Nothing here reads the process's environment: it comes in as a mapping.
"""

from airbyte_sync_cli.settings.credentials import read_token
from airbyte_sync_cli.settings.load import load_settings
from airbyte_sync_cli.settings.model import (
    DEFAULT_URL,
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Credentials,
    NoAuth,
    ServerOptions,
    Settings,
)
from airbyte_sync_cli.settings.sources import read_secret

__all__ = [
    "DEFAULT_URL",
    "BasicAuth",
    "BearerAuth",
    "ClientCredentials",
    "Credentials",
    "NoAuth",
    "ServerOptions",
    "Settings",
    "load_settings",
    "read_secret",
    "read_token",
]
