"""The sample fleet, whole: after approve and sync its plan is empty, whatever a PUT means at the vendor."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer.cli.demo import stage
from syncer.emulator.modes import PutSemantics
from syncer.emulator.server import Emulator
from tests.support.site import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.emulator.records import LedgerEntry

QUIET = {"Suspended", "Pending"}  # an app outside its window, and one that is suspended


def run(here: stage.Stage, *arguments: str, expect: int = 0) -> str:
    ended = subprocess.run(
        here.command(*arguments), env={**here.environ(), "PYTHONPATH": str(ROOT)}, cwd=here.home,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == expect, ended.stdout + ended.stderr
    return ended.stdout


def undeclared_moved(entry: LedgerEntry, declared: dict[str, set[str]]) -> set[str]:
    return {name for name in entry.changed if name not in declared[entry.app_id]}


@pytest.mark.parametrize("semantics", list(PutSemantics))
def test_after_approve_and_sync_the_plan_is_empty(
    tmp_path: Path, semantics: PutSemantics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SYNCER_")]:
        monkeypatch.delenv(name)
    with Emulator.in_thread() as emulator:
        here = stage.build(tmp_path, emulator)
        emulator.store.modes = replace(emulator.store.modes, put_semantics=semantics)
        declared = {
            app.ref.app_id: {field.value for field, _ in app.settings.declared()} for app in stage.fleet(here.work)
        }
        shown = json.loads(run(here, "plan", "-o", "json"))
        run(here, "approve", shown["id"], "--reason", "first sync")
        run(here, "sync")
        after = json.loads(run(here, "plan", "--exit-code", "-o", "json"))
        assert {app["state"] for app in after["apps"] if app["changes"]} <= QUIET
        assert after["summary"]["InSync"] >= len(after["apps"]) - 4
        ledger = emulator.store.ledger()
        assert [undeclared_moved(entry, declared) for entry in ledger] == [set() for _ in ledger]
        run(here, "sync")
        assert len(emulator.store.ledger()) == len(ledger)
