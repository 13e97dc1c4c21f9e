"""Questions about files that the operating system may refuse to answer: none of these raises.

`Path.is_dir` and its kin raise before Python 3.14 where a folder above may not be searched or a
name is too long, and `Path.expanduser` where a user has no home.
"""

import os
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Return whether a folder is there, as far as this user can see."""
    return os.path.isdir(path)  # noqa: PTH112  # see above


def is_file(path: Path) -> bool:
    """Return whether a regular file is there, as far as this user can see."""
    return os.path.isfile(path)  # noqa: PTH113  # see above


def is_readable_file(path: Path) -> bool:
    """Return whether a regular file is there that this user may read."""
    return is_file(path) and os.access(path, os.R_OK)


def is_there(path: Path) -> bool:
    """Return whether anything is there, a dangling link included, as far as this user can see."""
    return os.path.lexists(path)


def expanded(text: str) -> Path:
    """Return the path with `~` replaced; as it is where nobody knows what that means."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def why_unreadable(error: OSError | ValueError) -> str:
    """Return why a file could not be read, in words that hold nothing of its name."""
    if isinstance(error, UnicodeError):
        return "it is not text"
    return (error.strerror if isinstance(error, OSError) else None) or "it is not a path"
