"""What an election needs of the API server, and of those who have something to say in the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """What the lease carries besides: both may read files, and are called in a thread."""

    def objection(self, annotations: Mapping[str, str]) -> str:
        """Why this process must not lead, seeing what the lease carries; else an empty text."""

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:
        """Annotations to set, or to take out (None), with the next version."""


class Nothing:
    """Carries nothing."""

    def objection(self, annotations: Mapping[str, str]) -> str:  # noqa: ARG002 -- the protocol's
        """None."""
        return ""

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:  # noqa: ARG002 -- the protocol's
        """None."""
        return {}
