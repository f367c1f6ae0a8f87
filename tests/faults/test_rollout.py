"""Rollouts where the journal, or a file, fails in the middle: no app more than the wave has places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.audit.witness import Witness
from syncer.cli import exits
from syncer.errors import JournalError
from syncer.model.outcome import State
from tests.faults.fleet import NO_LIMITS, fleet

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.faults.fleet import Fleet

WAVES = f"{NO_LIMITS}\nrollout: {{waves: [{{share: 25%, soak: 1h}}, {{share: 100%}}]}}"


async def written(here: Fleet, passes: int = 1) -> int:
    """How many PUTs that many passes of one process make."""
    before = len(here.emulator.store.ledger())
    await here.passes(passes)
    return len(here.emulator.store.ledger()) - before


async def test_nothing_is_written_for_a_revision_that_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    async with fleet(tmp_path) as here:
        with monkeypatch.context() as broken:
            broken.setattr(Witness, "record", full)
            report = await here.passes(1)
        assert here.emulator.store.ledger() == ()
        assert exits.of_pass(report) == exits.FAILED
        assert await written(here) == len(here.refs)


async def test_the_last_good_reading_of_a_broken_file_takes_a_place_in_the_wave(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        assert await written(here) == 8
        here.limits = WAVES
        here.declare(2, *(ref for ref in here.refs if ref.customer_id == "acme"))
        async with here.opened() as process:
            await here.run(process)
            assert len(here.emulator.store.ledger()) == 8 + 1
            broken = here.home / "apps" / "acme.yaml"
            broken.write_text(broken.read_text() + "surprise: 1\n")
            for _ in range(4):
                report = await here.run(process)
            assert {app.state for app in report.apps} == {State.IN_SYNC, State.INVALID}
        assert len(here.emulator.store.ledger()) == 8 + 2, "the first wave of another revision, once"
