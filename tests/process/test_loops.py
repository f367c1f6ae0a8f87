"""kill -9, SIGTERM and SIGSTOP at random moments of every way to run; bounded here, at full length by `make soak`.

The source is a git repository: a folder would be watched for two seconds before anything is read from it, and most
strikes would hit a process that waits.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.process import promise
from tests.process.nursery import Child, Nursery, nursery
from tests.support.versioned import Versioned, versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 12
ROUNDS_PER_SITE = 50
GRACE = 20.0
WAYS = (("sync",), ("run", "--once"), ("run",))
ALL = range(1, APPS + 1)
UNREADY = {-signal.SIGTERM}
"""What ends a process that has not yet come to its handlers: nothing was begun."""


@dataclass(slots=True)
class Loop:
    """An installation with a version that waits to be written, and how long that takes."""

    here: Versioned
    start: Nursery
    rng: random.Random
    version: int = 0
    whole: float = 0.0

    def declare(self) -> None:
        self.version += 1
        self.here.commit(ALL, popup_url=self.popup)

    @property
    def popup(self) -> str:
        return f"https://hooks.acme.example/{self.version}"

    def measure(self) -> None:
        """How long a pass takes that nothing disturbs; the load of the machine is part of it."""
        self.declare()
        begun = time.monotonic()
        self.start.run(self.here.site, "sync")
        self.whole = time.monotonic() - begun

    def moment(self, share: float = 1.1) -> None:
        time.sleep(self.rng.uniform(0.1, share) * self.whole)

    def mend(self) -> bool:
        """A run without disturbance, after which all must be right; whether the one before was hit among its PUTs."""
        kinds = [record["type"] for record in self.here.site.journal()]
        last = kinds[len(kinds) - kinds[::-1].index("syncer.start.v1") :]
        begun, ended = last.count("syncer.put.intent.v1"), last.count("syncer.put.result.v1")
        self.start.run(self.here.site, "sync")
        promise.converged(self.here.site, APPS, popup_url=self.popup)
        promise.kept(self.here.site)
        return begun > ended or 0 < begun < APPS


def killed(loop: Loop, child: Child, _way: str) -> None:
    loop.moment()
    child.signal(signal.SIGKILL)
    child.wait()


def terminated(loop: Loop, child: Child, way: str) -> None:
    """Ends in time, and with 0 as a daemon; a `sync` that was broken off may not look as if it were done."""
    loop.moment()
    child.signal(signal.SIGTERM)
    code = child.wait(GRACE)
    assert code in ({0} if way == "run" else {0, 1}) | UNREADY, child.told()


def paused(loop: Loop, child: Child, way: str) -> None:
    """Now and then for longer than a request may take."""
    for pause in (0.05, 0.1, loop.rng.choice((0.1, 1.3))):
        loop.moment(0.4)
        child.signal(signal.SIGSTOP)
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
    rng = random.Random(seed)
    with nursery(home) as start:
        for first in range(0, count, ROUNDS_PER_SITE):
            (home / f"site-{first}").mkdir()
            with versioned(home / f"site-{first}", APPS) as here:
                here.site.emulator.fault("PUT:latency(15)")
                here.configure()
                text = here.site.config.read_text().replace("rate: 5000/s", "rate: 5000/s, deadline: 1s")
                here.site.config.write_text(text)
                loop = Loop(here, start, rng)
                loop.measure()
                for _ in range(first, min(first + ROUNDS_PER_SITE, count)):
                    loop.declare()
                    yield loop


def rounds(home: Path, count: int, seed: int, strike: Callable[[Loop, Child, str], None]) -> int:
    """The strikes that hit a process in the midst of its writes."""
    hits = 0
    for number, loop in enumerate(loops(home, count, seed)):
        way = WAYS[number % len(WAYS)]
        strike(loop, loop.start.start(loop.here.site, *way), way[-1])
        hits += loop.mend()
    return hits


def lengths(short: int, full: int) -> pytest.MarkDecorator:
    marks = [pytest.mark.soak, pytest.mark.timeout(0)]
    return pytest.mark.parametrize("count", [short, pytest.param(full, marks=marks)])


@lengths(6, 500)
def test_kill_at_any_moment_of_any_way_to_run(tmp_path: Path, figure: Recorder, count: int) -> None:
    hits = rounds(tmp_path, count, 11, killed)
    assert hits >= count // 10, "most strikes hit a process that writes nothing"
    figure("kill-loop", count, seeds="11", result=f"0 lost; {hits} hit between an intent and its result")


@lengths(3, 200)
def test_sigterm_at_any_moment_ends_in_time(tmp_path: Path, figure: Recorder, count: int) -> None:
    rounds(tmp_path, count, 12, terminated)
    figure("term-loop", count, seeds="12", result="0 lost, none needed SIGKILL")


@lengths(3, 100)
def test_a_process_that_was_paused_goes_on_where_it_was(tmp_path: Path, figure: Recorder, count: int) -> None:
    rounds(tmp_path, count, 13, paused)
    figure("stop-loop", count, seeds="13", result="0 lost by a syncer that was stopped")


@lengths(3, 100)
def test_a_vendor_that_stops_for_longer_than_the_deadline_loses_nothing(
    tmp_path: Path, figure: Recorder, count: int
) -> None:
    for number, loop in enumerate(loops(tmp_path, count, 14)):
        with relayed(loop) as relay:
            way = WAYS[number % len(WAYS)]
            child = loop.start.start(loop.here.site, *way)
            loop.moment(0.9)
            relay.send_signal(signal.SIGSTOP)
            time.sleep(loop.rng.uniform(0, 1.5))
            relay.send_signal(signal.SIGCONT)
            _let_finish(child, way[-1])
        loop.mend()
    figure("stop-loop", count, seeds="14", result="0 lost by a vendor that was stopped")


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
