"""The only owner of stdout and stderr: listens while things happen, and writes the ending."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.files import ResultFiles
from airbyte_sync_cli.output.journal import Entry, Journal, JournalHandler
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.reports import report_class
from airbyte_sync_cli.output.story import Story
from airbyte_sync_cli.output.tables import Screen, screen_of
from airbyte_sync_cli.output.terminal import wants_live_view
from airbyte_sync_cli.output.verdicts import error_result, reason, summary
from airbyte_sync_cli.sync.events import Event, Provisional, Warned
from airbyte_sync_cli.sync.result import Report, SyncResult, overall

if TYPE_CHECKING:
    from airbyte_sync_cli.output.live import LiveView

_ROOT_LOGGER: Final = "airbyte_sync_cli"
_LOG_LEVELS: Final = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}


class Output:
    """A listener of events; `conclude` writes the result, last."""

    def __init__(
        self,
        command: str | None,
        options: OutputOptions,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        stdout: TextIO | None,
        stderr: TextIO | None,
        root: Path = Path("/"),
    ) -> None:
        self._command = command
        self._options = options
        self._environ = environ
        self._stdout = stdout
        self._stderr = stderr
        self._clock = clock
        self._story = Story()
        self._warnings: list[str] = []
        self._journal = Journal(
            stderr,
            clock=clock,
            verbosity=options.verbosity,
            as_json=options.log_format == "json",
        )
        self._files = ResultFiles(result_file=options.result_file, environ=environ, root=root)
        self._news_at = 0.0
        self._view: LiveView | None = None
        self._connect_log()

    def _connect_log(self) -> None:
        logger = logging.getLogger(_ROOT_LOGGER)
        logger.setLevel(_LOG_LEVELS[self._options.verbosity])
        logger.handlers = [JournalHandler(self._journal)]
        logger.propagate = False

    def __call__(self, event: Event, /) -> None:
        """Take note of an event, and tell it if it is news."""
        if isinstance(event, Warned):
            self._warnings.append(event.message)
        if isinstance(event, Provisional):
            self._write_files(self._report(event.results, overall(event.results), None, {}))
        self._show(event)
        for entry in self._story.entries(event):
            self._news_at = self._clock.monotonic()
            if self._view is None or self._stays(entry):
                self._journal.write(entry)

    def _stays(self, entry: Entry) -> bool:
        """Whether an entry gets a line above the live view, which shows the rest of them."""
        address = entry.event in {"started", "adopted"} and len(self._story.chapters) == 1
        return self._options.verbosity > 0 or entry.level == "warning" or address

    def warn(self, message: str) -> None:
        """Tell of something odd; it goes into the report, too."""
        self._warnings.append(message)
        self._journal.write(Entry(event="warning", message=message, level="warning"))

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Show signs of life while the work inside goes on: a live view, or a heartbeat."""
        self._view = self._live_view()
        beating = asyncio.create_task(self._watch(self._view) if self._view else self._beat())
        try:  # no task group: it would wrap the errors of the work inside
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})
            self._end_view()

    async def _watch(self, view: "LiveView") -> None:
        """Draw; where that fails, tell in lines what goes on: no sync ends for a picture."""
        try:
            await view.run()
        except Exception as error:  # noqa: BLE001  # a bug of ours, with somebody's sync at stake
            self._view_failed(error)
            await self._beat()

    def _show(self, event: Event) -> None:
        if self._view is None:
            return
        try:
            self._view.take(event)
        except Exception as error:  # noqa: BLE001  # the same
            self._view_failed(error)

    def _view_failed(self, error: Exception) -> None:
        self._end_view()
        self.warn(f"the live view failed ({type(error).__name__}: {error}): log lines instead")

    def _end_view(self) -> None:
        if self._view is not None:
            self._view.close()
        self._view = None
        self._journal.divert(None)

    def _live_view(self) -> "LiveView | None":
        if self._stderr is None or not wants_live_view(
            self._command, self._options, environ=self._environ, stream=self._stderr
        ):
            return None
        from airbyte_sync_cli.output.live import LiveView  # noqa: PLC0415  # rich, where it is seen

        view = LiveView(self._stderr, clock=self._clock, environ=self._environ)
        self._journal.divert(view.above)
        return view

    async def _beat(self) -> None:
        pause = self._options.heartbeat
        self._news_at = self._clock.monotonic()
        while pause > 0:
            rest = self._news_at + pause - self._clock.monotonic()
            if rest > 0:
                await self._clock.sleep(rest)
                continue
            entry = self._story.heartbeat()
            if entry is not None:
                self._journal.write(entry)
            self._news_at = self._clock.monotonic()

    def conclude(
        self,
        syncs: Sequence[SyncResult],
        *,
        error: AirbyteSyncError | None = None,
        exit_code: ExitCode | None = None,
        stdout_text: str | None = None,
        details: Mapping[str, object] | None = None,
        quiet: bool = False,
    ) -> ExitCode:
        """Write everything: files, the error and its hint, and the result last on stdout.

        `details` is what the command's own kind of report has beside the keys of all. `quiet`
        keeps the error to the report.
        """
        code = exit_code if exit_code is not None else overall(syncs)
        report = self._report(tuple(syncs), code, error, details or {})
        self._write_files(report)
        if not quiet:
            self._write_error(report)
        self._write_result(report, stdout_text)
        return code

    def _report(
        self,
        syncs: tuple[SyncResult, ...],
        code: ExitCode,
        error: AirbyteSyncError | None,
        details: Mapping[str, object],
    ) -> Report:
        return report_class(self._command).model_validate(
            {
                "command": self._command,
                "exit_code": code,
                "outcome": code.outcome,
                "syncs": syncs,
                "warnings": tuple(self._warnings),
                "error": error_result(code, syncs, error),
                **details,
            }
        )

    def _write_files(self, report: Report) -> None:
        for trouble in self._files.write(report, reason=_paragraph(report)):
            if trouble not in self._warnings:
                self.warn(trouble)

    def _write_error(self, report: Report) -> None:
        if report.error is None:
            return
        self._journal.write_line(f"error: {report.error.message}")
        if report.error.hint:
            self._journal.write_line(f"hint: {report.error.hint}")

    def _write_result(self, report: Report, text: str | None) -> None:
        """Write in one piece, and last. A reader that is gone changes no verdict."""
        match self._options.format:
            case "json":
                content = report.model_dump_json()
            case "id":
                content = "\n".join(report.ids())
            case "text":
                content = text if text is not None else summary(report.syncs)
        if content:
            self._print(content)

    def show(self, text: str) -> bool:
        """Print a part of the result ahead of its end, where it is for people.

        Returns whether anybody still reads.
        """
        return self._options.format != "text" or self._print(text)

    @property
    def screen(self) -> Screen:
        """What stdout can show."""
        return screen_of(self._stdout, self._environ)

    def _print(self, content: str) -> bool:
        if self._stdout is None:
            return False
        try:
            self._stdout.write(content + "\n")
            self._stdout.flush()
        except (OSError, ValueError):
            self._abandon_stdout()
            return False
        return True

    def _abandon_stdout(self) -> None:
        """Keep the interpreter from complaining about the closed pipe at its end."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
        except OSError as error:
            logging.getLogger(_ROOT_LOGGER).debug("stdout is gone: %s", error)


def _paragraph(report: Report) -> str:
    """Write the reason of an ending for Kubernetes."""
    parts = [f"airbyte-sync {report.command or ''}: {report.outcome} (exit {report.exit_code})."]
    if report.error:
        parts += [f"{report.error.message}.", f"{report.error.hint or ''}"]
    else:
        parts += [f"{reason(sync)}." for sync in report.syncs]
    return " ".join(part for part in parts if part.strip()) + "\n"
