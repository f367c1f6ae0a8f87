"""Commits, changes at the vendor, faults, restarts and passes in any order: at the end the invariants hold."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from syncer.emulator.modes import PutSemantics
from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import REFS, desired, fleet, key, url

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from syncer.wiring import Opened
    from tests.faults.fleet import Fleet
    from tests.soak.figures import Recorder

FAULTS = (
    "500_storm",
    "PUT:500_storm(after)",
    "PUT:reset_before_commit",
    "PUT:reset_after_commit",
    "GET:html_200",
    "GET:swap_apps",
    "GET:401_all",
    "PUT:truncated_json",
    "PUT:empty_200",
    "PUT:eventual(2)",
    "PUT:flapper(2)",
    "PUT:cut_off",
    "PUT:hang(after)",
    "GET:stale_replica(0.5)",
)
"""None that ends in a hold, which only a person can release: those have scenarios of their own."""

refs = st.sampled_from(REFS)


class Machine(RuleBasedStateMachine):
    """One installation through its days."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._process: AsyncExitStack | None = None
        self._open: Opened | None = None
        self._fleet: Fleet | None = None
        self._version = 1

    @property
    def here(self) -> Fleet:
        assert self._fleet is not None
        return self._fleet

    def _do(self, work: Coroutine[object, object, None]) -> None:
        self._loop.run_until_complete(work)

    @initialize(semantics=st.sampled_from(PutSemantics))
    def install(self, semantics: PutSemantics) -> None:
        self._do(self._install(semantics))

    async def _install(self, semantics: PutSemantics) -> None:
        home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._fleet = await self._stack.enter_async_context(fleet(home, semantics))
        self._fleet.deadline = timedelta(seconds=0.5)
        await self._begin()

    async def _begin(self) -> None:
        self._process = AsyncExitStack()
        self._open = await self._process.enter_async_context(self.here.opened())

    async def _end(self) -> None:
        if self._process is not None:
            await self._process.aclose()
            self._process = self._open = None

    @rule(some=st.sets(refs, min_size=1))
    def commit(self, some: set[object]) -> None:
        self._version += 1
        for ref in (ref for ref in REFS if ref in some):
            self.here.wish(ref, desired(self._version))
        self.here.write()

    @rule(ref=refs)
    def leave(self, ref: object) -> None:
        if len(self.here.wishes) > len(REFS) // 2:
            self.here.wishes.pop(next(each for each in REFS if each == ref), None)
            self.here.write()

    @rule(ref=refs, name=st.sampled_from(["popup_url", "callback_url", "streaming_url"]))
    def change_at_the_vendor(self, ref: object, name: str) -> None:
        self._version += 1
        self.here.change(next(each for each in REFS if each == ref), **{name: url(f"hand/{self._version}")})

    @rule(fault=st.sampled_from(FAULTS), ref=refs, times=st.integers(1, 4))
    def break_something(self, fault: str, ref: object, times: int) -> None:
        self.here.emulator.fault(fault, app=key(next(each for each in REFS if each == ref)), times=times)

    @precondition(lambda self: self.here.emulator.faults.standing())
    @rule()
    def mend(self) -> None:
        self.here.emulator.clear_faults()

    @rule()
    def run(self) -> None:
        self._do(self._run())

    async def _run(self) -> None:
        assert self._open is not None
        await self.here.run(self._open)

    @rule()
    def restart(self) -> None:
        self._do(self._restart())

    async def _restart(self) -> None:
        await self._end()
        await self._begin()

    def teardown(self) -> None:
        try:
            if self._fleet is not None:
                self._do(self._settle())
        finally:
            self._do(self._stack.aclose())
            self._loop.close()

    async def _settle(self) -> None:
        self.here.emulator.clear_faults()
        try:
            for _ in range(3):
                await self._run()
        finally:
            await self._end()
        planned = await self.here.plan()
        assert {app.state for app in planned.apps} <= {State.IN_SYNC}
        assert planned.decision.plan.steps == ()
        gone = tuple(ref for ref in REFS if ref not in self.here.wishes)
        invariants.i1_intent_before_put(self.here)
        invariants.i2_one_end_each(self.here, still_open=gone)
        invariants.i3_only_known_urls(self.here)
        invariants.i5_own_token_only(self.here)
        invariants.i7_no_secret_told(self.here)
        invariants.i9_converged(self.here)
        invariants.i10_no_overlap(self.here)


def _explore(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_order_of_events_ends_in_agreement() -> None:
    _explore(examples=15, steps=15)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_any_order_of_events_ends_in_agreement_at_length(figure: Recorder) -> None:
    _explore(examples=200, steps=50)
    figure("histories", 200, seeds="derandomised", result="each ends in agreement")
