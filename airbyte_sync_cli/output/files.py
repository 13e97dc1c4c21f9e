"""Files that others read: Airflow's XCom, a result file, Kubernetes' termination message."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airbyte_sync_cli.sync.result import Report

LONGEST_TERMINATION_MESSAGE: Final = 4096
"""Bytes (Kubernetes cuts there, anywhere)."""


class ResultFiles:
    """Where a report goes besides stdout. Nothing here raises; troubles are told as text."""

    def __init__(
        self, *, result_file: Path | None, environ: Mapping[str, str], root: Path
    ) -> None:
        self._result_file = result_file
        self._xcom = root / "airflow" / "xcom"
        self._termination = root / "dev" / "termination-log"
        self._in_kubernetes = "KUBERNETES_SERVICE_HOST" in environ
        self._reason_told = False

    @property
    def keep_reports(self) -> bool:
        """Whether a whole report is written anywhere."""
        return self._result_file is not None or self._xcom.is_dir()

    def write(self, report: Report, *, reason: str) -> list[str]:
        """Write all of them; return a sentence for each that could not be written."""
        line = report.json_line() + "\n"
        troubles = []
        if self._result_file is not None:
            troubles.append(_write_whole(self._result_file, line, what="the result file"))
        if self._xcom.is_dir():
            troubles.append(_write_whole(self._xcom / "return.json", line, what="the XCom file"))
        if self._in_kubernetes and os.access(self._termination, os.W_OK):
            if report.exit_code:
                troubles.append(self._write_termination(reason))
                self._reason_told = True
            elif self._reason_told:  # by a provisional report: it went well after all
                troubles.append(self._write_termination(""))
        return [trouble for trouble in troubles if trouble]

    def _write_termination(self, reason: str) -> str | None:
        """Overwrite in place: it is a mounted file, which cannot be replaced."""
        try:
            self._termination.write_bytes(cut(reason, LONGEST_TERMINATION_MESSAGE))
        except OSError as error:
            return f"the termination message could not be written: {error.strerror}"
        return None


def _write_whole(path: Path, text: str, *, what: str) -> str | None:
    """Write a file whole or not at all: beside it first, then moved into its place."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return f"{what} {path} could not be written: {error.strerror}"
    return None


def cut(text: str, most: int) -> bytes:
    """Encode a text in at most so many bytes of whole characters."""
    content = text.encode()
    if len(content) <= most:
        return content
    mark = "…".encode()
    return content[: most - len(mark)].decode(errors="ignore").encode() + mark
