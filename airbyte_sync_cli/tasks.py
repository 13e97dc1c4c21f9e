"""Concurrent tasks that all end before the caller continues."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_U = TypeVar("_U")


async def gather(*works: Coroutine[Any, Any, _T]) -> list[_T]:
    """Run all concurrently, and return their results in order.

    The first error cancels the others and is raised, not wrapped in a group. `asyncio.gather`
    would leave them running.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        # `from None` would drop the error's own cause, a bare `raise` would show the group.
        raise errors.exceptions[0] from errors.exceptions[0].__cause__
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, _T], second: Coroutine[Any, Any, _U]) -> tuple[_T, _U]:
    """Run two concurrently, as `gather` does, and keep the types of their results."""
    results: list[Any] = await gather(first, second)
    return results[0], results[1]
