"""Start Airbyte syncs, wait for them, and report their real outcome."""

__version__ = "0.1.0"
