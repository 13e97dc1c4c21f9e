"""Real shells on a terminal, with the completion that the program installs."""

import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 60.0
"""Seconds: far longer than a shell needs here."""
_AGAIN = 4.0
"""Seconds before Tab is pressed again: completion gives up on a busy machine."""

COMMANDS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "--private", "-i"),
}
_BEGIN = {
    "bash": (
        "bind 'set enable-bracketed-paste off'; bind 'set page-completions off';"
        "bind 'set completion-query-items 0'; bind 'set show-all-if-ambiguous on';"
        "source ./completion.bash"
    ),
    "zsh": "LISTMAX=1000; autoload -Uz compinit; compinit -u -D; source ./completion.zsh",
    "fish": "function fish_greeting; end; source ./completion.fish",
}
_PROGRAM = """#!/bin/sh
if [ -n "$_AIRBYTE_SYNC_COMPLETE" ]; then exec {python} -m airbyte_sync_cli "$@"; fi
printf '%s\\n' "$@" >typed
"""


@dataclass
class Shell:
    """A shell with simulated key presses."""

    terminal: int
    folder: Path
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def tab_until(self, *texts: str) -> None:
        """Press Tab repeatedly until all these texts are shown."""
        self.seen = ""
        until = time.monotonic() + _LONGEST
        while not all(text in self.seen for text in texts):
            assert time.monotonic() < until, self.seen
            self.type("\t")
            self._read_for(_AGAIN, texts)

    def run(self, line: str = "") -> None:
        """Run a line and wait for its end."""
        self.seen = ""
        self.type(f"{line}\n")
        self.type("echo end'ed'-\n")
        self._read_for(_LONGEST, ["ended-"])
        assert "ended-" in self.seen, self.seen

    def typed(self) -> list[str]:
        """Return the arguments of the program's last call, except for completion."""
        return (self.folder / "typed").read_text(encoding="utf-8").splitlines()

    def _read_for(self, seconds: float, texts: "tuple[str, ...] | list[str]") -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if all(text in self.seen for text in texts):
                return
            if select.select([self.terminal], [], [], left)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")


@contextmanager
def open_shell(name: str, folder: Path, hook: str, environ: Mapping[str, str]) -> Iterator[Shell]:
    """Start a shell in a folder with `airbyte-sync` completion, and record its calls."""
    import fcntl  # noqa: PLC0415  # not on every system
    import pty  # noqa: PLC0415
    import termios  # noqa: PLC0415

    program = folder / "bin" / "airbyte-sync"
    program.parent.mkdir()
    program.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    (folder / f"completion.{name}").write_text(hook, encoding="utf-8")
    path = f"{program.parent}:{os.environ['PATH']}"
    kept = {
        "PATH": path,
        "HOME": str(folder),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "COLUMNS": "200",
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        command = COMMANDS[name]
        os.execvpe(command[0], command, {**kept, **environ})  # noqa: S606  # a shell is intended
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 80, 200, 0, 0))
    shell = Shell(terminal, folder)
    try:
        shell.run(_BEGIN[name])
        yield shell
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
