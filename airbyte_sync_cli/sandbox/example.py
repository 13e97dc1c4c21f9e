"""A scenario that shows every key, for people who have no documents at hand."""

from importlib.resources import files


def example_scenario() -> str:
    """Read the example: a valid scenario file with comments."""
    return files(__package__).joinpath("example.toml").read_text(encoding="utf-8")
