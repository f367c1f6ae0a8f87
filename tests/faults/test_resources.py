"""Pass after pass under faults: memory, descriptors, connections and the time of a request stay bounded (I8)."""

from __future__ import annotations

import gc
import os
import random
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.audit.events import EventType
from tests.faults import invariants
from tests.faults.fleet import Fleet, desired, fleet, key, many, url
from tests.faults.test_many_puts import MEMORY
from tests.support.emulated import until

if TYPE_CHECKING:
    from syncer.wiring import Opened
    from tests.soak.figures import Recorder

APPS = 200
DEADLINE = 0.4
LATE = 1.0
"""Seconds by which a client on a busy machine may notice its own deadline too late."""
CONNECTIONS = 100
"""Descriptors above the start: the client's connections, both ends of each, and the state folder's files."""
GROWTH = 24 << 20
"""Bytes from the middle of the passes to their end; the emulator's own books take most of it."""
PER_TARGET = 3
FAULTS = (
    *("GET:500_storm", "GET:reset_before_commit", "GET:gzip_bomb(1000000)", "GET:huge_body(300000)", "GET:cut_off"),
    *("GET:header_bomb(65536)", "GET:dup_key_json", "GET:redirect_302_cross_host", "PUT:reset_after_commit"),
    *("PUT:500_storm(after)", "PUT:accept_no_apply", "PUT:401_all", "PUT:truncated_json", "PUT:empty_200"),
)
SILENT = ("GET:hang", "PUT:hang(after)", "GET:slow_drip(20)")


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def resident() -> int:
    """Bytes of memory that this process has in use."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Strain:
    """A few commits, meddlings and faults in each pass over many apps."""

    def __init__(self, here: Fleet, seed: int) -> None:
        self.here, self.rng = here, random.Random(seed)
        self.targets: Counter[str] = Counter()
        self.most_open = 0

    async def one_pass(self, process: Opened, number: int) -> None:
        here, rng = self.here, self.rng
        for ref in rng.sample(here.refs, 4):
            here.wish(ref, desired(number + 2))
            self.targets[f"customers/{ref.customer_id}/apps/{ref.app_id}"] += 1
        here.write()
        for ref in rng.sample(here.refs, 2):
            here.change(ref, callback_url=url(f"hand/{number}"))
        here.emulator.clear_faults()
        for ref in rng.sample(here.refs, 20):
            here.emulator.fault(rng.choice(FAULTS), app=key(ref), times=3)
        if number % 5 == 0:
            here.emulator.fault(rng.choice(SILENT), app=key(rng.choice(here.refs)), times=1)
        await here.run(process)
        here.reports.clear()
        here.declared.clear()
        here.log.seek(0)
        here.log.truncate()
        self.most_open = max(self.most_open, descriptors())

    def check_requests(self) -> None:
        """No request lasted longer than its deadline: the vendor sees a client that has given up leave."""
        for entry in self.here.emulator.store.requests():
            assert entry.ended_ns - entry.started_ns < (DEADLINE + LATE) * 1e9, entry

    def check_puts(self) -> None:
        """All of this took minutes, so that it is less than any bound per hour: at most three PUTs per target."""
        intents = Counter(event["subject"] for event in invariants.records(self.here, EventType.PUT_INTENT))
        for subject, count in intents.items():
            assert count <= PER_TARGET * (self.targets[subject] + 1), f"{subject}: {count} PUTs"


@pytest.mark.parametrize(
    ("passes", "seed"), [(8, 1), pytest.param(300, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_a_long_life_under_faults_costs_neither_memory_nor_descriptors(
    figure: Recorder, passes: int, seed: int
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as home:
        async with fleet(Path(home), refs=many(APPS)) as here:
            here.deadline = timedelta(seconds=DEADLINE)
            at_first, strain = descriptors(), Strain(here, seed)
            async with here.opened() as process:
                for number in range(passes):
                    if number == passes // 2:
                        warm = resident()
                    await strain.one_pass(process, number)
                grown = resident() - warm
                here.emulator.clear_faults()
                for _ in range(2):
                    await here.run(process)
            await until(lambda: descriptors() <= at_first)
            strain.check_requests()
            strain.check_puts()
            invariants.i1_intent_before_put(here)
            invariants.i2_one_end_each(here)
            invariants.i9_converged(here)
    assert strain.most_open <= at_first + CONNECTIONS
    assert grown < GROWTH, f"{grown >> 20} MiB more than in the middle"
    figure("long-life", passes, seeds=str(seed), result=f"{grown / (1 << 20):.1f} MiB more after the second half")
