"""What must hold after whatever happened to a process, by the emulator's ledger and the journal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from syncer.audit import verify

if TYPE_CHECKING:
    from tests.support.site import Site

ENDS = frozenset({"syncer.put.result.v1", "syncer.put.recovered.v1"})


def kept(here: Site) -> None:
    """After a run without faults: an earlier intent for each PUT (I1), one end for each intent (I2), a good journal."""
    shift = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    intents: dict[str, int] = {}
    ended: list[str] = []
    for record in here.journal():
        if record["type"] == "syncer.put.intent.v1":
            intents[record["data"]["reqid"]] = int(record["boottimens"])
        elif record["type"] in ENDS:
            ended.append(record["data"]["reqid"])
    for entry in here.emulator.store.ledger():
        assert entry.request_id in intents, "a PUT without an intent"
        assert intents[entry.request_id] <= entry.started_ns + shift, "a PUT before its intent"
    assert sorted(ended) == sorted(intents), "an intent without its one end"
    assert verify.verify(here.state).good


def converged(here: Site, apps: int, **declared: object) -> None:
    """Every app is as git declares it."""
    for number in range(1, apps + 1):
        live = here.live(number)
        assert {name: live[name] for name in declared} == declared
