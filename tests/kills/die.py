"""Plays one death: a real process, a sandbox on a real socket, and what both say afterwards."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any, Final

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.kills.death import Death
from tests.support.sandboxes import serve_in_thread

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_LONGEST: Final = 45.0
"""Seconds that any of it may take; more is a hang."""
_LONGEST_HOLD: Final = 4.0
_SLOW_BY_NATURE: Final = "trigger:hold=0.3"
HUNG: Final = -999


@dataclass(frozen=True)
class Left:
    """What a process left."""

    code: int
    stdout: str
    stderr: str
    file: str | None
    """The result file's content; None where there is none."""

    @property
    def reports(self) -> list[Any]:
        """The results that can be read, as JSON; None for one that is broken."""
        texts = [*self.stdout.splitlines()[-1:], *([self.file] if self.file else [])]
        return [_json(text) for text in texts if text.strip() and text.lstrip()[0] == "{"]


@dataclass(frozen=True)
class Died:
    """A death, and the truth about it."""

    death: Death
    moment: str
    """How far it had come, as its server knows."""
    seconds: float | None
    """From the signal to the end; None where it was not asked to end, or had ended before."""
    left: Left
    retry: Left | None
    jobs: list[tuple[int, str]]
    """Each job of the sandbox, and its status in the end."""
    triggers: int
    requests: int
    log: str

    @property
    def active(self) -> list[int]:
        """The jobs that are still active."""
        return [job for job, status in self.jobs if status in {"pending", "running", "incomplete"}]

    def story(self) -> str:
        """Tell it all."""
        parts = [str(self.death), f"it came {self.moment}; exit {self.left.code} "
                 f"after {self.seconds} s; jobs: {self.jobs}", self.log]  # fmt: skip
        for name, left in (("", self.left), ("retry: ", self.retry)):
            if left is not None:
                parts += [f"{name}exit {left.code}", f"{name}stdout: {left.stdout}",
                          f"{name}stderr:\n{left.stderr}", f"{name}file: {left.file}"]  # fmt: skip
        return "\n".join(parts)


def _json(text: str) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(text)
    except ValueError:
        return None


def die(death: Death) -> Died:
    """Play one death."""
    sandbox = Sandbox(SandboxConfig(airbyte_version=death.version))
    goes_on = death.signal is None
    life = (
        "pending 0.2, running 2, succeeded" if goes_on else "pending 0.2, running 90000, succeeded"
    )
    sandbox.add_connection("orders", script=JobScript(life=life))
    for spec in filter(None, (death.fault, _SLOW_BY_NATURE)):
        sandbox.faults.add(Fault.model_validate(spec))
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sandbox.clock.now()))
    with tempfile.TemporaryDirectory() as folder, serve_in_thread(sandbox) as url:
        first = _Process(death, sandbox, url, Path(folder), since=since)
        moment = first.come_to_moment()
        seconds = first.die()
        left, retry = first.end(), None
        if death.way.startswith("SIGKILL"):
            again = _Process(death, sandbox, url, Path(folder), since=since, name="retry")
            retry = again.end()
        _settle(sandbox)
        return Died(
            death=death,
            moment=moment,
            seconds=seconds(),
            left=left,
            retry=retry,
            jobs=[(job.id, job.status) for job in sandbox.jobs],
            triggers=len(sandbox.sent("trigger")),
            requests=len(sandbox.requests),
            log="\n".join(
                f"  {it.time - sandbox.clock.start:7.3f} {it.caller} {it.name} {it.fault or ''} "
                f"{it.answered}"
                for it in sandbox.requests
            ),
        )


def _settle(sandbox: Sandbox) -> None:
    """Let what is still held by the API take effect."""
    deadline = time.monotonic() + _LONGEST_HOLD
    while time.monotonic() < deadline and any(
        it.fault in {"hold", "late-job"} and not it.answered for it in sandbox.sent("trigger")
    ):
        time.sleep(0.05)


class _Process:
    """The program with its streams, as its death wants them."""

    def __init__(
        self,
        death: Death,
        sandbox: Sandbox,
        url: str,
        folder: Path,
        *,
        since: str,
        name: str = "first",
    ) -> None:
        self._death, self._sandbox, self._folder = death, sandbox, folder
        self._way = death.way if name == "first" else ""
        self._texts: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self._readers: dict[str, int] = {}
        self._threads: list[threading.Thread] = []
        self._file = folder / f"{name}.json"
        self._sent: float | None = None
        self._ended = 0.0
        disk = Path("/dev/full") if "result file on" in self._way else self._file
        argv = [sys.executable, "-m", "airbyte_sync_cli", "run", "--conn", "orders"]
        argv += ["--result-file", str(disk)]
        argv += ["--since", since] if death.way.startswith("SIGKILL") else []
        argv += ["--on-interrupt", "leave"] if death.leaves else []
        environ = {
            "PATH": os.environ["PATH"],
            "AIRBYTE_URL": url,
            "AIRBYTE_HEADERS": f"X-Sandbox-Caller: {name}",
        }
        with ExitStack() as stack:
            if self._way == "terminal is closed":
                argv, stdin, stdout, stderr = self._on_terminal(argv, stack)
            else:
                argv += ["-o", "json"]
                stdin = subprocess.DEVNULL
                stdout, stderr = (self._stream(each, stack) for each in ("stdout", "stderr"))
            self.process = subprocess.Popen(  # noqa: S603  # our own program
                argv, env=environ, cwd=_REPOSITORY, stdin=stdin, stdout=stdout, stderr=stderr,
                start_new_session=True,
            )  # fmt: skip
        self._began = time.monotonic()

    def _on_terminal(self, argv: list[str], stack: ExitStack) -> tuple[list[str], int, int, int]:
        reader, terminal = os.openpty()
        stack.callback(os.close, terminal)
        self._read("stdout", reader)
        # The leader of a session gets the first terminal that it opens as its own.
        script = f'exec "$@" <{os.ttyname(terminal)}'
        return ["/bin/sh", "-c", script, "sh", *argv], subprocess.DEVNULL, terminal, terminal

    def _stream(self, name: str, stack: ExitStack) -> int:
        if f"{name} on a full disk" in self._way:
            handle = os.open("/dev/full", os.O_WRONLY)
        elif "disk becomes full" in self._way:
            handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT)
        else:
            reader, handle = os.pipe()
            self._read(name, reader)
        stack.callback(os.close, handle)
        return handle

    def _read(self, name: str, reader: int) -> None:
        """Read a stream in the background, through a copy of the descriptor that may be closed."""
        self._readers[name] = reader
        thread = threading.Thread(target=self._collect, args=(name, reader))
        thread.start()
        self._threads.append(thread)

    def _collect(self, name: str, reader: int) -> None:
        os.set_blocking(reader, False)
        while name in self._readers:
            try:
                content = os.read(reader, 65536)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            except OSError:  # a terminal's end
                break
            if not content:
                break
            self._texts[name].append(content)
        os.close(reader)

    def come_to_moment(self) -> str:
        """Wait for the moment; return how far it has come."""
        deadline = time.monotonic() + _LONGEST
        while len(self._sandbox.requests) < self._death.after_requests:
            if self.process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.003)
        time.sleep(self._death.seconds)
        requests = self._sandbox.requests
        if self.process.poll() is not None:
            return "after its end"
        if not requests:
            return "before the first request"
        if not self._sandbox.sent("trigger"):
            return "before the trigger"
        is_under_way = requests[-1].name == "trigger" and not requests[-1].answered
        return "with the trigger under way" if is_under_way else "after the trigger"

    def die(self) -> Any:  # noqa: ANN401  # reads the seconds once it has ended
        """Do to it what its death says."""
        was_alive, way = self.process.poll() is None, self._way
        self._sent = time.monotonic()
        if "disk becomes full" in way:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        for name in ("stdout", "stderr"):
            if way in {f"reader of {name} leaves", "readers of both leave"}:
                self._readers.pop(name)
        if way == "terminal is closed":
            self._readers.pop("stdout")
        elif self._death.signal is not None:
            self.process.send_signal(self._death.signal)
        if way.startswith("SIGKILL"):
            self.process.send_signal(SIGKILL)
        if way.startswith("SIGSTOP"):
            self.process.send_signal(SIGSTOP)
            time.sleep(self._death.stopped_for)
            self.process.send_signal(SIGCONT)
        ends = was_alive and self._death.signal is not None
        return lambda: round(self._ended - self._sent, 3) if ends and self._sent else None

    def end(self) -> Left:
        """Wait for its end."""
        try:
            code = self.process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = HUNG
        self._ended = time.monotonic()
        for thread in self._threads:
            thread.join(10)
        texts = {name: b"".join(parts).decode() for name, parts in self._texts.items()}
        with suppress(OSError):  # only a disk that becomes full has files
            texts = {name: (self._folder / name).read_text("utf-8") for name in texts}
        file = self._file.read_text("utf-8") if self._file.exists() else None
        return Left(code, texts["stdout"], texts["stderr"], file)
