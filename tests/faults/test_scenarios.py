"""Every fault of the vendor, on each method, on one app and on all: passes under it, then passes without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import REFS, elsewhere, fleet, key
from tests.faults.table import SHORT, End, Scenario, scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.wiring import Opened
    from tests.faults.fleet import Fleet
    from tests.soak.figures import Recorder

ENDS = {End.NOT_CONVERGING: State.NOT_CONVERGING, End.REFUSED: State.FAILING}


async def _under_the_fault(here: Fleet, scenario: Scenario, process: Opened) -> None:
    concerned = () if scenario.target == "all" else scenario.concerned
    for app in concerned or (None,):
        here.emulator.fault(scenario.row.fault, app=None if app is None else key(app))
    for number in range(1 if scenario.row.slow else 3):
        report = await here.run(process)
        assert len(report.apps) == len(REFS)
        if concerned and not number:
            invariants.i9_converged(here, except_for=concerned)
    invariants.i8_bounded(here)
    if scenario.row.blind:
        invariants.no_put_because_of(here, scenario.concerned)


async def _without_it(here: Fleet, scenario: Scenario, process: Opened) -> None:
    here.emulator.clear_faults()
    report = await here.run(process)
    report = await here.run(process)
    wanted = ENDS.get(scenario.row.end, State.IN_SYNC)
    states = {app.ref: app.state for app in report.apps}
    assert states == {ref: wanted if ref in scenario.concerned else State.IN_SYNC for ref in REFS}


async def _play(home: Path, scenario: Scenario) -> None:
    async with fleet(home, scenario.semantics) as here, elsewhere() as second:
        here.deadline = timedelta(seconds=SHORT if scenario.row.slow else 5)
        here.emulator.store.modes = replace(here.emulator.store.modes, redirect_target=second.origin)
        async with here.opened() as process:
            await _under_the_fault(here, scenario, process)
            if not scenario.restart:
                await _without_it(here, scenario, process)
        if scenario.restart:
            async with here.opened() as process:
                await _without_it(here, scenario, process)
        assert second.visits == 0
        await _check(here, scenario)


async def _check(here: Fleet, scenario: Scenario) -> None:
    held = scenario.row.end is not End.CONVERGES
    invariants.i1_intent_before_put(here)
    invariants.i2_one_end_each(here)
    invariants.i3_only_known_urls(here)
    invariants.i5_own_token_only(here)
    if not scenario.row.lies:
        invariants.i6_unmanaged_untouched(here)
    invariants.i7_no_secret_told(here)
    invariants.i8_bounded(here, invariants.PUTS_PER_APP + 2)
    invariants.i9_converged(here, except_for=scenario.concerned if held else ())
    if not scenario.row.late:
        invariants.i10_no_overlap(here)
    planned = await here.plan()
    assert {step.ref for step in planned.decision.plan.steps} == (set(scenario.concerned) if held else set())


@pytest.mark.parametrize("scenario", [pytest.param(each, id=each.name) for each in scenarios(full=False)])
async def test_invariants_hold_under_every_fault(tmp_path: Path, scenario: Scenario) -> None:
    await _play(tmp_path, scenario)


@pytest.mark.soak
@pytest.mark.parametrize("scenario", [pytest.param(each, id=each.name) for each in scenarios(full=True)])
async def test_invariants_hold_under_every_fault_and_both_meanings_of_put(
    tmp_path: Path, scenario: Scenario, figure: Recorder
) -> None:
    await _play(tmp_path, scenario)
    figure("vendor-faults", 1, seeds="none", result="0 violations")
