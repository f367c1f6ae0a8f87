"""Tokens refused or replaced at any instant of a pass: two refusals at the most, never the token of another (C13)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.puts import digest
from syncer.emulator.records import AppKey
from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import FIRST, REFS, fleet, key, token

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.emulator.records import RequestEntry
    from syncer.model.desired import AppRef
    from tests.faults.fleet import Fleet
    from tests.soak.figures import Recorder

REQUESTS = 4
"""Of one app in an undisturbed pass with a PUT: read, re-read, PUT, read-back."""
UNAUTHORIZED = 401


class Rotation:
    """Every token that an app ever had, by the hash under which the vendor's books name it."""

    def __init__(self, here: Fleet, rng: random.Random) -> None:
        self.here, self.rng = here, rng
        self.ever = {ref: {digest(f"Bearer {token(ref)}")} for ref in here.refs}

    async def once(self, ref: AppRef) -> None:
        """At a random instant of a pass the vendor ends an app's token; the file follows at once or a moment later."""
        await asyncio.sleep(self.rng.uniform(0, 0.06))
        new = self.here.emulator.store.rotate_token(AppKey(*key(ref)))
        self.ever[ref].add(digest(f"Bearer {new}"))
        await asyncio.sleep(self.rng.choice((0, self.rng.uniform(0, 0.02))))
        path = self.here.home / "tokens" / f"{ref.customer_id}.{ref.app_id}"
        draft = path.with_suffix(".new")
        draft.write_text(new + "\n")
        draft.replace(path)

    def check(self, since: int, rotated: tuple[AppRef, ...]) -> None:
        """Nothing after a refusal; where the token was replaced in this pass, nothing after the second one."""
        for ref in self.here.refs:
            mine = of_app(self.here, ref, since)
            assert {entry.authorization_sha256 for entry in mine} <= self.ever[ref], "the token of another app"
            refusals = [n for n, entry in enumerate(mine) if entry.status == UNAUTHORIZED]
            allowed = 2 if ref in rotated else 1
            assert len(refusals) <= allowed, f"{ref}: {len(refusals)} requests with a refused token"
            if len(refusals) == allowed:
                assert refusals[-1] == len(mine) - 1, f"{ref} was asked about again after it was refused"


def of_app(here: Fleet, ref: AppRef, since: int) -> list[RequestEntry]:
    found = [entry for entry in here.emulator.store.requests() if entry.sequence > since]
    mine = [entry for entry in found if (entry.customer_id, entry.app_id) == key(ref)]
    return sorted(mine, key=lambda entry: entry.started_ns)


@pytest.mark.parametrize(
    ("rounds", "seed"), [(1, 1), pytest.param(40, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_tokens_replaced_at_any_instant_stay_with_their_app(
    tmp_path: Path, figure: Recorder, rounds: int, seed: int
) -> None:
    rng = random.Random(seed)
    async with fleet(tmp_path) as here:
        rotation = Rotation(here, rng)
        async with here.opened() as process:
            version = 1
            for passed in [*range(REQUESTS + 2)] * rounds:
                version += 1
                here.declare(version)
                log = here.emulator.store.requests()
                since = log[-1].sequence if log else 0
                here.emulator.fault(f"401_after({passed})", app=key(FIRST))
                rotated = tuple(rng.sample(REFS, rng.randint(0, len(REFS))))
                await asyncio.gather(here.run(process), *(rotation.once(ref) for ref in rotated))
                rotation.check(since, rotated)
                here.emulator.clear_faults()
                await here.run(process)
        await here.passes(2)
        invariants.i1_intent_before_put(here)
        invariants.i2_one_end_each(here)
        invariants.i6_unmanaged_untouched(here)
        invariants.i9_converged(here)
    passes = rounds * (REQUESTS + 2)
    figure("token-rotation", passes, seeds=str(seed), result="never the token of another app")


async def test_a_token_refused_at_any_point_stops_its_app_alone_and_only_until_the_next_pass(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here, here.opened() as process:
        for passed in range(REQUESTS):
            here.declare(passed + 2)
            log = here.emulator.store.requests()
            since = log[-1].sequence if log else 0
            here.emulator.fault(f"401_after({passed})", app=key(FIRST))
            report = await here.run(process)
            assert len(of_app(here, FIRST, since)) == passed + 1
            [state] = (app.state for app in report.apps if app.ref == FIRST)
            assert state is (State.AUTH_FAILED if passed == 0 else State.FAILING)
            invariants.i9_converged(here, except_for=(FIRST,))
            here.emulator.clear_faults()
            await here.run(process)
            invariants.i9_converged(here)
        invariants.i2_one_end_each(here)
