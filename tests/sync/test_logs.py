"""Every read brings the whole log, and each line is shown once."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.sync.logs import AttemptLine, LogReader
from tests.support.core import LoopClock
from tests.support.virtual import run

JOB = {"id": 1, "configType": "sync", "configId": "c", "status": "running", "createdAt": 0}
INFO = {"job": JOB, "attempts": [{"attempt": {"id": 0}}]}


class Log:
    """Serves one log per read; the first response of each ends after `breaks_after` lines."""

    def __init__(self, *logs: Sequence[str], breaks_after: Sequence[int] = ()) -> None:
        self._logs = iter(logs)
        self._log: Sequence[str] = ()
        self._breaks_after = list(breaks_after)
        self.shown: list[str] = []
        self.batches = 0

    async def _body(self) -> AsyncIterator[bytes]:
        end = self._breaks_after.pop(0) if self._breaks_after else len(self._log)
        yield b'{"attempt": {"id": 0}, "logs": {"logLines": [""'
        for begin in range(0, end, 100):
            some = self._log[begin : min(begin + 100, end)]
            yield b"".join(b"," + json.dumps(line).encode() for line in some)
        if end < len(self._log):
            raise httpx.ReadError("broken off")
        yield b"]}}"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/attempt/get_for_job"):
            return httpx.Response(200, content=self._body())
        return httpx.Response(200, json=INFO)

    def _show(self, lines: Sequence[AttemptLine]) -> bool:
        self.shown += [one.line.message for one in lines if one.line.message]
        self.batches += 1
        return True

    def read(self, *, tail: int | None = None) -> Sequence[str]:
        """Read one log after the other."""

        async def work() -> None:
            async with httpx.AsyncClient(transport=httpx.MockTransport(self._answer)) as client:
                http_client = HttpClient(client, clock=LoopClock(), limit=30)
                config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
                airbyte = Airbyte(http_client, config, None, ui=None)
                reader = LogReader(airbyte, 1, show=self._show, tail=tail)
                for log in self._logs:
                    self._log = log
                    await reader.read_news()

        run(work())
        return self.shown


def numbered(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last)]


def test_long_log_is_shown_completely_and_in_parts() -> None:
    log = Log(numbered(0, 2500))

    assert log.read() == numbered(0, 2500)
    assert log.batches == 3


def test_response_that_breaks_off_neither_loses_nor_repeats_a_line() -> None:
    lines = [*numbered(0, 1500), "again", "again", *numbered(1500, 3000), "again"]

    assert Log(lines, breaks_after=[700, 2300]).read() == lines


def test_tail_of_a_response_that_breaks_off_is_the_end_of_the_log() -> None:
    log = Log(numbered(0, 3000), numbered(0, 3002), breaks_after=[2995])

    assert log.read(tail=10) == numbered(2990, 3002)


def test_late_line_and_repeated_lines_are_shown_once_each() -> None:
    assert Log(["a", "b", "b"], ["a", "late", "b", "b", "b"]).read() == [
        "a",
        "b",
        "b",
        "late",
        "b",
    ]


def test_log_that_airbyte_cuts_shows_only_new_lines() -> None:
    looks = [numbered(first, first + 1000) for first in range(0, 20_000, 500)]

    assert Log(*looks).read() == numbered(0, 20_500)
