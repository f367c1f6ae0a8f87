"""A process that runs out of memory, at any point of a pass (hazard D6): it ends loudly, and nothing is lost."""

from __future__ import annotations

import random
import resource
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.process import promise
from tests.support.nursery import Child, Nursery, nursery
from tests.support.site import Site, site

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

APPS = 60
KIB = 1024
ENOUGH, SHORT = 1 << 33, 1 << 28
"""Address space beyond what the process has at its start: more than any pass takes, and about what one takes."""
WRITES, REQUESTS = 350_000, 850_000
"""About after how many requests for memory a pass begins to write, and ends."""
PATIENCE = 5.0
"""Seconds for a process that was refused memory; after that it is ended as the kernel would do it."""
POPUP = "https://hooks.acme.example/popup"
INTENT = b"syncer.put.intent.v1"


def held(child: Child) -> int:
    """The address space of a process in bytes, 0 when it has ended."""
    try:
        pages = Path(f"/proc/{child.pid}/statm").read_text().split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * resource.getpagesize()


def bounded(child: Child, more: int) -> bool:
    """From now on it gets so many bytes more; whether it was still there."""
    if child.ended.is_set() or not (size := held(child)):
        return False
    try:
        resource.prlimit(child.pid, resource.RLIMIT_AS, (size + more, size + more))
    except ProcessLookupError:
        return False
    return True


def intents(here: Site) -> int:
    return sum(path.read_bytes().count(INTENT) for path in (here.state / "journal").glob("*.jsonl"))


def results(here: Site) -> int:
    """PUTs that ended well, or were found to have done so."""
    ends = ("syncer.put.result.v1", "syncer.put.recovered.v1")
    return sum(r["type"] in ends and r["data"]["verdict"] == "applied" for r in here.journal())


def bounded_pass(start: Nursery, here: Site, rng: random.Random) -> Child:
    """A pass that gets too little: from its start, or from a random moment of its writes."""
    before = intents(here)
    child = start.start(here, "sync", stopped=True)
    child.wait_until_stopped()
    late = rng.random() < 0.3
    bounded(child, ENOUGH if late else rng.randrange(SHORT))
    child.signal(signal.SIGCONT)
    if late:
        wanted = before + rng.randrange(1, APPS)
        while intents(here) < wanted and not child.ended.is_set():
            time.sleep(0.001)
        bounded(child, 0)
    return child


def outcome(here: Site, child: Child, before: tuple[int, int]) -> str:
    """How it ended, where among its writes."""
    code = child.wait()
    assert not code or code < 0 or child.told().strip(), "it ended without a word"
    where = "among" if before[0] < intents(here) and results(here) < before[1] + APPS else "before or after"
    return "did not need it" if not code else f"ended {where} its writes"


def told(ended: Counter[str]) -> str:
    return ", ".join(f"{count} {how}" for how, count in ended.most_common())


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_a_pass_in_too_little_memory_loses_nothing_and_the_next_one_ends_it(
    tmp_path: Path, figure: Recorder, rounds: int
) -> None:
    rng = random.Random(31)
    ended = Counter[str]()
    with nursery(tmp_path) as start, site(tmp_path, APPS) as here:
        start.run(here, "sync")
        for number in range(rounds):
            here.declare(APPS, popup_url=f"{POPUP}/{number}")
            before = intents(here), results(here)
            ended[outcome(here, bounded_pass(start, here, rng), before)] += 1
            start.run(here, "sync")
            promise.converged(here, APPS, popup_url=f"{POPUP}/{number}")
            promise.kept(here)
    figure("out-of-memory", rounds, seeds="31", result=f"RLIMIT_AS, 0 lost; {told(ended)}")


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_no_request_for_memory_that_fails_costs_a_record(tmp_path: Path, figure: Recorder) -> None:
    """Python's own hook refuses memory once, for a while, or from then on, anywhere in a pass."""
    pytest.importorskip("_testcapi", reason="this Python comes without its test hooks")
    rng = random.Random(32)
    ended = Counter[str]()
    rounds = 60
    with nursery(tmp_path) as start, site(tmp_path, APPS) as here:
        start.run(here, "sync")
        for number in range(rounds):
            here.declare(APPS, popup_url=f"{POPUP}/{number}")
            before, first = (intents(here), results(here)), rng.randrange(1 if number % 3 == 0 else WRITES, REQUESTS)
            last = rng.choice((first + 1, first + 10, first + 100, first + rng.randrange(2, 2_000), 0))
            child = start.start(here, "sync", starved=(first, last))
            if not child.ended.wait(PATIENCE):  # Python goes round in circles, or lost the thread that others wait for
                ended["ended only by SIGKILL"] += 1
                child.signal(signal.SIGKILL)
            ended[outcome(here, child, before)] += 1
            start.run(here, "sync")
            promise.converged(here, APPS, popup_url=f"{POPUP}/{number}")
            promise.kept(here)
    assert ended["ended among its writes"] > rounds // 10, ended
    figure("out-of-memory", rounds, seeds="32", result=f"memory refused, 0 lost; {told(ended)}")
