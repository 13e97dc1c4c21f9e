"""`dataclass` as in `dataclasses`, but a class is made in a quarter of the time.

For a frozen dataclass of six fields the standard library compiles six functions, which takes 1 ms
(CPython 3.11 to 3.13). A `status` needs a hundred such classes: a sixth of its time. Here only
`__init__` is compiled, and the other methods are shared by all classes.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  # exported
else:

    def dataclass(
        cls: type | None = None, /, *, eq: bool = True, frozen: bool = False, **options: bool
    ) -> type | Callable[[type], type]:
        """Make a dataclass. A frozen one is hashable; only type checkers prevent a change."""
        if cls is None:
            return partial(dataclass, eq=eq, frozen=frozen, **options)
        # Otherwise it would be the signature, which takes as long as the rest.
        cls.__doc__ = cls.__doc__ or cls.__name__
        own = cls.__dict__
        methods = {"__repr__": _repr}
        if eq:
            methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        made = dataclasses.dataclass(eq=False, repr=False, **options)(cls)
        for name, method in methods.items():
            if own.get(name) is None:
                setattr(made, name, method)
        return made

    def _repr(self: object) -> str:
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in _fields(self) if one.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _eq(self: object, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _compared(self) == _compared(other)

    def _hash(self: object) -> int:
        return hash(_compared(self))

    def _compared(self: object) -> tuple[object, ...]:
        return tuple([getattr(self, one.name) for one in _fields(self) if one.compare])

    _fields = dataclasses.fields
