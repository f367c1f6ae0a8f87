"""What looks like drift everywhere is more likely the vendor's mistake: nothing is written of it (hazard C11)."""

from __future__ import annotations

import random
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.model.outcome import State
from syncer.model.planned import Cause
from syncer.plan.limits import Fleet as FleetSize
from syncer.plan.limits import Limits
from tests.faults import invariants
from tests.faults.fleet import Fleet, desired, fleet, key, many, seeded, url
from tests.support.builders import a_last, a_live, a_plan, an_app, decide, live_settings, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.fields import AppSettings
    from syncer.model.live import Live
    from tests.soak.figures import Recorder

APPS = 100
DRIFTED, SILENT = 20, 30
"""The most that built-in limits take for that many apps: 20 % drifted, 30 % unreadable."""
WITHOUT_BUDGET = "  budget: {apps: 9999, share: 100%, at_least: 9999}"
EVERY = pytest.param(tuple(range(1, APPS + 1)), marks=[pytest.mark.soak, pytest.mark.timeout(0)], id="1..100")
DEFAULTS = dict.fromkeys(("popup_url", "recording_url", "callback_url", "streaming_url")) | {
    "recording_enabled": False,
    "streaming_enabled": False,
}


def another_customers(ref: AppRef) -> dict[str, object]:
    return {**seeded(ref), "popup_url": url("theirs"), "recording_url": url("theirs")}


def pretend(here: Fleet, refs: Iterable[AppRef], shown: str) -> None:
    """Reads of these apps show settings that are not theirs; what is stored stays."""
    for ref in refs:
        truth = here.live(ref)
        here.change(ref, **(DEFAULTS if shown == "defaults" else another_customers(ref)))
        here.change(ref, **truth)
        here.emulator.fault("GET:stale_replica(1)", app=key(ref))


@pytest.mark.parametrize("shown", ["defaults", pytest.param("another customer's", marks=pytest.mark.soak)])
@pytest.mark.parametrize("shares", [pytest.param((20, 21, 100), id="some"), EVERY])
async def test_more_reads_gone_wrong_than_the_limit_cause_no_write(
    tmp_path: Path, figure: Recorder, shares: tuple[int, ...], shown: str
) -> None:
    async with fleet(tmp_path, refs=many(APPS)) as here:
        here.limits = WITHOUT_BUDGET
        await here.passes(1)
        turns = deque(here.refs)  # each in turn: put back too often it would be held as a fight
        async with here.opened() as process:
            for share in shares:
                before = len(here.emulator.store.ledger())
                victims = list(turns)[:share]
                turns.rotate(-share)
                pretend(here, victims, shown)
                report = await here.run(process)
                written = {(entry.customer_id, entry.app_id) for entry in here.emulator.store.ledger()[before:]}
                if share > DRIFTED:
                    assert not written, f"{len(written)} PUTs for {share} apps"
                    assert sum(app.state is State.HELD for app in report.apps) == share
                assert written <= {key(ref) for ref in victims}
                here.emulator.clear_faults()
                await here.run(process)
        invariants.i1_intent_before_put(here)
        invariants.i2_one_end_each(here)
        invariants.i9_converged(here)
    figure("mass-drift", len(shares), seeds="none", result="0 PUTs above a limit")


@pytest.mark.parametrize(
    "fault",
    ["404_all", "swap_apps", *(pytest.param(name, marks=pytest.mark.soak) for name in ("401_all", "wrong_app_id"))],
)
@pytest.mark.parametrize("shares", [pytest.param((30, 31), id="some"), EVERY])
async def test_more_unreadable_apps_than_the_limit_stop_every_write(
    tmp_path: Path, figure: Recorder, shares: tuple[int, ...], fault: str
) -> None:
    rng = random.Random(fault)
    async with fleet(tmp_path, refs=many(APPS)) as here:
        here.limits = WITHOUT_BUDGET
        async with here.opened() as process:
            for version, share in enumerate(shares, start=2):
                before = len(here.emulator.store.ledger())
                silent = rng.sample(here.refs, share)
                for ref in silent:
                    here.emulator.fault(f"GET:{fault}", app=key(ref))
                wanting = rng.sample(here.refs, 10)
                here.declare(version, *wanting)
                await here.run(process)
                written = {(entry.customer_id, entry.app_id) for entry in here.emulator.store.ledger()[before:]}
                due = {key(ref) for ref in wanting if ref not in silent}
                assert not written & {key(ref) for ref in silent}
                assert due <= written if share <= SILENT else not written
                here.emulator.clear_faults()
                await here.run(process)
        invariants.i1_intent_before_put(here)
        invariants.i2_one_end_each(here)
        invariants.i9_converged(here)
    figure("mass-drift", len(shares), seeds="none", result="0 PUTs above a limit")


async def test_a_commit_that_meets_a_glitch_waits_with_it(tmp_path: Path) -> None:
    async with fleet(tmp_path, refs=many(APPS)) as here:
        here.limits = WITHOUT_BUDGET
        await here.passes(1)
        before = len(here.emulator.store.ledger())
        pretend(here, here.refs, "defaults")
        here.wish(here.refs[0], {**desired(1), "recording_url": url("rec/new")})
        here.write()
        await here.passes(2)
        assert len(here.emulator.store.ledger()) == before
        here.emulator.clear_faults()
        await here.passes(1)
        assert len(here.emulator.store.ledger()) == before + 1
        invariants.i9_converged(here)


USUAL = Limits(25, 0.3, 3, timedelta(hours=24), 2, 0.2, 0.3)
GENEROUS = Limits(1000, 1.0, 1000, timedelta(hours=24), 2, 0.2, 0.3)


def _wanted(app: DesiredApp) -> AppSettings:
    return app.settings.over(live_settings())


def _shown(app: DesiredApp, kind: str) -> Live:
    """What is read of an app that d(rifted), is behind g(it), is in s(ync), is u(nreadable)."""
    if kind == "u":
        return unreadable(app.name)
    return a_live(app.name, _wanted(app) if kind == "s" else None)


@given(st.data(), st.integers(1, 200), st.sampled_from([USUAL, GENEROUS]))
@settings(deadline=None, max_examples=60)
def test_no_size_and_no_set_of_drifted_apps_gets_past_the_limit(data: st.DataObject, size: int, limits: Limits) -> None:
    kinds = data.draw(st.lists(st.sampled_from("dgsu"), min_size=size, max_size=size))
    apps = [(an_app(f"n{number:03d}"), kind) for number, kind in enumerate(kinds)]
    pairs = [(app, _shown(app, kind)) for app, kind in apps]
    last = [a_last(app.name, _wanted(app) if kind == "d" else None) for app, kind in apps if kind in "dg"]
    decision = decide(a_plan(*pairs, last=last), limits=limits, fleet=FleetSize(size))
    drifted = [step for step in decision.plan.steps if Cause.DRIFT in step.causes]
    assert len(drifted) == kinds.count("d")
    stops = (
        len(drifted) > max(2, size // 5),
        kinds.count("u") > max(1, 0.3 * size),
        len(decision.plan.steps) > limits.budget(size),
    )
    assert decision.approved == (() if any(stops) else decision.plan.steps)
