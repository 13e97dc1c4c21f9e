"""Lets installed packages win over what PYTHONPATH or the working directory holds.

Importing this module does it, because it must come before every import that can be shadowed: an
older `rich` of another tool on PYTHONPATH, or a `logging.py` in the folder that
`python -m airbyte_sync_cli` is called in. A console script cannot ask for Python's isolated mode,
and a second start of the interpreter would double the time of each `--help`.
"""

import os
import sys


def _demote() -> None:
    """Move what stands before the standard library behind everything else.

    If the program itself was found there, whoever set the path wants it so: nothing is moved.
    """
    library = os.path.dirname(os.__file__)  # noqa: PTH120  # pathlib could be shadowed, too
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    if library not in sys.path:
        return
    before = sys.path[: sys.path.index(library)]
    if home not in [os.path.abspath(entry) for entry in before]:  # noqa: PTH100
        sys.path[:] = [*sys.path[len(before) :], *before]


_demote()
