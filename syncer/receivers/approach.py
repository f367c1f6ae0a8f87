"""From a URL to a connection that may be made: look up once, check every address, connect to what was checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncer.receivers.addresses import Fence
from syncer.receivers.resolving import SystemResolver
from syncer.receivers.verdicts import Failure, Verdict
from syncer.receivers.wire import Link, Reach, tls_context

if TYPE_CHECKING:
    import ssl

    from syncer.receivers.resolving import Resolver
    from syncer.receivers.targets import Origin


@dataclass(frozen=True, slots=True)
class Means:
    """What receivers are asked with. Making it reads the authorities' file; UsageError where that fails."""

    reach: Reach = field(default_factory=Reach)
    fence: Fence = field(default_factory=Fence)
    resolver: Resolver = field(default_factory=SystemResolver)
    context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "context", tls_context(self.reach.ca_file))

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
