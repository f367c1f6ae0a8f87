"""One broken app among 32: whatever is wrong with it, the others are what git declares after two passes (I9)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.faults import invariants
from tests.faults.fleet import elsewhere, fleet, key, many
from tests.faults.table import SHORT, TABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.table import Row
    from tests.soak.figures import Recorder

APPS = 32
PASSES = 2
SAMPLE = TABLE[::9]


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.fault, marks=() if row in SAMPLE else [pytest.mark.soak]) for row in TABLE],
)
async def test_the_others_converge_within_two_passes(tmp_path: Path, figure: Recorder, row: Row) -> None:
    refs = many(APPS)
    broken = refs[TABLE.index(row) % APPS]
    async with fleet(tmp_path, refs=refs) as here, elsewhere() as second:
        here.deadline = timedelta(seconds=SHORT if row.slow else 5)
        here.emulator.fault(row.fault, app=key(broken))
        await here.passes(PASSES)
        invariants.i9_converged(here, except_for=(broken,))
        invariants.i1_intent_before_put(here)
        invariants.i5_own_token_only(here)
        invariants.i8_bounded(here)
        if row.blind:
            invariants.no_put_because_of(here, (broken,))
        assert second.visits == 0
    figure("vendor-faults", 1, seeds="none", result="0 violations")
