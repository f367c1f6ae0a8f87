"""A vendor that shows a PUT late, never, or in other words: a few PUTs, then agreement or a hold (C7, C8, C14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import CANARY, FIRST, HOST, Fleet, desired, fleet, key, many

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import AppRef
    from syncer.model.outcome import AppStatus
    from tests.soak.figures import Recorder

MOST = 3
"""PUTs per app and target without a read-back that matches."""
LATE = [f"PUT:eventual({reads})" for reads in range(1, 6)] + [
    f"GET:stale_replica({share})" for share in (0.3, 0.5, 0.9, 1)
]
ALTERNATING = LATE.index("GET:stale_replica(0.5)")
"""Each second read is old: sweep and re-read never agree, and in doubt nothing is written."""
NEVER = ["PUT:accept_no_apply", "PUT:flapper(0)", "PUT:drop_field(popup_url)"]
WRITTEN = f"https://{HOST}/%7ea%2fb/./c?z=1&a={CANARY}%3d"
"""A URL in which each rule finds something to rewrite, but for the two below."""
NO_PATH, FRAGMENT = 4, 11
"""The rule for URLs without a path, and the one for fragments, which git can't declare (SY328)."""
EQUAL, OTHER = range(1, 7), range(7, 13)
"""Rules of the emulator that RFC 3986 calls equal, and those that change what a URL means."""
SWEEPS = [pytest.param(12, id="12"), pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(0)], id="100")]


def puts(here: Fleet, ref: AppRef, since: int = 0) -> int:
    """PUTs that reached the vendor for one app, stored or not."""
    found = [entry for entry in here.emulator.store.requests() if entry.sequence > since and entry.method == "PUT"]
    return sum((entry.customer_id, entry.app_id) == key(ref) for entry in found)


async def swept(here: Fleet, sweeps: int) -> dict[AppRef, AppStatus]:
    """Several passes of one process; the states after the last one."""
    async with here.opened() as process:
        for _ in range(sweeps):
            report = await here.run(process)
            here.reports.clear()
    return {status.ref: status for status in report.apps}


@pytest.mark.parametrize("sweeps", SWEEPS)
async def test_a_late_or_lying_vendor_gets_three_puts_for_a_target_at_the_most(
    tmp_path: Path, figure: Recorder, sweeps: int
) -> None:
    refs = many(len(LATE) + len(NEVER))
    async with fleet(tmp_path, refs=refs) as here:
        for ref, fault in zip(refs, LATE + NEVER, strict=True):
            here.emulator.fault(fault, app=key(ref))
        for version in (1, 2):
            here.declare(version)
            store = here.emulator.store
            before = store.requests()[-1].sequence if version > 1 else 0
            states = await swept(here, sweeps)
            counts = {ref: puts(here, ref, before) for ref in refs}
            assert max(counts.values()) <= MOST, counts
            for ref in refs[len(LATE) :]:
                assert states[ref].state is State.NOT_CONVERGING, (ref, states[ref])
            for ref in refs[: len(LATE)]:
                live = here.live(ref)
                agreed = {name: live[name] for name in desired(version)} == desired(version)
                assert agreed or (ref == refs[ALTERNATING] and not counts[ref]), ref
        invariants.i1_intent_before_put(here)
        invariants.i2_one_end_each(here)
    figure("late-vendor", sweeps, seeds="none", result=f"at most {MOST} PUTs per target")


@pytest.mark.parametrize("sweeps", SWEEPS)
async def test_an_equal_spelling_is_agreement_and_any_other_ends_in_a_hold_with_both_values(
    tmp_path: Path, figure: Recorder, sweeps: int
) -> None:
    refs = many(len(EQUAL) + len(OTHER) + 1)
    bare, *ruled = refs
    async with fleet(tmp_path, refs=refs) as here:
        rules = dict(zip(ruled, (*EQUAL, *OTHER), strict=True))
        for ref, rule in rules.items():
            here.wish(ref, {"popup_url": WRITTEN if rule != OTHER[1] else WRITTEN.replace("/c?", "/c/?")})
            here.emulator.fault(f"PUT:normalise_url({rule})", app=key(ref))
        here.wish(bare, {"popup_url": f"https://{HOST}"})
        here.emulator.fault("PUT:normalise_url(empty_path)", app=key(bare))
        here.write()
        states = await swept(here, sweeps)
        for ref, rule in (*rules.items(), (bare, NO_PATH)):
            rewrote = here.live(ref)["popup_url"] != here.wishes[ref]["popup_url"]
            assert rewrote == (ref == bare or rule not in {NO_PATH, FRAGMENT}), rule
            if rule in EQUAL or not rewrote:
                assert (puts(here, ref), states[ref].state) == (1, State.IN_SYNC), rule
            else:
                assert 1 <= puts(here, ref) <= MOST, rule
                assert states[ref].state is State.NOT_CONVERGING, rule
                assert "wrote" in states[ref].reason
                assert "reads" in states[ref].reason
                assert CANARY not in states[ref].reason
        assert here.live(bare)["popup_url"] == f"https://{HOST}/"
        invariants.i1_intent_before_put(here)
        invariants.i2_one_end_each(here)
    figure("late-vendor", sweeps, seeds="none", result=f"at most {MOST} PUTs per target")


async def test_another_host_is_never_taken_as_equal(tmp_path: Path) -> None:
    spellings = ("changed.example", f"{HOST}.", f"x.{HOST}", HOST.replace("a", "e"), f"{HOST}:8443", HOST[:-1])
    refs = many(len(spellings))
    async with fleet(tmp_path, refs=refs) as here:
        await here.passes(1)
        for ref, host in zip(refs, spellings, strict=True):
            here.change(ref, popup_url=desired(1)["popup_url"].replace(HOST, host))
        plan = await here.plan()
        assert {step.ref for step in plan.decision.plan.steps} == set(refs)


async def test_refused_settings_are_sent_once_in_a_hundred_sweeps(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        here.emulator.fault("PUT:400", app=key(FIRST))
        states = await swept(here, 60)
        states = await swept(here, 40)  # another process remembers
        assert puts(here, FIRST) == 1
        assert states[FIRST].state is State.FAILING
        here.declare(2, FIRST)
        await swept(here, 2)
        assert puts(here, FIRST) == 2
        invariants.i9_converged(here, except_for=(FIRST,))
        invariants.i2_one_end_each(here)
