"""The edge: Typer. A command parses, calls, and reports."""
