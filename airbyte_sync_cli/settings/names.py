"""The names of every setting: in the environment, in a profile, and of its option."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from airbyte_sync_cli.text import most_similar

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
    "token": (
        "AIRBYTE_TOKEN",
        "AIRBYTE_BEARER_TOKEN",
        "AIRBYTE_ACCESS_TOKEN",
        "AIRBYTE_API_TOKEN",
        "AIRBYTE_API_KEY",
        "AIRBYTE_CLOUD_BEARER_TOKEN",
    ),
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
"""Our own names first, then those of PyAirbyte and similar tools, which users already set."""

SECRETS: Final = ("client_id", "client_secret", "token", "username", "password", "headers")
"""These can also be read from a file: `AIRBYTE_TOKEN_FILE`, or `token_file` in a profile."""

KNOWN: Final = frozenset(
    {
        *(name for names in ENVIRONMENT.values() for name in names),
        *(f"{name}_FILE" for setting in SECRETS for name in ENVIRONMENT[setting]),
        "AIRBYTE_AIRFLOW_CONN",
        "AIRBYTE_CONFIG",
        "AIRBYTE_CONNECTION",
        "AIRBYTE_OUTPUT",
        "AIRBYTE_PROFILE",
    }
)
"""Every variable with our prefix that the program reads."""
_OF_KUBERNETES: Final = re.compile(r"AIRBYTE_.*_(SERVICE_HOST|(SERVICE_)?PORT(_.+)?)")
"""What Kubernetes puts into each pod for a service of that name (`docker links` did the same)."""
_NEAR: Final = 0.9
"""Of difflib's measure: one letter of ten."""

OPTIONS: Final[Mapping[str, str]] = {"workspace_id": "workspace", "headers": "header"}
"""Options with another name than their setting."""

KINDS: Final[Mapping[str, Sequence[str]]] = {
    "a client id and secret": ("client_id", "client_secret"),
    "a token": ("token",),
    "a user name and password": ("username", "password"),
}
"""The kinds of credentials, and the settings that each is made of."""


CA_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What other programs trust, where nothing of ours names a CA; OpenSSL reads SSL_CERT_FILE."""
_CREDENTIALS: Final = re.compile(r"AIRBYTE_(\w+_)?(TOKEN|SECRET|KEY|PASSWORD|PASSWD)(_FILE)?")


def ignored_credentials(environ: Mapping[str, str]) -> Sequence[str]:
    """Return the variables that look like credentials for Airbyte and are none of ours."""
    return [
        name
        for name, text in environ.items()
        if _CREDENTIALS.fullmatch(name) and name not in KNOWN and text.strip()
    ]


def flag_of(name: str) -> str:
    """Return the option of a setting."""
    return f"--{OPTIONS.get(name, name).replace('_', '-')}"


def misspelt(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables that are probably misspelt, with the one that was meant."""
    strangers = [
        name
        for name, text in environ.items()
        if name.startswith("AIRBYTE_") and name not in KNOWN and text.strip()
    ]
    near = {
        name: most_similar(name, sorted(KNOWN), cutoff=_NEAR)
        for name in strangers
        if not _OF_KUBERNETES.fullmatch(name)
    }
    return {name: meant for name, meant in near.items() if meant and meant not in environ}
