"""Files that others read: Airflow's XCom, a result file, Kubernetes' termination message."""

import errno
import os
import select
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from airbyte_sync_cli.paths import is_folder
from airbyte_sync_cli.settings.shown import shown_path
from airbyte_sync_cli.sync.result import Report

LONGEST_TERMINATION_MESSAGE: Final = 4096
"""Bytes (Kubernetes cuts there, anywhere)."""
_READABLE_BY_ALL: Final = 0o644
"""The mode of a new file: Airflow's sidecar is another user."""
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors after which overwriting in place would only destroy the old content."""
_LONGEST_PAUSE: Final = 0.5
"""Seconds without progress before a pipe's reader is given up: after a signal there are 5 s."""


class ResultFiles:
    """Where a report goes besides stdout. Nothing here raises; failures are returned as text."""

    def __init__(
        self, *, result_file: Path | None, environ: Mapping[str, str], root: Path
    ) -> None:
        self._result_file = result_file
        self._xcom = root / "airflow" / "xcom"
        self._termination = root / "dev" / "termination-log"
        self._in_kubernetes = "KUBERNETES_SERVICE_HOST" in environ
        self._wrote_reason = False

    @property
    def keep_reports(self) -> bool:
        """Return whether a whole report is written anywhere."""
        return self._result_file is not None or self._has_sidecar

    @property
    def _has_sidecar(self) -> bool:
        return is_folder(self._xcom)

    def write(self, report: Report, *, reason: str, provisional: bool = False) -> list[str]:
        """Write all of them; return a message for each that could not be written.

        A `provisional` report is not written to devices and pipes: no later one can replace it.
        """
        content = (report.json_line() + "\n").encode()
        failures = []
        if self._result_file is not None and not (provisional and _is_stream(self._result_file)):
            failures.append(_attempt_write(self._result_file, content, what="the result file"))
        if self._has_sidecar:
            failures.append(
                _attempt_write(self._xcom / "return.json", content, what="the XCom file")
            )
        # Outside Kubernetes a file of this name is somebody else's.
        if self._in_kubernetes and os.access(self._termination, os.W_OK):
            if report.exit_code:
                failures.append(self._write_termination(reason))
                self._wrote_reason = True
            elif self._wrote_reason:  # by a provisional report, before it succeeded after all
                failures.append(self._write_termination(""))
        return [failure for failure in failures if failure]

    def _write_termination(self, reason: str) -> str | None:
        """Overwrite in place: it is a mounted file, which cannot be replaced."""
        try:
            _overwrite(self._termination, cut(reason, LONGEST_TERMINATION_MESSAGE))
        except OSError as error:
            return f"could not write the termination message: {error.strerror}"
        return None


def _attempt_write(path: Path, content: bytes, *, what: str) -> str | None:
    """Write a file; return a message if that fails."""
    try:
        _write(path, content)
    except OSError as error:
        shown = shown_path(str(path), Path())
        return f"could not write {what} {shown}: {error.strerror or error}"
    return None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, where it can be replaced.

    A link is followed. A device, a pipe, or a file that is only reachable by a descriptor
    (/dev/stdout) is written to in place. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    known = _stat(path)
    own = _own_stream(known)
    if own is not None:
        _write_all(own, content)
    # The real path of /dev/fd/3 may have been deleted or reused: it must still be the same file.
    elif known is None or (stat.S_ISREG(known.st_mode) and _is_same(_stat(target), known)):
        _replace_or_overwrite(target, content, known)
    else:
        _overwrite(path, content)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_stream(path: Path) -> bool:
    """Return whether a file is a device, a pipe or a stream, where a report cannot be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode) or _own_stream(path.stat()) is not None
    except OSError:
        return False


def _own_stream(known: os.stat_result | None) -> int | None:
    """Return the descriptor of stdout or stderr if the file is one of them.

    Through it, what is written there later follows instead of overwriting.
    """
    for number in (1, 2):
        with suppress(OSError):  # closed
            if _is_same(known, os.fstat(number)):
                return number
    return None


def _is_same(one: os.stat_result | None, other: os.stat_result) -> bool:
    return one is not None and os.path.samestat(one, other)


def _replace_or_overwrite(target: Path, content: bytes, known: os.stat_result | None) -> None:
    """Replace a file; overwrite it where it is mounted, or its folder is read-only."""
    try:
        _replace(target, content, stat.S_IMODE(known.st_mode) if known else _READABLE_BY_ALL)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
        _overwrite(target, content)


def _replace(target: Path, content: bytes, mode: int) -> None:
    """Write a temporary file beside it, then rename that."""
    # In the same directory: a rename cannot cross file systems.
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".airbyte-sync-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            with _if_supported():
                # Before the rename: after a crash of the machine the new file must not be empty.
                os.fsync(file.fileno())
            with _if_supported():
                # mkstemp makes it 0600, which Airflow's sidecar could not read.
                os.fchmod(file.fileno(), mode)
        Path(temporary).replace(target)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


@contextmanager
def _if_supported() -> Iterator[None]:
    """Skip what a file system does not support, such as the mode of a file on a share."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise


def _overwrite(path: Path, content: bytes) -> None:
    """Write in place. A pipe without a reader fails at once instead of blocking."""
    # O_NONBLOCK: a pipe; O_NOCTTY: a terminal must not become the controlling one.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        handle = os.open(path, flags, _READABLE_BY_ALL)
    except OSError as error:
        if error.errno == errno.ENXIO:
            # The usual text of ENXIO, "No such device or address", would mislead: the pipe exists.
            raise OSError(errno.ENXIO, "nothing reads from it") from error
        raise
    try:
        _write_all(handle, content)
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    """Write everything. Raises TimeoutError when a reader has stopped reading."""
    while content:
        try:
            content = content[os.write(handle, content) :]
        except BlockingIOError:
            if not select.select([], [handle], [], _LONGEST_PAUSE)[1]:
                raise TimeoutError(errno.ETIMEDOUT, "timed out, its reader is blocked") from None


def cut(text: str, most: int) -> bytes:
    """Encode a text in at most `most` bytes, cut between characters."""
    content = text.encode()
    if len(content) <= most:
        return content
    mark = "…".encode()
    return content[: most - len(mark)].decode(errors="ignore").encode() + mark
