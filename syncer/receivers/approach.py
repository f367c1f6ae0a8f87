"""From a URL to a connection that may be made: look up once, check every address, connect to what was checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.receivers.verdicts import Failure, Verdict
from syncer.receivers.wire import Link

if TYPE_CHECKING:
    import ssl

    from syncer.receivers.addresses import Fence
    from syncer.receivers.resolving import Resolver
    from syncer.receivers.targets import Origin
    from syncer.receivers.wire import Reach


@dataclass(frozen=True, slots=True)
class Means:
    """What receivers are asked with; `context` is our side of TLS."""

    reach: Reach
    fence: Fence
    context: ssl.SSLContext
    resolver: Resolver

    def link(self, origin: Origin, addresses: tuple[str, ...]) -> Link:
        """Connections to addresses of an origin; the caller closes them."""
        return Link(origin, addresses, self.reach, self.context)


async def addresses(origin: Origin, means: Means) -> tuple[str, ...] | Failure:
    """Every address of an origin, all of them allowed.

    One forbidden address among others is enough to refuse: whoever owns the name could put it first at any time.
    """
    try:
        async with asyncio.timeout(means.reach.deadline):
            found = await means.resolver.addresses(origin.host, origin.port)
    except TimeoutError:
        return Failure(Verdict.NOT_RESOLVED, f"the name was not looked up within {means.reach.deadline:g} s")
    if isinstance(found, Failure):
        return found
    if not found:
        return Failure(Verdict.NO_SUCH_NAME, "the name has no address")
    for address in found:
        if refusal := means.fence.refusal(address):
            return Failure(Verdict.NOT_PUBLIC, f"{address} is {refusal}")
    return found
