"""Bodies of requests, never more of one than is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.serve.answers import Refused

if TYPE_CHECKING:
    from starlette.requests import Request


async def read(request: Request, most: int) -> bytes:
    """The whole body; Refused as soon as it is longer than `most` bytes, or says that it will be.

    How long it may take is the connection's business. Raises ClientDisconnect when the client goes away.
    """
    told = request.headers.get("content-length", "0")
    if int(told) > most:  # h11 has seen to it that it is a number
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _too_large(most: int) -> Refused:
    return Refused(413, f"more than {most} bytes")
