"""The program's start: signals first, then everything else."""

import os
import sys

from airbyte_sync_cli.cli.signals import note_signals


def main() -> None:
    """Run the command line and exit with its code."""
    note_signals()
    # pydantic would look through every installed distribution for plugins: 10 ms for nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from airbyte_sync_cli.cli.app import run  # noqa: PLC0415  # imports take time, signals do not

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
