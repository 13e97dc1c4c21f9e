"""Refuses what the operating system handed over as bytes that are no text."""

from collections.abc import Mapping, Sequence

from airbyte_sync_cli.errors import UsageError

_OURS = ("AIRBYTE_", "AIRFLOW_CONN_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


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
        f"{where} holds bytes that are not UTF-8",
        hint="write it in UTF-8; was it copied from a file in another encoding?",
    )
