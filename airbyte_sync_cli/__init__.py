"""Start Airbyte syncs, wait for them, and tell the truth about them."""

__version__ = "0.1.0"
