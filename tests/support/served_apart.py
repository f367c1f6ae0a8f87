"""The server in a thread of its own, for browsers that a test drives without a loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.served import Served


@contextmanager
def served_apart(here: Served) -> Iterator[str]:
    """Serves until left; gives the address."""
    ready, done = threading.Event(), threading.Event()

    async def work() -> None:
        async with served(here):
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{here.port}"
    finally:
        done.set()
        thread.join()
