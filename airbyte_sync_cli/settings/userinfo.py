"""A user name and a password in an address: taken out of it, and never shown."""

import re
from typing import Final
from urllib.parse import unquote

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import remember, remember_pair

_USERINFO: Final = re.compile(
    r"(?:[^/?#@]*//|https?:/(?!/))?(?P<userinfo>[^/?#]*)@", re.IGNORECASE
)
_MISPLACED: Final = re.compile(
    r"(?:[^/?#@]*//)?+[^/?#@:\[]*:"
    r"(?!\d+(?:/[^@?#]*)?[?#])"  # behind a port and a question mark it may be somebody's mail
    r"[^@]*@"
)
"""An `@` that may end a password in which a slash, a question mark or a hash was not encoded."""


def take_userinfo(url: str, *, name: str) -> tuple[str, str, str]:
    """Split an address into what is left of it, the user name and the password, both as written.

    Raises UsageError where the password's end cannot be told: what is left might show a part.
    """
    match = _USERINFO.match(url)
    userinfo = match["userinfo"] if match else ""
    left = url.replace(f"{userinfo}@", "", 1) if match else url
    if (match and "@" in left) or _MISPLACED.match(left):
        raise UsageError(
            f"{name}: it cannot be told where the password in the address ends",
            hint="write / as %2F, ? as %3F, # as %23 and @ as %40 in it, or set AIRBYTE_USERNAME "
            "and AIRBYTE_PASSWORD",
        )
    username, _, password = userinfo.partition(":")
    remember(password)
    return left, username, password


def refuse_userinfo(url: str, *, name: str) -> str:
    """Return an address in which nobody's credentials belong. Raises UsageError."""
    if "@" in url:
        remember(url.rpartition("@")[0].rpartition("//")[2].partition(":")[2])
        raise UsageError(
            f"{name}: a user name or a password in this address is not taken",
            hint="leave it out, with its @: the client id and secret are what is shown there",
        )
    return url


def remember_userinfo(proxy: str) -> None:
    """Take note of a proxy's password as it is given, and as it is sent."""
    username, _, password = proxy.rpartition("@")[0].rpartition("//")[2].partition(":")
    remember(password)
    remember_pair(unquote(username), unquote(password))
