"""Airbyte's two APIs: the only place that knows httpx, endpoints, and wire models.

Start with `client.py`; it uses `public_api.py` and `config_api.py`, which send their requests
through `http.py`. A trigger's response is judged in `trigger_response.py`.
"""

import sys

# httpx imports its command line (click, rich, pygments, markdown) if those are installed: half the
# time of `import httpx` (40 ms) and 6 MiB. It works without it; None makes that import fail.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # typed as modules only
