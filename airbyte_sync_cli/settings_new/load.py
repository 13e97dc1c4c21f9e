"""Finds every setting: option, environment, Airflow connection, profile, default."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from airbyte_sync_cli.durations import parse_duration
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import remember, remember_pair
from airbyte_sync_cli.settings.airflow import AirflowConnection
from airbyte_sync_cli.settings.headers import names_a_secret, parse_headers
from airbyte_sync_cli.settings.model import (
    CLOUD_URL,
    DEFAULT_URL,
    Api,
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Credentials,
    NoAuth,
    Settings,
)
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS, flag_of
from airbyte_sync_cli.settings.profile import Profile, open_profile
from airbyte_sync_cli.settings.sources import Environment, Found, Options, Source

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def load_settings(
    options: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    config_path: Path | None = None,
) -> Settings:
    """Resolve every setting. Raises UsageError; contacts nothing."""
    return _Loader(options, environ, config_path).settings()


class _Loader:
    def __init__(
        self,
        options: Mapping[str, object],
        environ: Mapping[str, str],
        config_path: Path | None,
    ) -> None:
        self._environ = environ
        self._warnings: list[str] = []
        self._origins: dict[str, str] = {}
        self._sources: list[Source] = [Options(options), Environment(environ)]
        self._airflow = self._airflow_connection(options)
        if self._airflow is not None:
            self._sources.append(self._airflow)
        profile = self._profile(options, config_path)
        if profile is not None:
            self._sources.append(profile)

    def settings(self) -> Settings:
        """Put all together."""
        url, userinfo = self._url()
        key = self._path("client_key")
        cert = self._path("client_cert")
        if key is not None and cert is None:
            raise UsageError("--client-key without --client-cert", hint="give both, or neither")
        headers = self._headers()
        credentials = self._credentials(userinfo)
        self._check_one_authorization(headers, credentials)
        return Settings(
            url=url,
            api=self._api(),
            credentials=credentials,
            token_url=self._text("token_url"),
            iap_audience=self._text("iap_audience"),
            headers=tuple((name, SecretStr(value)) for name, value in headers.items()),
            ca_bundle=self._path("ca_bundle"),
            client_cert=cert,
            client_key=key,
            insecure=self._insecure(),
            proxies=self._proxies(),
            request_timeout=self._duration("request_timeout", 30.0),
            trigger_timeout=self._duration("trigger_timeout", 180.0),
            workspace_id=self._text("workspace_id"),
            origins=self._origins,
            warnings=tuple(self._warnings),
        )
