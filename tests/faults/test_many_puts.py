"""PUTs by the thousand while everything goes wrong at once: none wrong, none unrecorded (figure puts-under-faults)."""

from __future__ import annotations

import random
import tempfile
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.modes import PutSemantics
from tests.faults import invariants
from tests.faults.fleet import Fleet, desired, fleet, key, many, url

if TYPE_CHECKING:
    from syncer.wiring import Opened
    from tests.soak.figures import Recorder

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A disk in memory: what is tried here is not the disk's fsync."""
APPS = 120
PUTS_PER_SITE = 4_000
SELDOM = 0.05
"""Passes in which something hangs: each costs as long as the deadline."""
FAULTS = (  # none by which the vendor itself loses what somebody else wrote: docs/reliability.md says so
    *(f"{method}:{fault}" for method in ("GET", "PUT") for fault in ("500_storm", "429(0)", "html_200", "cut_off")),
    *("PUT:500_storm(after)", "PUT:reset_before_commit", "PUT:reset_after_commit", "PUT:truncated_json"),
    *("GET:swap_apps", "GET:401_all", "GET:404_all", "GET:empty_200", "GET:dup_key_json"),
    *("PUT:empty_200", "PUT:flapper(2)", "PUT:accept_no_apply"),
    *("PUT:400", "PUT:redirect_307_cross_host", "GET:wrong_app_id", "PUT:drop_unknown"),
)


class Chaos:
    """One site through as many passes as it takes for a number of stored PUTs."""

    def __init__(self, here: Fleet, seed: int) -> None:
        self.here = here
        self.rng = random.Random(seed)
        self.versions = count(2)

    @property
    def stored(self) -> int:
        return len(self.here.emulator.store.ledger())

    async def until(self, puts: int) -> None:
        """Processes one after the other, each of a few passes; then a commit to all, and peace."""
        while self.stored < puts:
            async with self.here.opened() as process:
                for _ in range(self.rng.randint(1, 6)):
                    await self.one_pass(process)
        self.here.emulator.clear_faults()
        self.here.declare(next(self.versions))
        await self.here.passes(4)

    async def one_pass(self, process: Opened) -> None:
        rng, here = self.rng, self.here
        version = next(self.versions)
        for ref in rng.sample(here.refs, rng.randint(len(here.refs) // 2, len(here.refs))):
            here.wish(ref, desired(version))
        here.write()
        for ref in rng.sample(here.refs, rng.randint(0, 6)):
            field = rng.choice(("popup_url", "callback_url", "streaming_url"))
            here.change(ref, **{field: url(f"hand/{version}")})
        here.emulator.clear_faults()
        for ref in rng.sample(here.refs, rng.randint(0, len(here.refs) // 3)):
            here.emulator.fault(rng.choice(FAULTS), app=key(ref), times=rng.randint(1, 3))
        if rng.random() < SELDOM:
            here.emulator.fault(rng.choice(("PUT:hang(after)", "GET:hang")), app=key(rng.choice(here.refs)), times=1)
        await here.run(process)


def check(here: Fleet) -> None:
    """Every invariant but the bound on PUTs over all passes, which were many."""
    invariants.i1_intent_before_put(here)
    invariants.i2_one_end_each(here)
    invariants.i3_only_known_urls(here)
    invariants.i5_own_token_only(here)
    invariants.i6_unmanaged_untouched(here)
    invariants.i7_no_secret_told(here)
    invariants.i8_bounded(here, per_run=PUTS_PER_SITE)
    invariants.i9_converged(here)
    invariants.i10_no_overlap(here)


@pytest.mark.parametrize(
    ("puts", "seed"), [(600, 1), pytest.param(100_000, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_no_put_is_wrong_or_unrecorded(figure: Recorder, puts: int, seed: int) -> None:
    stored = 0
    for site in count():
        with tempfile.TemporaryDirectory(dir=MEMORY) as home:
            semantics = tuple(PutSemantics)[site % len(PutSemantics)]
            async with fleet(Path(home), semantics, many(APPS)) as here:
                here.deadline = timedelta(seconds=0.5)
                chaos = Chaos(here, seed * 1_000 + site)
                await chaos.until(min(PUTS_PER_SITE, puts - stored))
                check(here)
                stored += chaos.stored
        if stored >= puts:
            break
    figure("puts-under-faults", stored, seeds=str(seed), result="0 wrong, 0 unrecorded")
