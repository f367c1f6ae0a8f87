"""What pages tell of the vendor and of the source: kept while the process runs, in bounded room."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.errors import RefusedCommitError
from syncer.report import instant

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.clock import Clock
    from syncer.errors import SourceError
    from syncer.model.desired import AppRef
    from syncer.report import JSON

KEPT: Final = 2000
"""Exchanges with the vendor that are looked back at."""


@dataclass
class Gauges:
    """Hears of each exchange with the vendor and each look at the source."""

    clock: Clock
    looked: datetime | None = None
    exchanges: deque[tuple[str, int | None, float]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        """One exchange with the vendor ended."""
        del ref
        self.exchanges.append((method, status, elapsed))

    def on_look(self, error: SourceError | None) -> None:
        """The source was looked at. A commit that is not taken was read all the same."""
        if error is None or isinstance(error, RefusedCommitError):
            self.looked = self.clock.now()

    def vendor(self) -> JSON:
        """Latencies in seconds and answers, of the last exchanges."""
        known = tuple(self.exchanges)
        took = sorted(elapsed for _, _, elapsed in known)
        answers = Counter("no answer" if status is None else str(status) for _, status, _ in known)
        return {
            "requests": len(known),
            "median": round(took[len(took) // 2], 4) if took else None,
            "p95": round(took[int(len(took) * 0.95)], 4) if took else None,
            "slowest": round(took[-1], 4) if took else None,
            "answers": dict(sorted(answers.items())),
        }

    def source(self) -> JSON:
        """When the source was last read."""
        return {"looked": self.looked and instant(self.looked)}
