"""Text as people and schedulers write it: durations, timestamps, similar words, UTF-8."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from airbyte_sync_cli.errors import UsageError

_SECONDS: Final = {"w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NAMES: Final = {
    "w": r"w|weeks?",
    "d": r"d|days?",
    "h": r"h|hrs?|hours?",
    "m": r"m|mins?|minutes?",
    "s": r"s|secs?|seconds?",
    "ms": r"ms|millis",
}
_NUMBER: Final = r"\d+(?:[.,]\d+)?"


_WORDS: Final = "".join(
    rf"(?:(?P<{unit}>{_NUMBER})\s*(?:{names})(?![a-z])\s*)?" for unit, names in _NAMES.items()
)
_ISO: Final = (
    rf"p(?:(?P<w>{_NUMBER})w)?(?:(?P<d>{_NUMBER})d)?"
    rf"(?:t(?:(?P<h>{_NUMBER})h)?(?:(?P<m>{_NUMBER})m)?(?:(?P<s>{_NUMBER})s)?)?"
)
_PLAIN: Final = rf"(?P<s>{_NUMBER})"
_EPOCH: Final = r"(?a)@\d{1,11}"
_YEARS: Final = range(1970, 9999)
"""Outside of these a date overflows when it is moved by a few seconds."""
_LONGEST: Final = 10 * 365 * 86_400.0
"""Seconds; more is a typing error, and some clocks overflow."""
_OURS = ("AIRBYTE_", "AIRFLOW_CONN_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


def parse_duration(text: str, *, name: str) -> float:
    """Read `90`, `90s`, `15m`, `2h30m`, `1 day` or ISO `PT1H30M` as seconds.

    `name` is the option, for the message. Raises UsageError.
    """
    seconds = _seconds(text.strip().lower())
    if seconds is None:
        raise UsageError(
            f"{name}: {text!r} is not a duration", hint="write 90, 90s, 15m, 2h30m, or PT1H30M"
        )
    if seconds > _LONGEST:
        raise UsageError(f"{name}: {text!r} is longer than ten years", hint="a typo?")
    return seconds


def _seconds(text: str) -> float | None:
    for pattern in (_PLAIN, _WORDS, _ISO):
        match = re.fullmatch(pattern, text)
        parts = match.groupdict() if match else {}
        # Every part is optional, so the empty text and a bare `p` match as well.
        if any(parts.values()):
            return sum(_number(n) * _SECONDS[unit] for unit, n in parts.items() if n)
    return None


def _number(text: str) -> float:
    """Take a comma for a point, as ISO 8601 does."""
    return float(text.replace(",", "."))


def parse_moment(text: str, *, name: str, now: datetime) -> datetime:
    """Read a timestamp, or a duration before `now` such as `2h`. Raises UsageError.

    A duration needs its unit here: a bare number may be half a date.
    """
    if not re.fullmatch(_PLAIN, text.strip()) and _seconds(text.strip().lower()) is not None:
        return now - timedelta(seconds=parse_duration(text, name=name))
    return _parse_timestamp(text, name=name)


def _parse_timestamp(text: str, *, name: str) -> datetime:
    """Read an ISO timestamp, with `T` or a space, or `@` and seconds since 1970, as `date -d`.

    Without an offset it is UTC, without asking, because both Airflow's templates
    (`{{ ts_nodash }}`, `{{ ds }}`) and Airbyte mean UTC.
    """
    try:
        if re.fullmatch(_EPOCH, text.strip()):
            return datetime.fromtimestamp(int(text.strip()[1:]), UTC)
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise UsageError(
            f"{name}: {text!r} is neither a timestamp nor a duration", hint=_cure(text)
        )
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _cure(text: str) -> str:
    if "{" in text or text.strip().lower() in {"", "none"}:
        return "was the template rendered? in Airflow: {{ dag_run.start_date }}"
    return "write 2026-01-01T06:00:00Z, or 2h for two hours ago"


def most_similar(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that was probably meant, by difflib's ratio; case is ignored."""
    from difflib import get_close_matches  # noqa: PLC0415  # only if something was misspelt

    by_folded = {one.casefold(): one for one in known}
    near = get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None


def refuse_undecodable(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise UsageError for an argument, or a variable of ours, that is not valid in UTF-8."""
    for position, text in enumerate(argv, start=1):
        if not _is_text(text):
            raise _not_text(_argument(argv, position))
    for name, text in environ.items():
        if (name.startswith(_OURS) or name.lower() in _PROXIES) and not _is_text(name + text):
            raise _not_text(name.encode(errors="replace").decode())


def _argument(argv: Sequence[str], position: int) -> str:
    """Name an argument by its option, where it has one."""
    text, before = argv[position - 1], argv[position - 2] if position > 1 else ""
    flag, sign, _ = text.partition("=")
    if sign and flag.startswith("--") and _is_text(flag):
        return flag
    return before if before.startswith("-") else f"argument {position}"


def _is_text(text: str) -> bool:
    """Return whether no byte in it had to be kept as a surrogate (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text(where: str) -> UsageError:
    return UsageError(
        f"{where} is not valid UTF-8",
        hint="write it in UTF-8; was it copied from a file in another encoding?",
    )
