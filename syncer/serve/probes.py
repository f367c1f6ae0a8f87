"""`/livez`, `/readyz`, `/startupz`: whether the process should be restarted, used, waited for.

None of them depends on git or the vendor: an outage there must not take a Pod (or the application that syncer is a
sidecar of) out of service. `?verbose` and the metrics say how those fare.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

from syncer.serve.ports import Check

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from syncer.clock import Clock
    from syncer.serve.ports import Health

BEAT: Final = 1.0
"""Seconds between two signs of life."""
STUCK: Final = 10.0
"""Seconds without one after which the loop counts as stuck."""


class Heartbeat:
    """When the event loop last came round."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()

    async def beat(self) -> None:
        """Until cancelled."""
        while True:
            self._last = self._clock.monotonic()
            await asyncio.sleep(BEAT)

    def check(self) -> Check:
        """Whether it came round lately."""
        age = self._clock.monotonic() - self._last
        return Check("loop", age < STUCK, f"came round {age:.1f} s ago")


class Probes:
    """The three of them."""

    def __init__(self, health: Health, heartbeat: Heartbeat) -> None:
        self._health = health
        self._heartbeat = heartbeat

    async def live(self, request: Request) -> Response:
        """The loop goes round."""
        return self._answer(request, self._heartbeat.check())

    async def ready(self, request: Request) -> Response:
        """There is a first verdict, and no end in sight."""
        return self._answer(request, self._judged(), Check("running", not self._health.stopping, "not asked to stop"))

    async def started(self, request: Request) -> Response:
        """There is a first verdict."""
        return self._answer(request, self._judged())

    def _judged(self) -> Check:
        return Check("first-verdict", self._health.judged, "a pass of this process has ended")

    def _answer(self, request: Request, *decisive: Check) -> Response:
        good = all(check.good for check in decisive)
        text = "ok\n" if good else "not ok\n"
        if "verbose" in request.query_params:
            others = [(check, "shown, not counted: ") for check in self._health.checks()]
            lines = [_line(check, note) for check, note in [*((check, "") for check in decisive), *others]]
            text = "".join(lines) + text
        return PlainTextResponse(text, 200 if good else 503)


def _line(check: Check, note: str) -> str:
    return f"[{'+' if check.good else '-'}] {check.name}: {note}{check.detail}\n"
