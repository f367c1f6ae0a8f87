"""A process asked to end at random moments of a pass, once and twice, while others ask it: it ends, and nothing breaks.

The loops of `test_loops` strike among the writes. Here most strikes come while a thread loads the source, and in the
first and last 50 ms: there a thread that nobody waits for would use what is closed by then. The source is a folder of
so many files that loading lasts.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.process import promise
from tests.support.nursery import Child, Nursery, nursery
from tests.support.site import app_id, site
from tests.support.versioned import apps_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder
    from tests.support.site import Site

APPS = 300
WRITTEN = 12
"""Apps that each round changes."""
GRACE = 30.0
WAYS = (("sync",), ("run", "--once"), ("run",))
EDGE = 0.05
TOKEN = "alice-0123456789abcdef"
CODES = {0, 1, 130}
"""Done or asked to stop; broken off, or asked twice; interrupted before there was anything to finish."""
FAULTS = ("Traceback", "Fatal Python error", "never retrieved", "was destroyed", "ResourceWarning", "unclosed ")
PATHS = ("/", "/audit.json", "/fleet.json", "/system.json", "/metrics", "/api/v1/plan", "/audit.csv", "/drift.json")
STRICT = ("-X", "dev", "-X", "faulthandler", "-W", "error::ResourceWarning")
APART = 5
"""Each such round is a process that began with Python itself: its end is part of it. The others are forked."""


@dataclass(slots=True)
class Ends:
    """An installation, how long each way takes to its end, and where strikes landed."""

    here: Site
    start: Nursery
    rng: random.Random
    whole: dict[str, float] = field(default_factory=dict)
    landed: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    version: int = 0

    @property
    def popup(self) -> str:
        return f"https://hooks.acme.example/{self.version}"

    def declare(self) -> None:
        """News for some apps, each in its own file."""
        self.version += 1
        for number in range(1, WRITTEN + 1):
            file = self.here.source / f"{app_id(number)}.yaml"
            file.write_bytes(apps_file(self.here.home, range(number, number + 1), {"popup_url": self.popup}) + b"\n")

    def begin(self, way: tuple[str, ...], *, apart: bool = False) -> Child:
        """The process, once it has opened its journal."""
        journal = self.here.state / "journal" / "00000001.jsonl"
        before = journal.stat().st_size if journal.exists() else 0
        child = apart_from(self.here, self.start, *way) if apart else self.start.start(self.here, *way)
        deadline = time.monotonic() + GRACE
        while not (journal.exists() and journal.stat().st_size > before):
            assert not child.ended.is_set(), child.told()
            assert time.monotonic() < deadline, child.told()
            time.sleep(0.001)
        return child

    def measure(self, way: tuple[str, ...]) -> None:
        """A pass that nothing disturbs."""
        self.declare()
        child, begun = self.begin(way), time.monotonic()
        while not child.ended.is_set() and not child.lines("pass.finished"):
            time.sleep(0.002)
        self.whole[way[-1]] = time.monotonic() - begun
        child.signal(signal.SIGTERM)
        child.wait(GRACE)

    def moment(self, way: str) -> None:
        """Most often while it loads, else at its very begin, about its end, or at any time."""
        whole = self.whole[way]
        loading = whole * (0.4 if way == "sync" else 0.85)  # the others wait two seconds for the folder to settle
        where, earliest, latest = self.rng.choices(
            (
                ("while loading", 0.0, loading),
                ("in the first 50 ms", 0.0, EDGE),
                ("about the last 50 ms", max(0.0, whole - EDGE), whole + EDGE),
                ("at any time", 0.0, whole),
            ),
            (5, 2, 2, 1),
        )[0]
        self.landed[where] += 1
        time.sleep(self.rng.uniform(earliest, latest))

    def strike(self, child: Child) -> set[int]:
        """One signal, or two within a quarter of a second; which."""
        sent = set()
        for wait in (0.0, self.rng.choice((0.005, EDGE, 0.25)))[: self.rng.choice((1, 2))]:
            time.sleep(self.rng.uniform(0, wait))
            number = self.rng.choice((signal.SIGTERM, signal.SIGINT))
            sent.add(-number)
            child.signal(number)
        return sent

    def round(self, way: tuple[str, ...], *, apart: bool) -> None:
        """A process that is struck, and what it told."""
        self.declare()
        child = self.begin(way, apart=apart)
        with asking(self.here, self.rng.randrange(1 << 30), self.answers):
            self.moment(way[-1])
            sent = self.strike(child)
            code = child.wait(GRACE)
        told = child.told()
        assert code in CODES | sent, f"{way}: {code}\n{told}"
        assert not [fault for fault in FAULTS if fault in told], f"{way}: {code}\n{told}"

    def mend(self) -> None:
        """A run without disturbance, after which all must be right."""
        self.start.run(self.here, "sync")
        promise.converged(self.here, WRITTEN, popup_url=self.popup)
        promise.kept(self.here)


def apart_from(here: Site, start: Nursery, *arguments: str) -> Child:
    """A process of its own from its first instruction, with every check that Python has."""
    start.home.mkdir(exist_ok=True)
    child = Child(start.home / f"apart-{time.monotonic_ns()}")
    command = [sys.executable, *STRICT, "-m", "syncer", *arguments]
    with child.output.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=here.environ())
    child.pid = process.pid

    def reap() -> None:
        found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None
        child.code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        child.ended.set()  # nobody signals it from here on; until now its number was its own
        process.wait()

    threading.Thread(target=reap, daemon=True).start()
    return child


@contextmanager
def asking(here: Site, seed: int, answers: Counter[int]) -> Iterator[None]:
    """Somebody looks at pages and gives orders as fast as they are answered, where there is a server."""
    over = threading.Event()

    def ask() -> None:
        rng = random.Random(seed)
        while not over.wait(0.005):
            with suppress(OSError, http.client.HTTPException, ValueError, KeyError):
                address = json.loads((here.state / "serve.json").read_bytes())["address"]
                answers[_asked(address.rpartition("/")[2], rng)] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(GRACE)


def _asked(host: str, rng: random.Random) -> int:
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        if rng.random() < 0.7:
            connection.request("GET", rng.choice(PATHS))
        else:
            verb, until = rng.choice((("suspend", {"until": "4h"}), ("resume", {})))
            order = {"apps": [app_id(APPS)], "reason": "CHG-1", **until}
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
            connection.request("POST", f"/-/{verb}", json.dumps(order), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@contextmanager
def minding_ctrl_c() -> Iterator[None]:
    """Children inherit that SIGINT is ignored, as it is in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def installed(home: Path, seed: int) -> Iterator[Ends]:
    with minding_ctrl_c(), site(home, APPS) as here, nursery(home) as start:
        (here.source / "apps.yaml").unlink()
        for number in range(1, APPS + 1):
            file = here.source / f"{app_id(number)}.yaml"
            file.write_bytes(apps_file(home, range(number, number + 1), {}) + b"\n")
        (home / "server.token").write_text(f"alice {TOKEN}\n")
        text = here.config.read_text()
        here.config.write_text(f'{text}serve: {{listen: "127.0.0.1:0", token: {{file: "{home}/server.token"}}}}\n')
        ends = Ends(here, start, random.Random(seed))
        for way in WAYS:
            ends.measure(way)
        yield ends


@pytest.mark.parametrize("count", [6, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_whoever_is_asked_to_end_while_it_loads_just_ends(tmp_path: Path, figure: Recorder, count: int) -> None:
    with installed(tmp_path, 15) as ends:
        for number in range(count):
            ends.round(WAYS[number % len(WAYS)], apart=number % APART == APART - 1)
            if number % 25 == 24:
                ends.mend()
        ends.mend()
        # An order in the way of the end is refused with 503; 500 is a fault.
        assert not {status for status in ends.answers if status >= 500} - {503}, ends.answers
        asked = sum(ends.answers.values())
        landed = ", ".join(f"{times} {where}" for where, times in ends.landed.most_common())
        figure(
            "term-loop", count, seeds="15", result=f"none by a signal of its own, no traceback; {landed}; {asked} asked"
        )
