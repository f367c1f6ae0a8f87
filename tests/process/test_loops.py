"""kill -9, SIGTERM and SIGSTOP at random moments of every way to run; bounded here, at full length by `make soak`.

The source is a git repository: a folder would be watched for two seconds before anything is read from it. A pass writes
for a small part of its time, so four strikes of five wait for its first intent. Where each landed is counted.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.process import promise
from tests.support.nursery import Child, Nursery, nursery
from tests.support.versioned import Versioned, versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 12
ROUNDS_PER_SITE = 25
GRACE = 20.0
OPEN = "between an intent and its result"
WAYS = (("sync",), ("run", "--once"), ("run",))
ALL = range(1, APPS + 1)
WORKERS = 3
"""PUTs at once, so that a pass of all apps has a beginning, a middle and an end."""
INTENT, RESULT = "syncer.put.intent.v1", "syncer.put.result.v1"
UNREADY = {-signal.SIGTERM}
"""What ends a process that has not yet come to its handlers: nothing was begun."""


@dataclass(slots=True)
class Loop:
    """An installation with a version that waits to be written, and how long that takes."""

    here: Versioned
    start: Nursery
    rng: random.Random
    landed: Counter[str]
    version: int = 0
    whole: float = 0.0
    writing: float = 0.0
    known: int = 0

    def declare(self) -> None:
        self.version += 1
        self.known = len(self.here.site.journal()) if self.version > 1 else 0
        self.here.commit(ALL, popup_url=self.popup)

    @property
    def popup(self) -> str:
        return f"https://hooks.acme.example/{self.version}"

    def measure(self) -> None:
        """How long a pass takes that nothing disturbs, and its writes; the load of the machine is part of it."""
        self.declare()
        begun = time.monotonic()
        self.start.run(self.here.site, "sync")
        self.whole = time.monotonic() - begun
        times = [datetime.fromisoformat(record["time"]) for record in self.recorded(INTENT, RESULT)]
        self.writing = (times[-1] - times[0]).total_seconds()

    def recorded(self, *kinds: str) -> list[dict[str, Any]]:
        """The records of these types since the version was declared."""
        return [record for record in self.here.site.journal()[self.known :] if record["type"] in kinds]

    def moment(self, child: Child, share: float = 1.0) -> None:
        """Most often a moment of the writes, else any of the whole pass."""
        if self.rng.random() < 0.2:
            time.sleep(self.rng.uniform(0, share * self.whole))
            return
        deadline = time.monotonic() + GRACE
        while not self.recorded(INTENT) and not child.ended.is_set() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(self.rng.uniform(0, share * self.writing))

    def strike(self, child: Child, number: signal.Signals) -> None:
        """The signal, and where it landed."""
        child.signal(number)
        begun, ended = len(self.recorded(INTENT)), len(self.recorded(RESULT))
        where = "before the first intent" if not begun else "after the last result"
        if begun > ended:
            where = OPEN
        elif 0 < ended < APPS:
            where = "between two writes"
        self.landed[where] += 1

    def mend(self) -> None:
        """A run without disturbance, after which all must be right."""
        self.start.run(self.here.site, "sync")
        promise.converged(self.here.site, APPS, popup_url=self.popup)
        promise.kept(self.here.site)


def killed(loop: Loop, child: Child, _way: str) -> None:
    loop.moment(child)
    loop.strike(child, signal.SIGKILL)
    child.wait()


def terminated(loop: Loop, child: Child, way: str) -> None:
    """Ends in time, and with 0 as a daemon; a `sync` that was broken off may not look as if it were done."""
    loop.moment(child)
    loop.strike(child, signal.SIGTERM)
    code = child.wait(GRACE)
    assert code in ({0} if way == "run" else {0, 1}) | UNREADY, child.told()


def paused(loop: Loop, child: Child, way: str) -> None:
    """Now and then for longer than a request may take."""
    for pause in (0.05, 0.1, loop.rng.choice((0.1, 1.3))):
        loop.moment(child, 0.4)
        loop.strike(child, signal.SIGSTOP)
        time.sleep(loop.rng.uniform(0, pause) if pause < 1 else pause)
        child.signal(signal.SIGCONT)
    _let_finish(child, way)


def _let_finish(child: Child, way: str) -> None:
    if way == "run":
        deadline = time.monotonic() + GRACE
        while not child.lines("pass.finished") and not child.lines("pass.failed"):
            assert time.monotonic() < deadline, child.told()
            time.sleep(0.01)
        child.signal(signal.SIGTERM)
    code = child.wait(GRACE)
    assert code in {0, 1}, child.told()


def loops(home: Path, count: int, seed: int) -> Iterator[Loop]:
    """One for each round, over as many sites as it takes, all from one seed."""
    rng, landed = random.Random(seed), Counter[str]()
    with nursery(home) as start:
        for first in range(0, count, ROUNDS_PER_SITE):
            (home / f"site-{first}").mkdir()
            with versioned(home / f"site-{first}", APPS) as here:
                here.site.emulator.fault("PUT:latency(30)")
                here.configure()
                text = here.site.config.read_text().replace(
                    "rate: 5000/s", f"rate: 5000/s, deadline: 1s, concurrency: {WORKERS}"
                )
                here.site.config.write_text(text)
                loop = Loop(here, start, rng, landed)
                loop.measure()
                for _ in range(first, min(first + ROUNDS_PER_SITE, count)):
                    loop.declare()
                    yield loop


def rounds(home: Path, count: int, seed: int, strike: Callable[[Loop, Child, str], None]) -> Counter[str]:
    """Where the strikes landed."""
    landed = Counter[str]()
    for number, loop in enumerate(loops(home, count, seed)):
        way = WAYS[number % len(WAYS)]
        strike(loop, loop.start.start(loop.here.site, *way), way[-1])
        loop.mend()
        landed = loop.landed
    assert landed[OPEN] >= count // 4, f"most strikes hit a process that writes nothing: {landed}"
    return landed


def told(landed: Counter[str]) -> str:
    return ", ".join(f"{count} {where}" for where, count in landed.most_common())


def lengths(short: int, full: int) -> pytest.MarkDecorator:
    marks = [pytest.mark.soak, pytest.mark.timeout(0)]
    return pytest.mark.parametrize("count", [short, pytest.param(full, marks=marks)])


@lengths(6, 500)
def test_kill_at_any_moment_of_any_way_to_run(tmp_path: Path, figure: Recorder, count: int) -> None:
    landed = rounds(tmp_path, count, 11, killed)
    figure("kill-loop", count, seeds="11", result=f"0 lost; {told(landed)}")


@lengths(3, 200)
def test_sigterm_at_any_moment_ends_in_time(tmp_path: Path, figure: Recorder, count: int) -> None:
    landed = rounds(tmp_path, count, 12, terminated)
    figure("term-loop", count, seeds="12", result=f"0 lost, none needed SIGKILL; {told(landed)}")


@lengths(3, 200)
def test_a_process_that_was_paused_goes_on_where_it_was(tmp_path: Path, figure: Recorder, count: int) -> None:
    landed = rounds(tmp_path, count, 13, paused)
    figure("stop-loop", count, seeds="13", result=f"0 lost by a syncer that was stopped, thrice each: {told(landed)}")


@lengths(3, 100)
def test_a_vendor_that_stops_for_longer_than_the_deadline_loses_nothing(
    tmp_path: Path, figure: Recorder, count: int
) -> None:
    landed = Counter[str]()
    for number, loop in enumerate(loops(tmp_path, count, 14)):
        with relayed(loop) as relay:
            way = WAYS[number % len(WAYS)]
            child = loop.start.start(loop.here.site, *way)
            loop.moment(child, 0.9)
            relay.send_signal(signal.SIGSTOP)
            loop.strike(child, signal.SIGCONT)
            time.sleep(loop.rng.uniform(0, 1.5))
            relay.send_signal(signal.SIGCONT)
            _let_finish(child, way[-1])
        loop.mend()
        landed = loop.landed
    assert landed[OPEN] >= count // 4, landed
    figure("stop-loop", count, seeds="14", result=f"0 lost by a vendor that was stopped: {told(landed)}")


@contextmanager
def relayed(loop: Loop) -> Iterator[subprocess.Popen[str]]:
    """The vendor behind a relay while the block lasts."""
    site = loop.here.site
    direct = site.config.read_text()
    port = site.emulator.base_url.split(":")[2].split("/")[0]
    command = [sys.executable, "-m", "tests.process.relay", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdout is not None
        site.config.write_text(direct.replace(f":{port}/", f":{relay.stdout.readline().strip()}/"))
        try:
            yield relay
        finally:
            relay.terminate()
            site.config.write_text(direct)
