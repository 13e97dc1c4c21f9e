"""Who gives credentials: nobody, a user name and a password, a token, or Airbyte itself."""

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

import httpx

from airbyte_sync_cli.airbyte.credentials import LOG, AuthFlow, Credential, CredentialSource
from airbyte_sync_cli.airbyte.token_endpoint import TokenEndpoint
from airbyte_sync_cli.airbyte.tokens import end_of
from airbyte_sync_cli.errors import DeniedError, UsageError
from airbyte_sync_cli.redaction import remember
from airbyte_sync_cli.settings import (
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Settings,
    read_secret,
    read_token,
)

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock


def make_sources(
    settings: Settings, address: "Address", clock: "Clock"
) -> Sequence[CredentialSource]:
    """Choose who gives credentials, in the order in which they are met on the way."""
    sources: list[CredentialSource] = []
    if settings.iap_audience is not None:
        from airbyte_sync_cli.airbyte.iap import IapSource  # noqa: PLC0415  # google-auth is an extra

        sources.append(IapSource(settings, clock))
    match settings.credentials:
        case BasicAuth() as basic:
            sources.append(BasicSource(basic))
        case BearerAuth() as bearer:
            sources.append(BearerSource(bearer, clock))
        case ClientCredentials() as application:
            sources.append(TokenEndpoint(application, settings, address, clock))
    return sources


class BasicSource:
    """A user name and a password, always the same."""

    def __init__(self, credentials: BasicAuth) -> None:
        pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
        encoded = b64encode(pair.encode()).decode()
        self._credential = Credential(value=f"Basic {remember(encoded)}")

    def issue(self, _request: httpx.Request, _refused: Credential | None) -> AuthFlow:
        """Show them."""
        yield from ()
        return self._credential


class BearerSource:
    """A token that somebody else got. It can only be read again, where it came from a file."""

    def __init__(self, credentials: BearerAuth, clock: "Clock") -> None:
        self._credentials = credentials
        self._clock = clock
        self._token = credentials.token.get_secret_value()

    def issue(self, _request: httpx.Request, refused: Credential | None) -> AuthFlow:
        """Show it; after a 401 look whether the file has a newer one."""
        yield from ()
        if refused is None:
            return self._credential()
        newer = self._read_again()
        if newer not in {"", self._token}:
            self._token = newer
            return self._credential()
        self._complain_of_age()
        return refused

    def _credential(self) -> Credential:
        return Credential(value=f"Bearer {self._token}")

    def _read_again(self) -> str:
        if self._credentials.file is None:
            return ""
        try:
            found = read_secret(str(self._credentials.file), name="the token, read again")
            return read_token(found).get_secret_value()
        except UsageError as error:
            LOG.warning("%s", error.message)
            return ""

    def _complain_of_age(self) -> None:
        end = end_of(self._token)
        if end is not None and end < self._clock.now():
            raise DeniedError(
                f"the token in AIRBYTE_TOKEN ended at {end:%Y-%m-%d %H:%M:%S %Z}",
                hint="tokens live for minutes: AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are "
                "renewed by themselves",
            )
