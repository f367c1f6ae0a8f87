"""kill -9, SIGTERM and SIGSTOP at random moments of every way to run; bounded here, at full length by `make soak`."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.process import promise
from tests.process.nursery import Child, Nursery, nursery
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 12
ROUNDS_PER_SITE = 50
GRACE = 20.0
WAYS = (("sync",), ("run", "--once"), ("run",))
LONGEST = 0.35
"""Seconds of a process's life within which it is struck; a sync of this fleet takes about 0.1."""


def killed(child: Child, rng: random.Random, _way: str) -> None:
    time.sleep(rng.uniform(0, LONGEST))
    child.signal(signal.SIGKILL)
    child.wait()


def terminated(child: Child, rng: random.Random, way: str) -> None:
    """Ends in time, and with 0 as a daemon; a `sync` that was broken off may not look as if it were done."""
    time.sleep(rng.uniform(0, LONGEST))
    child.signal(signal.SIGTERM)
    code = child.wait(GRACE)
    assert code in ({0} if way == "run" else {0, 1}) | UNREADY, child.told()


UNREADY = {-signal.SIGTERM}
"""What ends a process that has not yet come to its handlers: nothing was begun."""


def paused(child: Child, rng: random.Random, way: str) -> None:
    for _ in range(3):
        time.sleep(rng.uniform(0, LONGEST / 3))
        child.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0, 0.1))
        child.signal(signal.SIGCONT)
    if way == "run":
        child.signal(signal.SIGTERM)
    assert child.wait(GRACE) in {0, *(UNREADY if way == "run" else ())}, child.told()


def rounds(home: Path, count: int, seed: int, strike: Callable[[Child, random.Random, str], None]) -> None:
    rng = random.Random(seed)
    with nursery(home) as start:
        for first in range(0, count, ROUNDS_PER_SITE):
            (home / f"site-{first}").mkdir()
            with site(home / f"site-{first}", APPS) as here:
                here.configure(CONFIG.replace("apply: 1h", "apply: 1s"))
                here.emulator.fault("PUT:latency(10)")
                for number in range(first, min(first + ROUNDS_PER_SITE, count)):
                    one(start, here, number, rng, strike)


def one(
    start: Nursery, here: Site, number: int, rng: random.Random, strike: Callable[[Child, random.Random, str], None]
) -> None:
    popup = f"https://hooks.acme.example/{number}"
    here.declare(APPS, popup_url=popup)
    way = WAYS[number % len(WAYS)]
    strike(start.start(here, *way), rng, way[-1])
    start.run(here, "sync")
    promise.converged(here, APPS, popup_url=popup)
    promise.kept(here)


def lengths(short: int, full: int) -> pytest.MarkDecorator:
    marks = [pytest.mark.soak, pytest.mark.timeout(0)]
    return pytest.mark.parametrize("count", [short, pytest.param(full, marks=marks)])


@lengths(9, 500)
def test_kill_at_any_moment_of_any_way_to_run(tmp_path: Path, figure: Recorder, count: int) -> None:
    rounds(tmp_path, count, 11, killed)
    figure("kill-loop", count, seeds="11", result="0 lost")


@lengths(6, 200)
def test_sigterm_at_any_moment_ends_in_time(tmp_path: Path, figure: Recorder, count: int) -> None:
    rounds(tmp_path, count, 12, terminated)
    figure("term-loop", count, seeds="12", result="0 lost, none needed SIGKILL")


@lengths(6, 200)
def test_a_process_that_was_paused_goes_on_where_it_was(tmp_path: Path, figure: Recorder, count: int) -> None:
    rounds(tmp_path, count, 13, paused)
    figure("stop-loop", count, seeds="13", result="0 lost")
