"""The picture in the README is drawn by the program."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_picture_equals_what_the_code_draws() -> None:
    code = "import runpy; print(runpy.run_path('docs/render_live_view.py')['render'](), end='')"
    drawn = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=30,
    ).stdout

    kept = (REPOSITORY / "docs" / "live-view.svg").read_text(encoding="utf-8")
    assert drawn == kept, "run `make docs`"
    assert "billing" in kept
