"""Airbyte as it is: the only place that knows httpx, endpoints, and wire models."""

import sys

# httpx would load its own command line (rich, pygments, markdown) where those are installed:
# 40 ms and 8 MiB that nothing here uses. It copes with not finding it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None means "not there"
