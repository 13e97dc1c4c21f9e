"""The names of every setting: in the environment, in a profile, and of its option."""

from collections.abc import Mapping, Sequence
from typing import Final

ENVIRONMENT: Final[Mapping[str, Sequence[str]]] = {
    "url": (
        "AIRBYTE_URL",
        "AIRBYTE_API_URL",
        "AIRBYTE_API_ROOT",
        "AIRBYTE_BASE_URL",
        "AIRBYTE_SERVER_URL",
        "AIRBYTE_CLOUD_API_URL",
    ),
    "api": ("AIRBYTE_API",),
    "client_id": ("AIRBYTE_CLIENT_ID", "AIRBYTE_CLOUD_CLIENT_ID"),
    "client_secret": ("AIRBYTE_CLIENT_SECRET", "AIRBYTE_CLOUD_CLIENT_SECRET"),
    "token": ("AIRBYTE_TOKEN", "AIRBYTE_BEARER_TOKEN", "AIRBYTE_CLOUD_BEARER_TOKEN"),
    "username": ("AIRBYTE_USERNAME",),
    "password": ("AIRBYTE_PASSWORD",),
    "token_url": ("AIRBYTE_TOKEN_URL",),
    "iap_audience": ("AIRBYTE_IAP_AUDIENCE",),
    "headers": ("AIRBYTE_HEADERS",),
    "ca_bundle": ("AIRBYTE_CA_BUNDLE",),
    "client_cert": ("AIRBYTE_CLIENT_CERT",),
    "client_key": ("AIRBYTE_CLIENT_KEY",),
    "insecure": ("AIRBYTE_INSECURE",),
    "request_timeout": ("AIRBYTE_REQUEST_TIMEOUT",),
    "trigger_timeout": ("AIRBYTE_TRIGGER_TIMEOUT",),
    "workspace_id": ("AIRBYTE_WORKSPACE_ID", "AIRBYTE_CLOUD_WORKSPACE_ID"),
}
"""Ours first; the others are PyAirbyte's and those of similar tools: people keep theirs."""

SECRETS: Final = ("client_id", "client_secret", "token", "username", "password", "headers")
"""These can also be read from a file: `AIRBYTE_TOKEN_FILE`, or `token_file` in a profile."""

OPTIONS: Final[Mapping[str, str]] = {"workspace_id": "workspace", "headers": "header"}
"""Options that are called otherwise than their setting."""

KINDS: Final[Mapping[str, Sequence[str]]] = {
    "a client id and secret": ("client_id", "client_secret"),
    "a token": ("token",),
    "a user name and password": ("username", "password"),
}
"""The kinds of credentials, and the settings that each is made of."""


def flag_of(name: str) -> str:
    """Tell the option of a setting."""
    return f"--{OPTIONS.get(name, name).replace('_', '-')}"
