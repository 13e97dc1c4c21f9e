"""What is known of our request to start a job: one fact, and the only sentences about it."""

from enum import StrEnum
from typing import Final


class Start(StrEnum):
    """What this process has started. No job id is not the same as no job."""

    NOT_SENT = "not-sent"
    REFUSED = "refused"
    POSSIBLE = "possible"
    STARTED = "started"


_MAY_EXIST: Final = "a job may have been started, but none has shown up"
_FATES: Final = {
    Start.NOT_SENT: "nothing was started",
    Start.REFUSED: "the start was refused",  # a gateway's 503 may have delivered it all the same
    Start.POSSIBLE: _MAY_EXIST,
    Start.STARTED: _MAY_EXIST,
}


def fate_without_job(start: Start | None) -> str | None:
    """Say what became of a start that no job id belongs to; None for who starts nothing."""
    return None if start is None else _FATES[start]


def hint_without_job(start: Start | None, connection: str | None) -> str | None:
    """Say what to do next, by the connection's id; None where there is nothing to do."""
    if start not in {Start.POSSIBLE, Start.STARTED}:
        return None
    which = connection or "ID"
    return (
        f"`airbyte-sync status --conn {which}` shows whether a job turns up later, "
        f"`airbyte-sync cancel --conn {which}` cancels it; with --since a retry adopts it"
    )
