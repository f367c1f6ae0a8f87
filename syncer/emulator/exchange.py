"""One request on its way through the faults to the handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from syncer.emulator.fields import Settings
from syncer.emulator.replies import Reply

if TYPE_CHECKING:
    from syncer.emulator.modes import PutSemantics
    from syncer.emulator.records import AppKey, Snapshot
    from syncer.emulator.store import Store
    from syncer.emulator.wire import Wire

Proceed: TypeAlias = Callable[[], Awaitable[Reply]]
Rewrite: TypeAlias = Callable[[Settings, Settings], Settings]


class Route(StrEnum):
    """The documented resources."""

    SETTINGS = "settings"
    TOKEN = "token"  # noqa: S105 -- the name of a resource
    APPS = "apps"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. `key` is empty outside the settings resource; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    route: Route
    key: AppKey
    started_ns: int


@dataclass(slots=True)
class Exchange:
    """A request with everything that faults may bend before and after the handler sees it.

    rewrites: what the vendor makes of the settings of a PUT, given the old and the new ones.
    discard: answer the PUT as if it were stored, and don't store it.
    ignore_unknown: drop unknown names from a PUT instead of refusing it.
    shown: what a read shows instead of the truth.
    """

    request: Request
    store: Store
    wire: Wire
    stopping: asyncio.Event
    semantics: PutSemantics
    rewrites: list[Rewrite] = field(default_factory=list)
    discard: bool = False
    ignore_unknown: bool = False
    shown: Snapshot | None = None
    committed: int | None = None

    async def pause(self, seconds: float) -> None:
        """Wait, client there or not (a slow vendor still commits); cut short when the emulator stops."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    def rewrite(self, before: Settings, after: Settings) -> Settings:
        """Apply every rewriting in the order in which the faults were named."""
        for step in self.rewrites:
            after = step(before, after)
        return after
