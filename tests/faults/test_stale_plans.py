"""A plan that is approved or carried out late (hazard D7): whatever changed since, only what was seen is written."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from syncer.approvals import Approver, Selection, Word
from syncer.errors import HeldError
from syncer.model.desired import AppRef
from syncer.model.outcome import Trigger
from syncer.parts import Ask
from syncer.wiring import CLOCK
from tests.faults import invariants
from tests.faults.fleet import NO_LIMITS, REFS, Fleet, fleet, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = REFS[2:6]
HELD, FREE = "{on_commit: hold, on_drift: report}", "{}"
NARROW = NO_LIMITS.replace("apps: 100000, share: 100%, at_least: 100000", "apps: 1, share: 100%, at_least: 1")
PER_SITE = 50

Change = tuple[AppRef, tuple[tuple[str, Any, Any], ...]]
"""What a person sees of one app: each field with what the vendor holds and what git declares."""


class Office:
    """A fleet, the people around it, and what they have approved so far."""

    def __init__(self, here: Fleet, rng: random.Random, versions: count[int]) -> None:
        self.here, self.rng, self.versions = here, rng, versions
        self.approved: set[Change] = set()
        self.outcomes = Counter[str]()

    def seen(self) -> dict[AppRef, Change]:
        """What a plan has to show now, worked out from the two sides themselves."""
        found = {}
        for ref in self.here.refs:
            live, wanted = self.here.live(ref), self.here.wishes[ref]
            rows = tuple((name, live[name], wanted[name]) for name in sorted(wanted) if live[name] != wanted[name])
            if rows:
                found[ref] = (ref, rows)
        return found

    def some(self) -> list[AppRef]:
        return self.rng.sample(self.here.refs, self.rng.randint(1, len(self.here.refs)))

    async def meanwhile(self) -> None:
        """Something happens, or nothing."""
        happening = self.rng.choice((self.vendor, self.git, self.back, self.policy, self.limits, None, None))
        if happening:
            happening()
        elif self.rng.random() < 0.5:  # somebody else's pass
            await self.judged(Ask(Trigger.MANUAL, write=True), None)

    def vendor(self) -> None:
        for ref in self.some():
            self.here.change(ref, popup_url=url(f"hand/{next(self.versions)}"))

    def git(self) -> None:
        self.here.declare(next(self.versions), *self.some())

    def back(self) -> None:
        """To what was declared before, by a new commit."""
        for ref in self.some():
            self.here.wish(ref, self.rng.choice([wanted for each, wanted in self.here.declared if each == ref]))
        self.here.write()

    def policy(self) -> None:
        self.here.policy = HELD if self.here.policy == FREE else FREE
        self.here.write()

    def limits(self) -> None:
        self.here.limits = NARROW if self.here.limits == NO_LIMITS else NO_LIMITS

    async def history(self) -> None:
        """A change, a look at the plan, something in between, a word, something in between again, and a pass."""
        self.here.policy = self.rng.choice((HELD, FREE))
        self.here.declare(next(self.versions), *self.some())
        shown = self.seen()
        plan = (await self.here.plan()).decision.plan.id
        await self.meanwhile()
        if self.rng.random() < 0.5:
            await self.judged(Ask(Trigger.MANUAL, write=True, strict=True, expect_plan=plan), shown)
            return
        await self.approve(plan, shown)
        await self.meanwhile()
        if self.here.policy == HELD:
            await self.judged(Ask(Trigger.SCHEDULE, write=True), None)

    async def approve(self, plan: str, shown: dict[AppRef, Change]) -> None:
        """An approval under the id that was shown; it is refused, or it is about what was shown."""
        now = self.seen()
        async with self.here.opened() as process:
            assert process.journal is not None
            approver = Approver(process.reconciler, process.tracker, process.journal, CLOCK)
            try:
                steps = await approver.plan(plan, Selection(lambda apps: apps, narrowed=False), Word("ann", "so"))
            except HeldError:
                self.outcomes["approval refused"] += 1
                return
        assert now == shown, "an approval of a plan that nobody saw"
        self.outcomes["approved"] += bool(steps)
        self.approved |= {shown[step.ref] for step in steps}

    async def judged(self, ask: Ask, shown: dict[AppRef, Change] | None) -> None:
        """A pass that may write; the vendor's ledger is compared with what was approved, or shown."""
        before, now = len(self.here.emulator.store.ledger()), self.seen()
        try:
            async with self.here.opened() as process:
                await process.reconciler.run(ask)
        except HeldError:
            assert len(self.here.emulator.store.ledger()) == before
            self.outcomes["sync refused"] += 1
            return
        if shown is not None:
            assert now == shown, "a plan of another day was carried out"
            self.outcomes["carried out"] += 1
        entries = self.here.emulator.store.ledger()[before:]
        for entry in entries:
            change = now[AppRef(entry.customer_id, entry.app_id)]
            if self.here.policy == HELD:
                assert change in self.approved, f"{change} was written and nobody approved it"
            self.approved.discard(change)
            assert {name: entry.after[name] for name, _, _ in change[1]} == {name: new for name, _, new in change[1]}
        self.outcomes["written"] += len(entries)


@pytest.mark.parametrize("histories", [50, pytest.param(1_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
async def test_only_what_was_seen_is_ever_written(tmp_path: Path, figure: Recorder, histories: int) -> None:
    rng, versions, outcomes = random.Random(41), count(2), Counter[str]()
    for first in range(0, histories, PER_SITE):
        (tmp_path / str(first)).mkdir()
        async with fleet(tmp_path / str(first), refs=APPS) as here:
            office = Office(here, rng, versions)
            for _ in range(PER_SITE):
                await office.history()
            outcomes += office.outcomes
            invariants.i1_intent_before_put(here)
            invariants.i2_one_end_each(here)
            invariants.i3_only_known_urls(here)
            invariants.i6_unmanaged_untouched(here)
    for each in ("approval refused", "approved", "sync refused", "carried out", "written"):
        assert outcomes[each] > histories // 20, outcomes
    told = ", ".join(f"{number:,} {what}" for what, number in outcomes.most_common())
    figure("stale-plans", histories, seeds="41", result=f"none written unseen: {told}")
