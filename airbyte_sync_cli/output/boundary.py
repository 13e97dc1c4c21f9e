"""The error boundary: whatever leaves a command becomes an ending with a code."""

import sys
import traceback
from collections.abc import Callable

from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.redaction import redact


class BugError(AirbyteSyncError):
    """Something that should not have happened: ours."""

    exit_code = ExitCode.BUG


def guard(output: Callable[[], Output], work: Callable[[], ExitCode]) -> ExitCode:
    """Do the work of a command; conclude with its error if it does not conclude itself.

    `output` tells the output as it is by then: it may have been set up during the work.
    """
    try:
        return work()
    except AirbyteSyncError as error:
        return output().conclude((), error=error, exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001  # the one place that must catch all
        print(redact(traceback.format_exc()), end="", file=sys.stderr)  # noqa: T201  # as print_exc
        return output().conclude((), error=_bug(error), exit_code=ExitCode.BUG)


def _bug(error: BaseException) -> BugError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return BugError(f"internal error: {type(error).__name__}: {error}")
