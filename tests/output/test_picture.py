"""The pictures in the documents are drawn by the program."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "shown"), [("live-view", "billing"), ("status", "suppliers")])
def test_picture_equals_what_the_code_draws(name: str, shown: str) -> None:
    render = "runpy.run_path('docs/render_live_view.py')['render']()"
    drawn = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", f"import runpy; print({render}[{name!r}], end='')"],
        cwd=REPOSITORY,
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=30,
    ).stdout

    kept = (REPOSITORY / "docs" / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == kept, "run `make docs`"
    assert shown in kept
