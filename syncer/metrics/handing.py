"""Hands the exposition to those who do not come for it: a text file, a Pushgateway."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import certifi

from syncer.errors import SyncerError

if TYPE_CHECKING:
    from pathlib import Path

READABLE: Final = 0o644  # the collector is another user
DEADLINE: Final = 10.0
"""Seconds for a whole push."""
PORTS: Final = {"http": 80, "https": 443}


def write(path: Path, text: bytes) -> None:
    """Replace the file in one step, so that nobody reads half of it; SyncerError where that can't be done."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")  # collectors look at *.prom and at nothing hidden
    try:
        fresh.unlink(missing_ok=True)
        with fresh.open("xb") as file:  # no link that somebody else has put there is followed
            file.write(text)
        fresh.chmod(READABLE)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        hint = "make the folder writable for this user, or name another metrics.file"
        raise SyncerError(f"{path} can't be written: {error.strerror}", hint=hint) from error


async def push(gateway: str, job: str, text: bytes, deadline: float = DEADLINE) -> None:
    """Give metrics to a Pushgateway, where they take the place of those of the same name; SyncerError otherwise.

    What this process can't say (a last success, after a failure) stays there as it was: hence POST, not PUT.
    No proxy, no redirect; https is checked against the public authorities.
    """
    try:
        async with asyncio.timeout(deadline):
            status = await _posted(gateway, f"/metrics/job/{job}", text)
    except TimeoutError as error:
        raise SyncerError(f"{gateway} did not answer within {deadline:g} s", hint="check metrics.push") from error
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
        raise SyncerError(f"{gateway} can't be reached: {why}", hint="check metrics.push and the network") from error
    if not 200 <= status < 300:
        raise SyncerError(f"{gateway} answered {status}", hint="is it a Pushgateway?")


async def _posted(gateway: str, path: str, text: bytes) -> int:
    """The status of the answer; 0 where it is no HTTP."""
    url = urlsplit(gateway)
    secure = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname, url.port or PORTS[url.scheme], ssl=_context() if secure else None
    )
    head = (
        f"POST {url.path}{path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: text/plain; version=0.0.4\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode("ascii") + text)
        await writer.drain()
        words = (await reader.readline()).split()
    finally:
        writer.transport.abort()  # the status is all that was wanted
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else 0


def _context() -> ssl.SSLContext:
    """As for the vendor: nothing of the environment says which authorities are trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=certifi.where())
    return context
