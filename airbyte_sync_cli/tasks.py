"""Several things at the same time, of which none is left behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def gather(*works: Coroutine[Any, Any, _T]) -> list[_T]:
    """Do all at once and return what each returns, in order.

    The first error cancels the others and is raised as itself. `asyncio.gather` would let them
    go on, asking a server for nobody.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors.exceptions[0].__cause__
    return [task.result() for task in tasks]
