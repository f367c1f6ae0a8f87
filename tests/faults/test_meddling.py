"""Somebody writes at the vendor in the very moment in which syncer does: only inside the window is it lost (C10)."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.audit.events import EventType
from tests.faults import invariants
from tests.faults.fleet import Fleet, desired, fleet, key, many
from tests.faults.test_many_puts import MEMORY

if TYPE_CHECKING:
    from syncer.emulator.records import ChangeEntry, LedgerEntry, RequestEntry
    from tests.soak.figures import Recorder

APPS = 40
LONGEST = 50
"""Milliseconds by which the other writer comes before or after."""
FIELD = "callback_url"
"""A field that git does not declare: what somebody writes there is theirs."""


class Meeting:
    """One pass in which each app's PUT meets another writer; what came of it, by the vendor's own books."""

    def __init__(self, here: Fleet) -> None:
        self.here = here
        self.puts = self.moves = self.seen = 0
        self.overwritten: list[float] = []

    def set_up(self, rng: random.Random) -> None:
        """The writer comes up to 50 ms after the sweep's read, the re-read or the read-back; many PUTs come late."""
        self.here.emulator.clear_faults()
        for ref in self.here.refs:
            wait, lag = rng.randint(0, LONGEST), rng.choice((0, rng.randint(0, LONGEST)))
            after = rng.choice((0, 1, 1, 1, 2))
            self.here.emulator.fault(f"GET:concurrent_writer({wait},{FIELD})", app=key(ref), after=after, times=1)
            if lag:
                self.here.emulator.fault(f"PUT:latency({lag})", app=key(ref), times=1)

    def judge(self) -> None:
        """Every write of somebody else that a PUT undid came after the read on which that PUT was built."""
        store = self.here.emulator.store
        changes, puts = store.changes()[self.moves :], store.ledger()[self.puts :]
        requests = [entry for entry in store.requests() if entry.sequence > self.seen]
        for put in puts:
            if put.before[FIELD] != put.body[FIELD]:
                change = max(
                    (c for c in changes if about(c) == about(put) and c.at <= put.at), key=lambda c: c.sequence
                )
                read = max(ended_reads(requests, put), key=lambda entry: entry.ended_ns)
                assert change.after[FIELD] == put.before[FIELD]
                assert change.monotonic_ns >= read.started_ns, "a write from before the window was overwritten"
                self.overwritten.append((change.monotonic_ns - read.started_ns) / 1e9)
            for name in put.before.keys() - {FIELD, *desired(1)}:
                assert put.before[name] == put.after[name]
        self.moves, self.puts = len(store.changes()), len(store.ledger())
        self.seen = requests[-1].sequence


def about(entry: ChangeEntry | LedgerEntry | RequestEntry) -> tuple[str, str]:
    return entry.customer_id, entry.app_id


def ended_reads(requests: list[RequestEntry], put: LedgerEntry) -> list[RequestEntry]:
    """The app's reads that had ended when its PUT arrived."""
    return [
        entry
        for entry in requests
        if entry.method == "GET" and about(entry) == about(put) and entry.ended_ns <= put.started_ns
    ]


@pytest.mark.parametrize(
    ("rounds", "seed"), [(5, 1), pytest.param(260, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_only_what_is_written_inside_the_window_is_overwritten(figure: Recorder, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=MEMORY) as home:
        async with fleet(Path(home), refs=many(APPS)) as here:
            meeting = Meeting(here)
            async with here.opened() as process:
                for version in range(1, rounds + 1):
                    here.declare(version)
                    meeting.set_up(rng)
                    await here.run(process)
                    meeting.judge()
                    here.emulator.clear_faults()
                    here.reports.clear()
                    await here.run(process)
                invariants.i1_intent_before_put(here)
                invariants.i2_one_end_each(here)
                invariants.i9_converged(here)
                results = invariants.records(here, EventType.PUT_RESULT)
    windows = sorted(event["data"]["window"] for event in results)
    assert len(windows) >= rounds * APPS * 0.9, "most of the meetings took place"
    assert all(window >= 0 for window in windows)
    p99 = windows[len(windows) * 99 // 100]
    lost = len(meeting.overwritten)
    figure("meddling", len(windows), seeds=str(seed), result=f"{lost} inside the window, 0 outside; p99 {p99:.3f} s")
