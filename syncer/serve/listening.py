"""Accepts connections in the running loop with uvicorn's protocol, and without its server: that one owns signals."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from uvicorn import Config
from uvicorn.server import ServerState

from syncer.errors import UsageError
from syncer.serve.connection import Crowd, TimedProtocol
from syncer.serve.guard import LARGEST_HEAD
from syncer.threads import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

GRACE: Final = 2.0
"""Seconds that answers under way get when the daemon ends."""
KEEP_ALIVE: Final = 5
BACKLOG: Final = 1024


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int, crowd: Crowd | None = None) -> AsyncIterator[str]:
    """Serves `app` until left, and gives the address (`http://host:port`; port 0 takes a free one).

    UsageError where the address can't be had.
    """
    config = Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    config.load()
    state, loop, bounds = ServerState(), asyncio.get_running_loop(), crowd or Crowd()
    try:
        server = await loop.create_server(
            lambda: TimedProtocol(config, state, loop, bounds), host, port, backlog=BACKLOG
        )
    except OSError as error:
        raise UsageError(
            f"can't listen on {host}:{port}: {error.strerror or error}",
            hint="name another address in serve.listen (SYNCER_SERVE_LISTEN), or `none` for no server",
        ) from error
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await _drained(state, bounds)


async def _drained(state: ServerState, crowd: Crowd) -> None:
    """Connections without a whole request end at once, answers under way have a moment; nobody holds up the end."""
    for waiting in list(crowd.waiting):
        waiting.cut()
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        await asyncio.wait(list(state.tasks), timeout=GRACE)
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        await asyncio.wait(list(state.tasks), timeout=GRACE)
    await end(state.tasks)  # what they use is let go of next
