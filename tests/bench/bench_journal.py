"""What the journal costs: one fsync for each record or for a hundred, and how fast a log is verified and projected."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from syncer.audit.events import EventType, Note
from syncer.audit.index import Index
from syncer.audit.verify import verify
from tests.support.recording import an_adoption, an_app, open_journal, put

if TYPE_CHECKING:
    from collections.abc import Callable

SINGLE, GROUPED, GROUP = 500, 20_000, 100


def rate(count: int, work: Callable[[], object], times: int = 1) -> float:
    """How many a second, where each of `times` calls does its share of `count`."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return count / (time.perf_counter() - started)


def main(folder: Path) -> None:
    journal = open_journal(folder)
    note = Note(EventType.HOLD, {"rule": "window", "detail": "closed until 08:00"}, an_app())
    single = rate(SINGLE, lambda: journal.note_many([note]), SINGLE)
    grouped = rate(GROUPED, lambda: journal.note_many([note] * GROUP), GROUPED // GROUP)
    puts = rate(SINGLE, lambda: put(journal, an_app()), SINGLE)
    journal.adopt([an_adoption(an_app(number)) for number in range(10_000)])
    journal.close()
    records = verify(folder).records
    show("records/s, one fsync each", single, single)
    show(f"records/s, one fsync for {GROUP}", grouped, single)
    show("PUTs/s (intent and result)", puts, single)
    show("records/s verified", rate(records, lambda: verify(folder)), single)
    show("records/s projected", rate(records, lambda: Index.view(folder).close()), single)


def show(what: str, found: float, against: float) -> None:
    sys.stdout.write(f"{what:32} {found:>10,.0f}  {found / against:>6.1f} x\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
