"""The program's start: signals first, then everything else."""

import gc
import sys
from types import ModuleType

from airbyte_sync_cli.cli.signals import note_signals

_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000
"""Imports make some 150,000 objects and no garbage; Python's 700 looks for it 200 times."""


def main() -> None:
    """Run the command line and exit with its code."""
    note_signals()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    _keep_pydantic_from_looking_for_plugins()
    from airbyte_sync_cli.cli.app import run  # noqa: PLC0415  # imports take time, signals do not

    sys.exit(run(sys.argv[1:]))


def _keep_pydantic_from_looking_for_plugins() -> None:
    """Stand in for the module that would read every installed distribution: 20 ms, 2 MiB.

    Its switch PYDANTIC_DISABLE_PLUGINS comes too late: after the imports.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.__dict__["get_plugins"] = tuple
    sys.modules.setdefault(loader.__name__, loader)


if __name__ == "__main__":
    main()
