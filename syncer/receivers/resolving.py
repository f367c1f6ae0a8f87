"""Names become addresses, once per host; what comes out is what gets checked and connected to."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, Protocol

from syncer.receivers.verdicts import Failure, Verdict

MISSING = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class Resolver(Protocol):
    """What looks a name up."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Failure:
        """Every address of a host as text, best first, or why there is none."""


class SystemResolver:
    """The machine's resolver, in a thread that may be left behind: a lookup can't be cancelled."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Failure:
        """Every address of a host, in the system's order."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[str, ...] | Failure] = loop.create_future()

        def look() -> None:
            found = _looked_up(host, port)
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, found)

        threading.Thread(target=look, daemon=True).start()
        return await answer


def _settle(answer: asyncio.Future[Any], found: tuple[str, ...] | Failure) -> None:
    if not answer.done():
        answer.set_result(found)


def _looked_up(host: str, port: int) -> tuple[str, ...] | Failure:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        missing = error.errno in MISSING
        verdict = Verdict.NO_SUCH_NAME if missing else Verdict.NOT_RESOLVED
        return Failure(verdict, "no such host name" if missing else f"the name can't be looked up: {error.strerror}")
    except (OSError, UnicodeError):
        return Failure(Verdict.NOT_RESOLVED, "the name can't be looked up")
    return tuple(dict.fromkeys(str(row[4][0]) for row in rows))
