"""Which faults are on: for everybody, for one app, for one request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING

from syncer.emulator.exchange import Request, Route
from syncer.emulator.faults.fault import Picked, parse_faults
from syncer.emulator.faults.table import FAULTS

if TYPE_CHECKING:
    from syncer.emulator.records import AppKey

HEADER = "x-emulator-fault"


@dataclass(frozen=True, slots=True)
class Standing:
    """A fault that stays on until cleared or spent.

    app: the only app concerned, or None for all. route: the resource concerned.
    after: how many requests pass before it fires. times: how often it fires, None for ever.
    """

    picked: Picked
    app: AppKey | None = None
    route: Route = Route.SETTINGS
    after: int = 0
    times: int | None = None
    number: int = 0
    met: int = 0

    def concerns(self, request: Request) -> bool:
        """Whether the request is one that this fault counts."""
        if request.route is not self.route or not self.picked.meets(request.method):
            return False
        return self.app is None or self.app == request.key

    def fires(self) -> bool:
        """Whether the request just counted is one it spoils."""
        return self.met > self.after and (self.times is None or self.met <= self.after + self.times)


class FaultBoard:
    """The standing faults, and the counters of those asked for by header."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._standing: list[Standing] = []
        self._headers: Counter[tuple[str, AppKey]] = Counter()
        self._number = 0

    def set(
        self,
        text: str,
        *,
        app: AppKey | None = None,
        route: Route = Route.SETTINGS,
        after: int = 0,
        times: int | None = None,
    ) -> tuple[int, ...]:
        """Switch faults on; returns a number for each, by which it can be cleared. Raises FaultError."""
        picked = parse_faults(text, FAULTS)
        with self._lock:
            numbers = []
            for one in picked:
                self._number += 1
                numbers.append(self._number)
                self._standing.append(Standing(one, app, route, after, times, self._number))
            return tuple(numbers)

    def clear(self, *, number: int | None = None, app: AppKey | None = None) -> int:
        """Switch off one fault, those of one app, or all; how many there were."""
        with self._lock:
            kept = [one for one in self._standing if not _matches(one, number, app)]
            cleared = len(self._standing) - len(kept)
            self._standing = kept
            if number is None and app is None:
                self._headers.clear()
            return cleared

    def standing(self) -> tuple[Standing, ...]:
        """The faults that are on, oldest first."""
        with self._lock:
            return tuple(self._standing)

    def pick(self, request: Request) -> tuple[Picked, ...]:
        """The faults that meet this request: everybody's, then the app's, then the header's. Raises FaultError."""
        header = request.headers.get(HEADER)
        if not self._standing and header is None:
            return ()
        with self._lock:
            picked = self._pick_standing(request)
            for one in parse_faults(header or "", FAULTS):
                if one.meets(request.method):
                    self._headers[(one.text, request.key)] += 1
                    picked.append(replace(one, ordinal=self._headers[(one.text, request.key)]))
            return tuple(picked)

    def _pick_standing(self, request: Request) -> list[Picked]:
        met: list[Standing] = []
        for index, one in enumerate(self._standing):
            if one.concerns(request):
                self._standing[index] = counted = replace(one, met=one.met + 1)
                if counted.fires():
                    met.append(counted)
        met.sort(key=lambda one: one.app is not None)
        return [replace(one.picked, ordinal=one.met - one.after) for one in met]


def _matches(one: Standing, number: int | None, app: AppKey | None) -> bool:
    if number is not None:
        return one.number == number
    return app is None or one.app == app
