"""The dataclasses of the program behave as those of the standard library, but are made faster."""

import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any

import pytest

from airbyte_sync_cli import fast_dataclass

Maker = Callable[..., Any]


def point(make: Maker, **options: bool) -> Any:  # noqa: ANN401  # a class that is made here
    @make(**options)
    class Point:
        x: int
        y: list[int] = field(default_factory=list)
        secret: str = field(default="s", repr=False)
        cached: int = field(default=0, compare=False)

    return Point


def spelt(make: Maker) -> Any:  # noqa: ANN401  # as above
    @make(frozen=True)
    class Spelt:  # noqa: PLW1641  # what a dataclass does about it is tested
        """Documented."""

        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Spelt) and self.name.lower() == other.name.lower()

        def __repr__(self) -> str:
            return f"<{self.name}>"

    return Spelt


OPTIONS = [
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"eq": False},
    {"frozen": True, "eq": False},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_equality_text_and_fields_are_those_of_the_standard_library(
    options: dict[str, bool],
) -> None:
    ours, theirs = (
        point(fast_dataclass.dataclass, **options),
        point(dataclasses.dataclass, **options),
    )
    values: list[dict[str, Any]] = [
        {"x": 1}, {"x": 1, "cached": 5}, {"x": 2}, {"x": 1, "secret": "t"}, {"x": 1, "y": [3]},
    ]  # fmt: skip
    for one in values:
        assert repr(ours(**one)) == repr(theirs(**one))
        for two in values:
            assert (ours(**one) == ours(**two)) == (theirs(**one) == theirs(**two))
    assert ours(x=1) != theirs(x=1)
    assert [each.name for each in fields(ours)] == [each.name for each in fields(theirs)]
    assert replace(ours(x=1), x=2).x == 2
    assert hasattr(ours(x=1), "__dict__") == hasattr(theirs(x=1), "__dict__")
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)


def test_equal_frozen_values_have_one_hash() -> None:
    ours = point(fast_dataclass.dataclass, frozen=True)

    one, same, other = ours(1, (), "s"), ours(1, (), "s", cached=9), ours(1, (), "t")

    assert {one, same, other} == {one, other}
    assert hash(one) == hash(same)


def test_methods_of_the_class_are_kept() -> None:
    ours, theirs = spelt(fast_dataclass.dataclass), spelt(dataclasses.dataclass)

    assert ours("A") == ours("a")
    assert repr(ours("A")) == repr(theirs("A")) == "<A>"
    assert ours.__doc__ == "Documented."
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)


@fast_dataclass.dataclass(frozen=True, slots=True)
class Parent:
    name: str


@fast_dataclass.dataclass(frozen=True, slots=True)
class Child(Parent):
    age: int = 3


def test_subclass_has_all_fields_and_is_not_its_parent() -> None:
    assert Child("a") == Child("a", 3)
    assert Child("a") != Child("a", 4)
    assert Child("a") != Parent("a")
    assert repr(Child("a")) == "Child(name='a', age=3)"
    assert pickle.loads(pickle.dumps(Child("a"))) == Child("a")  # noqa: S301  # our own bytes
