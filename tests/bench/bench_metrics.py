"""What metrics cost: taking in a pass over 5,000 apps, and answering a scrape. Figures depend on the machine."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from syncer import report as documents
from syncer.board import Board
from syncer.clock import SystemClock
from syncer.metrics import Metrics
from tests.metrics.test_exposition import a_report
from tests.support.builders import a_live

if TYPE_CHECKING:
    from collections.abc import Callable

APPS = 5000
ROUNDS = 20


def fastest(work: Callable[[], object]) -> float:
    """Milliseconds of the quickest of several rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def main() -> None:
    """Every app differs, which is the dearest case."""
    report = a_report(*((f"n{n}", a_live(f"n{n}")) for n in range(APPS)))
    document = documents.of_report(report)
    for each_app in (False, True):
        metrics = Metrics(SystemClock(), "1", "syncer", each_app=each_app)
        Board(SystemClock(), timedelta(minutes=5), document, metrics)
        taken, asked = fastest(partial(metrics.finished, report)), fastest(metrics.exposition)
        told = f"a pass {taken:6.2f} ms  a scrape {asked:7.2f} ms  {len(metrics.exposition()):>7} bytes"
        sys.stdout.write(f"{APPS} apps, metrics.apps {str(each_app).lower():<5}  {told}\n")


if __name__ == "__main__":
    main()
