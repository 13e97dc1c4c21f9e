"""`airbyte-sync demo` from start to end, which takes about 12 seconds."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "airbyte-sync"


def test_demo_runs_three_syncs_and_prints_commands_that_fit_80_columns() -> None:
    done = subprocess.run(  # noqa: S603  # our own program
        [PROGRAM, "demo"],
        env={"PATH": "/usr/bin:/bin"},
        cwd=PROGRAM.parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "2 of 3 ok" in done.stdout
    assert "The API key was rejected" in done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[4:]), "wider than a terminal"
    typed = PROGRAM.relative_to(PROGRAM.parents[2])
    assert f"\n  {typed} run --conn orders\n" in done.stdout, "it is not on that PATH"
