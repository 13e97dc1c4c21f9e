"""The only owner of stdout and stderr: shows progress, then writes the report."""

import json
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, UnknownOutcomeError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.foreign_text import capped, json_line, printable
from airbyte_sync_cli.output.files import ResultFiles, cut
from airbyte_sync_cli.output.log import Entry, Log, LogHandler
from airbyte_sync_cli.output.messages import (
    LABELLED,
    FailureDetails,
    error_result,
    failure_lines,
    reason,
)
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.progress import ProgressReporter
from airbyte_sync_cli.output.terminal import Screen, screen_of
from airbyte_sync_cli.redaction import redact, redact_all
from airbyte_sync_cli.streams import is_terminal, write
from airbyte_sync_cli.sync.result import Report, SyncResult, overall

if TYPE_CHECKING:
    from airbyte_sync_cli.output.live.canvas import Canvas
    from airbyte_sync_cli.sync.events import Event
    from airbyte_sync_cli.sync.state import Snapshot

_ROOT_LOGGER: Final = "airbyte_sync_cli"
_LOG_LEVELS: Final = {1: logging.INFO, 2: logging.DEBUG}
_WAITING: Final = frozenset({"run", "wait", "demo"})
"""The commands that wait for syncs."""

_LONGEST_REASON: Final = 3200
"""Bytes of the error in a termination message (4096), so that its hint is kept."""
_LEFT: Final = "aborted; started jobs may still be running"
_LEFT_HINT: Final = "run `airbyte-sync status --conn NAME` to see whether a job is running"
_UNPRINTED: Final = "could not write the result to stdout"
_MOST_NAMED: Final = 10
_CHANGING: Final = frozenset({"run", "trigger", "cancel"})
"""The commands that start or cancel something."""
_WITH_MORE_KEYS: Final = frozenset(
    {"check", "config init", "config show", "connections", "logs", "workspaces"}
)
"""The commands in `report.REPORTS`: the others need not import it (3 ms)."""
_Which = tuple[str | None, int | None]
"""A sync's connection and job."""


class Output:
    """Takes events while a command runs; `conclude` writes the result, last."""

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
        self._clock = clock
        self._stdout = stdout
        self._stderr = stderr
        self._warnings: list[str] = []
        self._details_of: dict[_Which, FailureDetails] = {}
        self._dry_runs: dict[str, str] = {}
        self._latest: Sequence[SyncResult] | None = None
        """The results as they were when a signal arrived."""
        self._why_unprinted: str | None = None
        """Why the result, or a part of it, could not be printed."""
        self._log = Log(
            stderr,
            clock=clock,
            verbosity=options.verbosity,
            as_json=options.log_format == "json",
            screen=screen_of(stderr, environ),
        )
        self._files = ResultFiles(result_file=options.result_file, environ=environ, root=root)
        self._progress = ProgressReporter(
            self._log, options, clock=clock, environ=environ, warn=self.warn
        )
        self._connect_log()

    def _connect_log(self) -> None:
        logger = logging.getLogger(_ROOT_LOGGER)
        logger.setLevel(_LOG_LEVELS.get(self._options.verbosity, logging.WARNING))
        # Replaced, not added: with a second Output in this process each line would be doubled.
        logger.handlers = [LogHandler(self._log, warn=self.warn)]
        logger.propagate = False

    def __call__(self, event: "Event", /) -> None:
        """Show an event, and keep what only the report needs."""
        from airbyte_sync_cli.sync import events as ev  # noqa: PLC0415  # only with events

        match event:
            case ev.Warned(sync=sync, message=message):
                self.warn(message, sync=sync)
                return
            case ev.DryRun(sync=sync, message=message):
                self._dry_runs[sync.key] = message
            case ev.Provisional(results=results):
                # A second Ctrl-C or SIGKILL may end the process before the cancel is confirmed.
                self._latest = results
                report = self._report(results, overall(results), None, {})
                self._write_files(report, provisional=True)
            case ev.Finished(result=result, error=error, failure=failure, log_tail=log_tail):
                self._details_of[_which(result)] = FailureDetails(
                    error=error, failure=failure, sync=event.sync, log_tail=log_tail
                )
            case _:
                pass
        self._progress.take(event)

    def warn(
        self, message: str, *, sync: "Snapshot | None" = None, in_report: bool = True
    ) -> None:
        """Log a warning, and add it to the report: every warning comes through here.

        `in_report=False` is for what passes by itself, such as a retried first request.
        """
        if in_report:
            self._warnings.append(message)
        self._progress.write(Entry.about(sync, "warning", message, "warning"))

    def alive(self) -> AbstractAsyncContextManager[None]:
        """Show the live view or a heartbeat while the work inside runs."""
        return self._progress.alive(self._command, self._stderr)

    @property
    def numbers_every(self) -> float:
        """Seconds between two reads of live numbers, by what shows them; 0 is with each poll."""
        return self._progress.numbers_every

    def leave(self) -> None:
        """Write what is known now: the user pressed Ctrl-C twice."""
        self._progress.close()
        is_unknown = self._latest is None and self._command in _CHANGING
        error = UnknownOutcomeError(_LEFT, hint=_LEFT_HINT) if is_unknown else None
        self.conclude(self._latest or (), error=error, exit_code=ExitCode.SIGINT)

    def conclude(
        self,
        syncs: Sequence[SyncResult],
        *,
        error: AirbyteSyncError | None = None,
        exit_code: ExitCode | None = None,
        stdout_text: str | None = None,
        details: Mapping[str, object] | None = None,
        quiet: bool = False,
        must_be_printed: bool = False,
    ) -> ExitCode:
        """Write everything: files, the error and its hint, and the result last on stdout.

        `details` are the keys of the command's own kind of report. `quiet` keeps the error out
        of stderr. `must_be_printed` is for a command that only shows something: it fails if that
        cannot be printed.
        """
        code = exit_code if exit_code is not None else overall(syncs)
        report = self._report(tuple(syncs), code, error, details or {})
        if self._write_files(report):  # the warnings have grown
            report = self._report(tuple(syncs), code, error, details or {})
        self._write_failures(report.syncs)
        if not quiet:
            self._write_error(report)
        self._write_result(report, stdout_text)
        if self._why_unprinted is None:
            return code
        # The exit code stays that of the syncs: a full disk must not make a success look failed.
        if code is not ExitCode.OK or not must_be_printed:
            self.warn(f"{_UNPRINTED}: {self._why_unprinted}{_ends(report.syncs)}", in_report=False)
            return code
        problem = UsageError(f"{_UNPRINTED}: {self._why_unprinted}", hint=self._unprinted_hint())
        # The files are written again, with the exit code that the process really has.
        report = self._report(tuple(syncs), problem.exit_code, problem, details or {})
        self._write_files(report)
        self._write_error(report)
        return problem.exit_code

    def write_traceback(self, error: BaseException) -> None:
        """Write the traceback of a bug to stderr."""
        text = "".join(traceback.format_exception(error))
        if self._stderr is not None:
            with suppress(OSError, ValueError):  # its reader is gone
                write(self._stderr, printable(redact(text)))

    def show(self, text: str) -> bool:
        """Print a part of the result early, if it is for people.

        Return False once the reader of stdout is gone.
        """
        return self._options.format != "text" or self._print(text)

    @contextmanager
    def canvas(self) -> "Iterator[Canvas | None]":
        """Lend the last lines of the terminal; None unless a person watches one."""
        if self._stderr is None or not self.is_for_people or self._environ.get("TERM") == "dumb":
            yield None
            return
        from airbyte_sync_cli.output.live.canvas import canvas_on  # noqa: PLC0415  # only here

        with canvas_on(self._stderr, self._environ) as canvas:
            self._log.divert(canvas.above)
            try:
                yield canvas
            finally:
                self._log.divert(None)

    @property
    def is_text(self) -> bool:
        """Return whether the result is for people, not for programs."""
        return self._options.format == "text"

    def show_rows(self, rows: Sequence[Mapping[str, object]]) -> bool:
        """Print rows of a log early, one JSON object each; return as `show` does."""
        from airbyte_sync_cli.output.report import LogRow  # noqa: PLC0415  # 3 ms

        models = [LogRow.model_validate(redact_all(dict(row))) for row in rows]
        lines = [json_line(model.model_dump_json()) for model in models]
        return self._print("\n".join(_encodable(line, self._stdout) for line in lines))

    @property
    def is_json(self) -> bool:
        """Return whether stdout gets JSON."""
        return self._options.format == "json"

    @property
    def screen(self) -> Screen:
        """Return what stdout can show."""
        return screen_of(self._stdout, self._environ)

    @property
    def is_for_people(self) -> bool:
        """Return whether stdout and stderr are both terminals, so that an error is shown once."""
        streams = (self._stdout, self._stderr)
        shown = all(map(is_terminal, streams))
        return shown and self._options.format == "text"

    @property
    def keeps_reports(self) -> bool:
        """Return whether details of the report are written: long ones are skipped if not."""
        return self._options.format == "json" or self._files.keep_reports

    def summary(self, syncs: Sequence[SyncResult]) -> str:
        """Return a line for each sync, as stdout can show it."""
        from airbyte_sync_cli.output.summary import summary  # noqa: PLC0415  # 3 ms, not for JSON

        now = self._clock.now()
        return summary(syncs, command=self._command, screen=self.screen, now=now)

    def _report(
        self,
        syncs: tuple[SyncResult, ...],
        code: ExitCode,
        error: AirbyteSyncError | None,
        details: Mapping[str, object],
    ) -> Report:
        kind = _report_class(self._command)
        report = kind.model_validate(
            {
                "command": self._command,
                "exit_code": code,
                "outcome": code.outcome,
                "syncs": syncs,
                "warnings": tuple(map(capped, (*self._warnings, *self._remarks(syncs, error)))),
                "error": error_result(code, syncs, error),
                **details,
            }
        )
        return kind.model_validate(redact_all(report.model_dump()))  # it has texts of others

    def _remarks(self, syncs: tuple[SyncResult, ...], shown: AirbyteSyncError | None) -> list[str]:
        """Return what else programs read as warnings: dry runs, and errors not in the report."""
        dry = [
            f"dry run: {sync.name}: {self._dry_runs[sync.connection_id]}"
            for sync in syncs
            if sync.connection_id in self._dry_runs
        ]
        errors = [(sync.name, self._details_of.get(_which(sync))) for sync in syncs]
        return dry + [
            f"{who}: {details.error.message}"
            for who, details in errors
            if details and details.error and details.error is not shown
        ]

    def _write_files(self, report: Report, *, provisional: bool = False) -> bool:
        """Write the files; return whether that has added a warning."""
        found = self._files.write(report, reason=_paragraph(report), provisional=provisional)
        new = [warning for warning in found if warning not in self._warnings]
        for warning in new:
            self.warn(warning)
        return bool(new)

    def _unprinted_hint(self) -> str:
        file = self._options.result_file
        if file:
            return f"the result is in {file}"
        return "use --result-file PATH to also write it to a file"

    def _write_failures(self, syncs: Sequence[SyncResult]) -> None:
        """Write why each sync failed; as JSON only Airbyte's lines, the report has the rest."""
        if self._command not in _WAITING:
            return
        if self._options.log_format == "json":
            for details in self._details_of.values():
                if details.sync is not None and details.log_tail:
                    self._log.write_airbyte(details.sync, details.log_tail, alone=False)
            return
        for line in self._failure_lines(syncs):
            self._log.write_line(line, hang=LABELLED)

    def _failure_lines(self, syncs: Sequence[SyncResult]) -> list[str]:
        known = [(sync, self._details_of.get(_which(sync), FailureDetails())) for sync in syncs]
        return failure_lines(known, with_trace=self._options.verbosity > 0)

    def _write_error(self, report: Report) -> None:
        if report.error is not None:
            self._log.write_error(report.error.message, hint=report.error.hint)

    def _text(self, report: Report) -> str:
        """Return the result for people; `status` also shows why a job failed."""
        if self._dry_runs:
            return "\n".join(
                f"{sync.name}: {self._dry_runs.get(sync.connection_id or '', sync.outcome)}"
                for sync in report.syncs
            )
        text = self.summary(report.syncs)
        more = self._failure_lines(report.syncs) if self._command == "status" else []
        return "\n".join([text, *more])

    def _write_result(self, report: Report, text: str | None) -> None:
        """Write the result in one piece, and last."""
        match self._options.format:
            case "json":
                content = _encodable(report.json_line(), self._stdout)
            case "id":
                content = "\n".join(report.ids())
            case "csv":
                from airbyte_sync_cli.output.report import csv_text  # noqa: PLC0415  # 3 ms

                # After an error there may be nothing to list: not even a header, then.
                has_rows = report.error is None or report.rows()[1]
                content = csv_text(report) if has_rows else ""
            case "text":
                content = text if text is not None else self._text(report)
        if content:
            self._print(content)

    def _print(self, content: str) -> bool:
        """Print; keep the reason of a failure, but not that a reader such as `head` has left."""
        if self._stdout is None:
            self._why_unprinted = "it is closed"
            return False
        encoding = self._stdout.encoding or "utf-8"
        # A name that the encoding lacks is escaped, instead of failing the whole result.
        content = content.encode(encoding, "backslashreplace").decode(encoding)
        try:
            is_text = self._options.format in {"text", "csv"}  # JSON is escaped and redacted
            write(self._stdout, printable(redact(content) if is_text else content) + "\n")
        except BrokenPipeError:
            return False
        except (OSError, ValueError) as error:
            self._why_unprinted = (isinstance(error, OSError) and error.strerror) or "it is closed"
            return False
        return True


def _encodable(line: str, stream: TextIO | None) -> str:
    """Escape in JSON what the encoding of a stream lacks: the C locale is ASCII."""
    try:
        line.encode((stream and stream.encoding) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(line), separators=(",", ":"))
    return line


def _report_class(command: str | None) -> type[Report]:
    if command not in _WITH_MORE_KEYS:
        return Report
    from airbyte_sync_cli.output.report import REPORTS  # noqa: PLC0415  # 3 ms

    return REPORTS[command]


def _which(sync: SyncResult) -> _Which:
    return sync.connection_id, sync.job_id


def _ends(syncs: Sequence[SyncResult]) -> str:
    """Return how each sync ended: with `-q` nothing else on stderr names the jobs."""
    ends = [f"{sync.name}: {sync.status or sync.outcome}" for sync in syncs[:_MOST_NAMED]]
    more = [f"and {len(syncs) - _MOST_NAMED} more"] if len(syncs) > _MOST_NAMED else []
    return f" ({', '.join([*ends, *more])})" if syncs else ""


def _paragraph(report: Report) -> str:
    """Return the termination message for Kubernetes."""
    parts = [f"airbyte-sync {report.command or ''}: {report.outcome} (exit {report.exit_code})."]
    if report.error:
        message = cut(report.error.message, _LONGEST_REASON).decode()
        parts += [f"{message}.", f"{report.error.hint or ''}"]
    if not report.error or len(report.syncs) > 1:
        parts += [f"{reason(sync)}." for sync in report.syncs if sync.exit_code]
    return " ".join(part for part in parts if part.strip()) + "\n"
