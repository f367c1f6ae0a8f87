"""kill -9 at any moment of a sync: after the next run every PUT the vendor committed has an intent and a result."""

from __future__ import annotations

import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from syncer.audit import verify
from tests.support.site import Site, site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 100
IN_CI = 12
IN_SOAK = 50


def _sync_killed_after(here: Site, seconds: float) -> None:
    process = subprocess.Popen(
        here.command("sync"), env=here.environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _check(here: Site) -> None:
    records = here.journal()
    intents: dict[str, int] = {}
    results: dict[str, int] = {}
    for record in records:
        if record["type"] == "syncer.put.intent.v1":
            intents[record["data"]["reqid"]] = int(record["seq"])
        elif record["type"] in {"syncer.put.result.v1", "syncer.put.recovered.v1"}:
            assert record["data"]["reqid"] not in results, "a second terminal record"
            results[record["data"]["reqid"]] = int(record["seq"])
    ledger = [entry.request_id for entry in here.emulator.store.ledger()]
    assert set(ledger) <= set(intents), "a PUT without an intent"
    assert set(intents) == set(results), "an intent without a result"
    assert len(ledger) == len(set(ledger)), "one intent, two PUTs"
    assert verify.verify(here.state).good


def _run(tmp_path: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    with site(tmp_path, APPS, popup_url="https://hooks.acme.example/0") as here:
        started = time.monotonic()
        here.run("sync")
        whole = time.monotonic() - started
        for round_ in range(1, kills + 1):
            here.declare(APPS, popup_url=f"https://hooks.acme.example/{round_}")
            _sync_killed_after(here, rng.uniform(0.2, 1.0) * whole)
            if round_ % 4 == 0:
                here.run("sync")
                _check(here)
        here.run("sync")
        _check(here)
        assert {here.live(n)["popup_url"] for n in range(1, APPS + 1)} == {f"https://hooks.acme.example/{kills}"}


@pytest.mark.timeout(300)
def test_kill_at_random_moments_loses_no_record(tmp_path: Path) -> None:
    _run(tmp_path, IN_CI, seed=1)


@pytest.mark.soak
def test_kill_at_random_moments_at_full_length(tmp_path: Path, figure: Recorder) -> None:
    _run(tmp_path, IN_SOAK, seed=2)
    figure("kill-loop", IN_SOAK, seeds="2", result="0 lost")
