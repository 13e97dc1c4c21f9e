"""Store the figures of `make fuzz`, `matrix`, `mends`, `kills`, `soak` and `bench`."""

import json
from pathlib import Path
from typing import Final

FIGURES: Final = Path(__file__).resolve().parent.parent / "docs" / "reliability.json"
_WIDTH: Final = 99
"""Columns: a longer table of tables gets a line per row."""


def store(key: str, figures: object) -> None:
    """Store figures in place of older ones of the same kind."""
    stored = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.write_text(f"{rows({**stored, key: figures})}\n", encoding="utf-8")
    print(f"wrote {FIGURES.name}; `make docs` updates the documents")


def rows(value: object, *, depth: int = 0) -> str:
    """Format JSON with a line per row."""
    line = json.dumps(value)
    if not isinstance(value, dict | list):
        return line
    parts_of = list(value.values()) if isinstance(value, dict) else value
    is_row = not any(isinstance(part, dict | list) for part in parts_of)
    if depth and (is_row or len(line) + depth <= _WIDTH):
        return line
    margin = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {rows(one, depth=depth + 1)}" for key, one in value.items()]
    else:
        parts = [rows(one, depth=depth + 1) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}{margin}{f',{margin}'.join(parts)}{margin[:-1]}{end}"
