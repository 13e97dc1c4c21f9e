"""Makes a failing scenario small: takes away whatever it fails without."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Final, TypeVar

from tests.fuzz.scenario import Attempt, Process, Scenario

T = TypeVar("T")
MOST_TRIES: Final = 400


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Find a smaller scenario that still fails, by one change at a time."""
    tries = 0
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(scenario):
            tries += 1
            if tries > MOST_TRIES:
                return scenario
            if candidate != scenario and fails(candidate):
                scenario, is_smaller = candidate, True
                break
    return scenario


def _smaller(it: Scenario) -> Iterator[Scenario]:
    """Suggest changes, the largest first."""
    yield from (replace(it, processes=some) for some in _without_one(it.processes) if some)
    yield from (replace(it, strangers=some) for some in _without_one(it.strangers))
    yield from (replace(it, faults=some) for some in _without_one(it.faults))
    yield from _usual(it, ("seed", "faults", "processes", "strangers", "jobs"))
    yield from (replace(it, jobs=some) for some in _without_one(it.jobs) if some)
    if it.starts_every is not None:
        yield replace(it, starts_every=None, starts_after=0.0)
    for index, process in enumerate(it.processes):
        for one in _smaller_process(process):
            yield replace(it, processes=_with(it.processes, index, one))
    for index, stranger in enumerate(it.strangers):
        rounded = (replace(stranger, at=round(stranger.at, digits)) for digits in (0, 1))
        yield from (replace(it, strangers=_with(it.strangers, index, one)) for one in rounded)


def _smaller_process(it: Process) -> Iterator[Process]:
    for attempts in _without_one(it.attempts):
        if attempts:
            yield replace(it, attempts=attempts)
    for lines in _without_one(it.lines):
        yield replace(it, lines=lines)
    yield from _usual(it, ("name", "attempts", "lines"))
    yield replace(it, attempts=(*it.attempts[:-1], Attempt()))
    for digits in (0, 1):
        yield replace(
            it,
            at=round(it.at, digits),
            skew=round(it.skew, digits),
            attempts=tuple(
                replace(each, after=round(each.after, digits), pause=round(each.pause, digits))
                for each in it.attempts
            ),
        )


def _usual(it: T, besides: tuple[str, ...]) -> Iterator[T]:
    """Set one field at a time to what it usually is."""
    for each in fields(it):  # type: ignore[arg-type]  # a dataclass
        if each.name not in besides and getattr(it, each.name) != each.default:
            yield replace(it, **{each.name: each.default})  # type: ignore[type-var]  # the same


def _with(parts: tuple[T, ...], index: int, part: T) -> tuple[T, ...]:
    return (*parts[:index], part, *parts[index + 1 :])


def _without_one(parts: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for index in range(len(parts)):
        yield (*parts[:index], *parts[index + 1 :])
