"""Start of airbyte-sync.pyz (its `__main__.py`): runs the copy that was unpacked for this Python.

Every start pays for what is imported here, so unpacking is in unpack.py. A Python that is too old
must be able to parse this file.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` wraps, without its imports
import os
import stat
import sys

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # airbyte_sync_cli/__main__.py does the same

BUILD = "development"
"""The hash of the archive's content, written by build.py: a folder per build."""
NAME = "airbyte-sync-pyz"


def main() -> None:
    """Run the program, which exits."""
    archive = os.path.dirname(os.path.abspath(__file__))
    library = os.path.dirname(os.__file__)
    # PYTHONPATH moves behind everything else, as in airbyte_sync_cli/search_path.py.
    first = sys.path.index(library)
    sys.path[:] = [*sys.path[first:], *sys.path[1:first]]
    platform = find_platform()
    content = _find(platform) or _unpack(archive, platform)
    sys.path.insert(1, content)  # before what is installed
    from airbyte_sync_cli.__main__ import main as program

    program()


def find_platform() -> str:
    """Return what compiled packages are for: `cp313-x86_64`."""
    version = "cp{}{}".format(*sys.version_info)
    python = version if sys.implementation.name == "cpython" else sys.implementation.name
    return f"{python}{getattr(sys, 'abiflags', '')}-{_machine()}"  # `t`: free-threaded


def _machine() -> str:
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return f"{sys.platform}-{sys.maxsize.bit_length() + 1}bit"
    try:
        is_glibc = bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        is_glibc = False
    return os.uname().machine if is_glibc else "musl"


def find_folders() -> "list[str]":
    """Return where this user's copies may be: in the cache, or in a folder of theirs in /tmp."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):
        cache = os.path.join(os.path.expanduser("~"), ".cache")
    name = f"{NAME}-{os.geteuid()}"
    places = [os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"]
    folders = [os.path.join(cache, NAME), *(os.path.join(place, name) for place in places)]
    return [folder for folder in dict.fromkeys(folders) if os.path.isabs(folder)]


def check(folder: str) -> None:
    """Raise OSError where others could have put code, or where code cannot be loaded from."""
    found = os.lstat(folder)
    is_private = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not (stat.S_ISDIR(found.st_mode) and is_private):
        raise OSError(0, "it is not a folder that only this user can write to")
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise OSError(0, "it is mounted noexec")


def _find(platform: str) -> "str | None":
    for folder in find_folders():
        content = os.path.join(folder, BUILD, platform)
        if os.path.isdir(content):
            try:
                check(folder)
            except OSError:
                continue
            return content
    return None


def _unpack(archive: str, platform: str) -> str:
    if sys.version_info < (3, 11):  # noqa: UP036  # that is the question here
        sys.stderr.write(
            f"error: airbyte-sync needs Python 3.11 or newer, this is {sys.version.split()[0]}\n"
            f"hint: is there another one? `python3.12 {archive} --version`\n"
        )
        sys.exit(2)
    sys.path.append(archive)
    from unpack import unpack  # type: ignore[import-not-found]  # beside this file in the archive

    content: str = unpack(archive, platform, build=BUILD, folders=find_folders(), check=check)
    return content


if __name__ == "__main__":
    main()
