"""The connection under a request. ASGI can't reset a connection or break HTTP; a fault has to.

`WireProtocol` is uvicorn's h11 protocol that hands its transport to the application in the lifespan state.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Scope


class Wire:
    """One client connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.closed = asyncio.Event()

    async def reset(self) -> None:
        """Send a TCP reset: the client sees ECONNRESET, never a clean end."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self.closed.wait()

    async def cut_off(self, data: bytes) -> None:
        """Send bytes past HTTP's own checks, then close."""
        self._transport.write(data)
        self._transport.close()
        await self.closed.wait()


class WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the connection reachable as `scope["state"]["wire"]`."""

    wire: Wire

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Remember the transport for the requests of this connection."""
        super().connection_made(transport)
        self.wire = Wire(transport)
        self.app_state = {**self.app_state, "wire": self.wire}

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for the client to go away."""
        self.wire.closed.set()
        super().connection_lost(exc)


def wire_of(scope: Scope) -> Wire:
    """The connection of a request that came through WireProtocol."""
    wire: Wire = scope["state"]["wire"]
    return wire
