"""The error boundary: whatever leaves a command becomes an ending with a code."""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from airbyte_sync_cli.errors import AirbyteSyncError, BugError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.foreign_text import printable
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.streams import write


def guard(output: Callable[[], Output], work: Callable[[], ExitCode]) -> ExitCode:
    """Do the work of a command; conclude with its error if it does not conclude itself.

    `output` tells the output as it is by then: it may have been set up during the work.
    """
    try:
        return work()
    except AirbyteSyncError as error:
        return output().conclude((), error=error, exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001  # the one place that must catch all
        show_traceback(error)
        return output().conclude((), error=BugError.of(error), exit_code=ExitCode.BUG)


def show_traceback(error: BaseException) -> None:
    """Print where a bug happened, for whoever fixes it."""
    text = "".join(traceback.format_exception(error))
    with suppress(OSError, ValueError, AttributeError):  # stderr is gone, or never was
        write(sys.stderr, printable(redact(text)))
