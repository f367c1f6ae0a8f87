"""What an election needs of the API server, and of those who have something to say in the lease."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from structlog.typing import FilteringBoundLogger

    from syncer.clock import BootClock, Clock
    from syncer.cluster.lease import Lease


class Leases(Protocol):
    """The Lease at the API server; each raises ClusterError."""

    async def read(self) -> Lease | None:
        """As it is, None where there is none."""

    async def create(self, body: dict[str, Any]) -> Lease:
        """A new one; ConflictError where there is one."""

    async def replace(self, body: dict[str, Any]) -> Lease:
        """The next version of it; ConflictError where the version has moved."""


class Carried(Protocol):
    """What the lease carries besides: all may read and write files, and are called in a thread."""

    def objection(self, annotations: Mapping[str, str], *, leads: bool) -> str:
        """Why this process must not lead, or go on to, seeing what the lease carries; else an empty text.

        Called before the lease is taken: what a leader has to know it knows when this returns.
        """

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:
        """Annotations to set, or to take out (None), with the next version."""

    def saw(self, annotations: Mapping[str, str]) -> None:
        """What the lease carries after each step that went well, whoever leads."""


class Nothing:
    """Carries nothing."""

    def objection(self, annotations: Mapping[str, str], *, leads: bool) -> str:  # noqa: ARG002 -- the protocol's
        """None."""
        return ""

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:  # noqa: ARG002 -- the protocol's
        """None."""
        return {}

    def saw(self, annotations: Mapping[str, str]) -> None:
        """Nothing to remember."""


@dataclass(frozen=True, slots=True)
class Around:
    """What an elector takes from the process around it; `name` is NAMESPACE/NAME of the lease."""

    name: str
    identity: str
    clock: Clock
    boot: BootClock
    rng: Random
    log: FilteringBoundLogger
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
