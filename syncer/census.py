"""Which apps the vendor has that git does not declare: asked beside a pass, told with its report, never acted on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.errors import StoppedError, SyncerError
from syncer.model.live import Unlisted, Unmanaged
from syncer.reconcile import Reconciler
from syncer.threads import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from syncer.model.desired import AppRef
    from syncer.model.live import Listed
    from syncer.model.outcome import AppStatus, SyncReport
    from syncer.parts import Ask, Parts
    from syncer.settings import Settings
    from syncer.vendor.client import ReadClient

    Found = tuple[tuple[Listed, ...], tuple[Unlisted, ...]]


async def listed(vendor: ReadClient, settings: Settings) -> Found:
    """The apps of every customer whose token is configured, and the customers whose apps nobody could list.

    Each customer is asked once, all at the same time, within the deadline of one request.
    """

    async def ask(customer: str) -> tuple[Listed, ...] | Unlisted:
        try:
            return await vendor.listed(customer, tokens[customer])
        except SyncerError as error:
            return Unlisted(customer, error.message, error.hint)
        except Exception as error:  # noqa: BLE001 -- a list is never worth the report of a pass that has written
            return Unlisted(
                customer, f"the list failed: {type(error).__name__}", "this is a defect of syncer: report it"
            )

    tokens = dict(settings.vendor.customer_tokens)
    answers = await asyncio.gather(*map(ask, tokens))
    apps = tuple(app for answer in answers if not isinstance(answer, Unlisted) for app in answer)
    return apps, tuple(answer for answer in answers if isinstance(answer, Unlisted))


def unmanaged(found: Found, declared: Iterable[AppRef]) -> Unmanaged:
    """What of it git does not declare."""
    apps, unlisted = found
    known = frozenset(declared)
    return Unmanaged(tuple(app for app in apps if app.ref not in known), unlisted)


class Census(Reconciler):
    """Passes whose report names what git does not declare; what the list costs or says changes nothing of a pass."""

    def __init__(
        self,
        parts: Parts,
        previous: Mapping[AppRef, AppStatus],
        listing: Callable[[], Awaitable[Found]],
        declared: Callable[[], Iterable[AppRef]],
    ) -> None:
        super().__init__(parts, previous)
        self._listing = listing
        self._declared = declared

    async def run(self, ask: Ask) -> SyncReport:
        """One pass as the reconciler makes it, and the list beside it; whoever asks to stop gets the report without."""
        listing = asyncio.ensure_future(self._listing())
        try:
            report = await super().run(ask)
            try:
                found = await self._until_stopped(listing)
            except StoppedError:
                return report
            return replace(report, unmanaged=unmanaged(found, self._declared()))
        finally:
            await end([listing])
