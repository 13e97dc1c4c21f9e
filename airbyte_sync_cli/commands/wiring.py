"""The outside world, as one argument: `__main__` hands in the real one, tests another."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.fast_dataclass import dataclass

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.http import Transport
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.output.options import OutputOptions
    from airbyte_sync_cli.output.output import Output


class Ask(Protocol):
    """Asks the person at the terminal a question."""

    def __call__(self, question: str, *, hidden: bool) -> str:
        """Return the answer without blanks at its ends; `hidden` does not show what is typed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Everything outside the program that it reads or writes.

    The package below `__main__` reads neither `os.environ` nor the wall clock nor `random`, and
    knows no other streams: ruff's banned-api in pyproject.toml holds that, with its exceptions.
    """

    environ: Mapping[str, str]
    clock: "Clock"
    """Time, sleep and jitter."""
    stdout: TextIO | None
    """None: the descriptor was closed (`>&-`)."""
    stderr: TextIO | None
    signals: Signals
    root: Path = Path("/")
    """Where the folders of Airflow's sidecar and the termination log of Kubernetes are."""
    transport: "Transport | None" = None
    """None is the network."""
    ask: Ask | None = None
    """None without a terminal: then nothing is asked."""
    open_browser: Callable[[str], object] | None = None
    """Opens an address in a browser; None where there is none."""

    def output(self, command: str | None, options: "OutputOptions") -> "Output":
        """Make the owner of the streams for one command."""
        from airbyte_sync_cli.output.output import Output  # noqa: PLC0415  # --help needs none

        return Output(
            command,
            options,
            environ=self.environ,
            clock=self.clock,
            stdout=self.stdout,
            stderr=self.stderr,
            root=self.root,
        )
