"""What came over the wire, kept for whoever wants to check it."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers, QueryParams

from airbyte_sync_cli.sandbox.call import Call
from airbyte_sync_cli.sandbox.refusals import Unreadable


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. `time` is simulated epoch seconds, `name` as faults know it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float
    name: str
    caller: str
    """Who sent it, as the request says of itself: see `app.CALLER`."""
    fault: str | None = None
    """The action of the fault that hit it."""
    answered: list[int] = field(default_factory=list, compare=False)
    """The status of the answer that the server made; empty while there is none."""

    @property
    def json(self) -> dict[str, object] | None:
        """The body as a JSON object, or None."""
        try:
            return Call("", "", {}, QueryParams(), Headers(), self.body).json()
        except Unreadable:
            return None
