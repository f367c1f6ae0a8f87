"""The figures that the project holds itself to, and a log of what each soak test reached."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = "SYNCER_SOAK_LOG"
"""The folder that figures are kept in; without it nothing is kept."""

GOALS: dict[str, tuple[str, int]] = {
    "vendor-faults": ("vendor-fault scenarios, each against the invariants", 200),
    "puts-under-faults": ("emulated PUTs under faults, none wrong, none unrecorded", 100_000),
    "syscall-faults": ("a fault at a system call between intent and result (KILL, EIO, ENOSPC, short write)", 1_000),
    "power-cut": ("power cuts just before a PUT leaves, worked out from the trace of a run", 150),
    "kill-loop": ("kill -9 at random moments", 500),
    "term-loop": ("SIGTERM at random moments, SIGKILL after the grace", 200),
    "stop-loop": ("SIGSTOP and SIGCONT at random moments", 200),
    "lease-stops": ("SIGSTOP of the leader of three at random moments: 0 overlapping PUTs, one follows in time", 200),
    "lease-real": ("the same for 1 to 90 s with a real kube-apiserver and the times that are built in", 30),
    "cluster": ("rollouts, kills and drains of a Deployment on a one-node cluster: no lost record, no double write", 9),
    "clock-jumps": ("jumps of a running daemon's wall clock: passes go on, no limit opens by one set back", 100),
    "out-of-memory": ("passes that run out of memory at any point: 0 lost, 0 unrecorded", 50),
    "stale-plans": ("histories in which a plan is approved or written late: only what was approved is written", 1_000),
    "two-writers": ("two starts on one state folder at once: one writes, the other names it", 100),
    "one-shots": ("rounds of twenty one-shots at once: exactly one writes", 50),
    "yaml-fuzz": ("YAML inputs: a value or an error with a place, each within 0.5 s", 1_000_000),
    "yaml-corpus": ("YAML inputs made by hand", 300),
    "hostile-urls": ("hostile URLs, none accepted wrongly", 50_000),
    "hostile-urls-made": ("hostile URLs made by hand, none read elsewhere by the parser of browsers", 200),
    "hostile-ids": ("hostile app ids, none accepted wrongly", 20_000),
    "hostile-refs": ("hostile git addresses and refs, none accepted wrongly", 20_000),
    "log-damage": ("byte flips, cuts, swaps and duplicates in a journal, all detected by both verifiers", 1),
    "gate-exhaustive": ("fleets of 1 to 50 apps, each with every drift count: no write above a limit", 1_275),
    "flapper": ("sweeps with somebody who changes it back each time: at most 4 PUTs, `Fighting` shown", 1_000),
    "meddling": ("PUTs that meet another writer within 50 ms: nothing overwritten outside the window", 10_000),
    "mass-drift": ("shares of a fleet gone wrong at once, in six ways: no PUT above a limit", 600),
    "late-vendor": ("sweeps of a vendor that shows PUTs late, never or rewritten: at most 3 PUTs per target", 200),
    "token-rotation": ("passes with tokens refused or replaced at any instant: at most 2 refusals per app", 240),
    "histories": ("random histories of commits, faults, restarts and passes, each against the invariants", 200),
    "long-life": ("passes of one process over 200 apps with faults: no descriptor lost, memory bounded", 300),
    "retry-amplification": ("requests at 100 % 500, at most 1.2 times those without retries", 1),
    "slow-sockets": ("seconds with 500 sockets that trickle, `/livez` under 200 ms throughout", 60),
    "server-fuzz": ("generated requests over the server's OpenAPI document and beside it, none answered 5xx", 20_000),
    "pages-xss": ("payloads in every field that pages show: no dialog, no request elsewhere, no element", 200),
    "poison": ("bad files in a fleet of 50 apps: the other 49 converge beside each", 90),
    "hostile-answers": ("hostile answers to GET and PUT: an error, or exactly what they say", 20_000),
    "hostile-settings": ("hostile configuration files and variables: settings, or problems with places", 20_000),
    "imported-fleets": ("fleets imported, each plan of them empty and no secret written", 5_000),
    "accepted-drifts": ("drifts accepted into files: one line each, and nothing else resolved otherwise", 3_000),
    "canaries": ("failing runs searched for secrets, none found", 1_000),
    "notice-kills": ("kill -9 around the delivery of a notice: each arrives, none twice under another id", 120),
    "mutants": ("mutants of `plan/` and `audit/`", 1),
    "seeded-bugs": ("bugs put in on purpose, each caught", 10),
}
"""Each figure by key: what it counts, and at least how many of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one test reached: `reached` inputs or rounds, `took` in seconds."""

    key: str
    test: str
    reached: int
    seeds: str
    result: str
    took: float


class Recorder:
    """Keeps what a test reached when the test has passed so far; a figure without a goal is a mistake."""

    def __init__(self, test: str) -> None:
        self._test = test
        self._begun = time.monotonic()

    def __call__(self, key: str, reached: int, *, seeds: str, result: str) -> None:
        """Raises KeyError for a key without a goal; called as the test's last line, after its assertions."""
        if key not in GOALS:
            raise KeyError(key)
        if not (folder := os.environ.get(LOG)):
            return
        figure = Figure(key, self._test, reached, seeds, result, round(time.monotonic() - self._begun, 1))
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in f"{key}-{self._test}")[-180:]
        (target / f"{name}.json").write_text(json.dumps(asdict(figure)), encoding="utf-8")


def kept(folder: Path) -> Iterator[Figure]:
    """Every figure of the last soak."""
    for path in sorted(folder.glob("*.json")):
        yield Figure(**json.loads(path.read_text(encoding="utf-8")))
