"""A process is killed, refused or cut short at each system call between the first intent and the last result."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.audit import second_verifier
from tests.process import promise, strace
from tests.support.nursery import Child, Nursery, nursery
from tests.support.site import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 2
TRIALS_PER_SITE = 60
ROOM_TO_GROW = 6
"""Syncs before the first trial: the journal is then the largest file, which a limit on file sizes cuts first."""
ACTIONS = ("signal=KILL", "error=EIO", "error=ENOSPC")
NEVER = frozenset({"exit_group", "exit", "rt_sigreturn", "restart_syscall"})
FILES = {
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "read",
    "pread64",
    "openat",
    "close",
    "rename",
    "unlink",
    "ftruncate",
}
SOCKETS = {"sendto", "sendmsg", "recvfrom", "recvmsg", "connect", "socket", "setsockopt", "getsockopt"}
MAY_FAIL = frozenset({*FILES, *SOCKETS, "lseek", "newfstatat", "fcntl", "ioctl"})
"""Calls that devices and networks make fail; the kernel does not say EIO to one that waits for a lock or for time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """At the `number`-th call of a name, an action of strace; or, without a name, files that may not grow any more."""

    action: str
    name: str = ""
    number: int = 0
    room: int = 0


def traced(start: Nursery, here: Site, log: Path, *options: str) -> Child:
    child = start.start(here, "sync", stopped=True)
    with strace.attached(child, log, "-f", *options):
        child.wait()
    return child


def points(start: Nursery, here: Site, log: Path) -> list[tuple[str, int]]:
    """Each system call of the main thread from the first intent to the last result: its name, and which one it is."""
    child = traced(start, here, log, "-s", "400")
    seen: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    begun, last = -1, -1
    for line in log.read_text(errors="replace").splitlines():
        thread, _, call = line.partition(" ")
        name = call.lstrip().partition("(")[0]
        if int(thread) != child.pid or not name.isidentifier():
            continue
        seen[name] += 1
        if "put.intent" in call and begun < 0:
            begun = len(found)
        if begun >= 0 and name not in NEVER:
            found.append((name, seen[name]))
        if "put.result" in call:
            last = len(found) + 1  # its fsync, too
    assert begun == 0
    assert last > 20
    return found[:last]


def faults(rng: random.Random, known: list[tuple[str, int]], growth: int) -> Iterator[Fault]:
    """Every point with every action in turn, and short writes at random bytes among them; without end."""
    while True:
        failing = [point for point in known if point[0] in MAY_FAIL]
        matrix = [Fault(ACTIONS[0], *point) for point in known]
        matrix += [Fault(action, *point) for point in failing for action in ACTIONS[1:]]
        matrix += [Fault("short write", room=rng.randrange(growth)) for _ in range(len(known))]
        yield from rng.sample(matrix, len(matrix))


def suffer(start: Nursery, here: Site, fault: Fault, log: Path) -> None:
    if fault.name:
        inject = f"inject={fault.name}:{fault.action}:when={fault.number}"
        traced(start, here, log, "-e", f"trace={fault.name}", "-e", inject)
        return
    size = max(path.stat().st_size for path in (here.state / "journal").iterdir())
    start.start(here, "sync", limits={"RLIMIT_FSIZE": size + fault.room}).wait()


def run(home: Path, trials: int, seed: int) -> Counter[str]:
    """That many faults over as many sites as it takes; what of each kind was done."""
    rng, done, log = random.Random(seed), Counter[str](), home / "trace"
    with nursery(home) as start:
        for number in range(-(-trials // TRIALS_PER_SITE)):
            (home / f"site-{number}").mkdir()
            with site(home / f"site-{number}", APPS) as here:
                one_site(start, here, log, rng, done, trials)
    return done


def one_site(start: Nursery, here: Site, log: Path, rng: random.Random, done: Counter[str], trials: int) -> None:
    def declare(version: int) -> str:
        popup = f"https://hooks.acme.example/{version}"
        here.declare(APPS, popup_url=popup)
        return popup

    for version in range(ROOM_TO_GROW):
        declare(version)
        start.run(here, "sync")
    before = sum(path.stat().st_size for path in (here.state / "journal").iterdir())
    declare(ROOM_TO_GROW)
    known = points(start, here, log)
    growth = sum(path.stat().st_size for path in (here.state / "journal").iterdir()) - before
    wanted = faults(rng, known, growth)
    for trial in range(min(TRIALS_PER_SITE, trials - done.total())):
        print(fault := next(wanted))  # noqa: T201 -- shown when the trial fails
        popup = declare(ROOM_TO_GROW + 1 + trial)
        suffer(start, here, fault, log)
        start.run(here, "sync")
        promise.converged(here, APPS, popup_url=popup)
        promise.kept(here)
        done[fault.action] += 1
    assert second_verifier.verdict(here.state) == "good"


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("trials", "seed"), [(24, 1), pytest.param(1_200, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
def test_no_call_between_intent_and_result_loses_a_record(
    tmp_path: Path, figure: Recorder, trials: int, seed: int
) -> None:
    done = run(tmp_path, trials, seed)
    assert done.total() == trials
    assert set(done) == {*ACTIONS, "short write"}
    figure("syscall-faults", trials, seeds=str(seed), result="0 lost, 0 left open")
