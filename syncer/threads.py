"""Work in threads, and tasks, that never outlive whoever waits for them.

`asyncio.to_thread` leaves its thread behind when its caller is cancelled. It then goes on to use what the caller lets
go of next: a database (SQLite ends the process for that), a lock, a folder that is another process's by now.
"""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], /, *args: P.args, **more: P.kwargs) -> T:
    """The work's result, made in a thread; whoever is cancelled meanwhile first waits for its end.

    For what takes no longer than somebody who wants to stop can wait; `interruptible` for the rest.
    """
    return await interruptible(lambda: None, partial(work, *args, **more))


async def interruptible(interrupt: Callable[[], object], work: Callable[[], T]) -> T:
    """As `in_thread`; `interrupt` is called when the caller is cancelled, and lets the work end soon."""
    context = contextvars.copy_context()
    running = asyncio.get_running_loop().run_in_executor(None, context.run, work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
            interrupt()
    if cancelled is None:
        return running.result()
    running.exception()  # nobody is left to be told of it
    raise cancelled


async def unless(stop: asyncio.Event, work: Awaitable[T], stopped: Callable[[], Exception]) -> T:
    """The work's result, or what `stopped` makes raised once the event is set: the work is broken off, to its end."""
    task, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise stopped()
        return await task
    finally:
        await end((asked, task))


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait until they have ended; nobody is told what they raise."""
    ending = tuple(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
