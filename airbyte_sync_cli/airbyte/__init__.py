"""Airbyte as it is: the only place that knows httpx, endpoints, and wire models."""
