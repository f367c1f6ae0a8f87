"""Two syncs on one state folder at the same instant: one works, the other says who does and leaves."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

from tests.support.site import Site, site

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 5
APPS = 12


def _together(here: Site) -> list[int]:
    """Exit codes of two syncs that are started at the same instant."""
    gate = threading.Barrier(2)
    codes: list[int] = []

    def one() -> None:
        gate.wait()
        started = subprocess.run(
            here.command("sync"), env=here.environ(), capture_output=True, check=False, timeout=60, cwd=os.sep
        )
        codes.append(started.returncode)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(codes)


def test_of_two_syncs_at_once_one_writes_and_the_other_ends_with_4(tmp_path: Path) -> None:
    with site(tmp_path, APPS) as here:
        here.emulator.fault("GET:latency(400)")
        for number in range(ROUNDS):
            here.declare(APPS, popup_url=f"https://hooks.acme.example/{number}")
            before = len(here.emulator.store.ledger())
            assert _together(here) == [0, 4]
            put = here.emulator.store.ledger()[before:]
            assert sorted(entry.app_id for entry in put) == sorted({entry.app_id for entry in put})
            assert len(put) == APPS
        starts = [record["data"]["actor"] for record in here.journal() if record["type"] == "syncer.start.v1"]
        assert len(starts) == ROUNDS
