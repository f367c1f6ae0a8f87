"""Several real daemons over one fleet: each with a state folder and a journal of its own, one Lease, one vendor."""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncer.audit import verify
from tests.support.daemon import Running, running
from tests.support.versioned import CONFIG, Versioned, versioned

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.site import Site

LEADER = """\
leader:
  kind: lease
  namespace: {namespace}
  server: {server}
  token: {{file: "{token}"}}
  lease_duration: {lease}s
  renew_deadline: {renew}s
  retry_period: {retry}s
"""


@dataclass(frozen=True, slots=True)
class Times:
    """The election's times in whole seconds."""

    lease: int = 4
    renew: int = 3
    retry: int = 1
    put: int = 1

    @property
    def quarantine(self) -> float:
        return self.put + (self.lease - self.renew) / 4

    @property
    def takeover(self) -> float:
        """From a leader that is gone to the first PUT of another, at the longest; a busy machine has some grace."""
        return self.lease + 1.2 * self.retry + self.quarantine + 4.0


REAL = Times(60, 40, 5, 15)


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server as the daemons are told of it."""

    server: str
    token: Path
    namespace: str = "telephony"
    ca_file: Path | None = None
    lease: str = "syncer"


@dataclass
class Replicas:
    """The daemons that run, by number."""

    shared: Versioned
    sites: tuple[Site, ...]
    times: Times
    apps: int
    version: int = 0
    daemons: dict[int, Running] = field(default_factory=dict)

    @property
    def popup(self) -> str:
        return f"https://hooks.acme.example/{self.version}"

    def declare(self) -> None:
        """Another commit, which changes every app."""
        self.version += 1
        self.shared.commit(range(1, self.apps + 1), popup_url=self.popup)

    def converged(self) -> bool:
        return all(self.shared.site.live(n)["popup_url"] == self.popup for n in range(1, self.apps + 1))

    def until(self, condition: Callable[[], bool], seconds: float, told: str) -> None:
        """Wait for processes that no event here tells of."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{told}\n{self.logs()}"
            time.sleep(0.02)

    def logs(self) -> str:
        return "\n".join(
            f"{number}: {json.dumps(line)}" for number, daemon in self.daemons.items() for line in daemon.lines[-12:]
        )

    def leaders(self) -> list[int]:
        """Who says that it leads, by its log."""
        found = []
        for number, daemon in self.daemons.items():
            told = [line["event"] for line in daemon.lines if line["event"].startswith("leader.")]
            kept = [each for each in told if each in {"leader.acquired", "leader.lost", "leader.released"}]
            if kept and kept[-1] == "leader.acquired" and daemon.process.poll() is None:
                found.append(number)
        return found

    def leader(self, seconds: float = 30.0) -> int:
        self.until(lambda: len(self.leaders()) == 1, seconds, "there is not one leader")
        return self.leaders()[0]

    def epochs(self) -> dict[str, int]:
        """The epoch of every intent in all journals, by its request id."""
        return {
            record["data"]["reqid"]: record["data"]["epoch"]
            for site in self.sites
            for record in site.journal()
            if record["type"] == "syncer.put.intent.v1"
        }

    def judge(self) -> int:
        """No PUT overlaps another of its app, none is of an older leadership than one before; how many PUTs."""
        ledger = sorted(self.shared.site.emulator.store.ledger(), key=lambda entry: entry.started_ns)
        epochs = self.epochs()
        ended: dict[str, int] = {}
        newest = -1
        for entry in ledger:
            assert entry.request_id in epochs, f"PUT {entry.sequence} has no intent in any journal"
            assert entry.started_ns > ended.get(entry.app_id, 0), f"two PUTs of {entry.app_id} at once"
            ended[entry.app_id] = entry.ended_ns or time.monotonic_ns()
            epoch = epochs[entry.request_id]
            assert epoch >= newest, f"PUT {entry.sequence} is of epoch {epoch}, after one of {newest}"
            newest = epoch
        return len(ledger)

    def judge_journals(self) -> None:
        """Once all have ended: every journal is good, and no intent is left open."""
        for site in self.sites:
            assert verify.verify(site.state).good


@contextmanager
def replicas(
    home: Path,
    cluster: Cluster,
    *,
    count: int = 3,
    apps: int = 12,
    times: Times = Times(),
    more: str = "",
    run: bool = True,
) -> Iterator[Replicas]:
    """So many daemons, started unless told otherwise."""
    with versioned(home, apps, popup_url="https://hooks.acme.example/0") as shared, ExitStack() as stack:
        sites = tuple(_site(home, cluster, shared, number, times, more) for number in range(count))
        made = Replicas(shared, sites, times, apps)
        if run:
            for number in range(count):
                start(made, number, stack)
        yield made
        for daemon in made.daemons.values():
            daemon.signal(signal.SIGCONT)


def start(made: Replicas, number: int, stack: ExitStack) -> None:
    made.daemons[number] = stack.enter_context(running(made.sites[number], HOSTNAME=f"replica-{number}"))


def _site(home: Path, cluster: Cluster, shared: Versioned, number: int, times: Times, more: str) -> Site:
    own = replace(shared.site, home=home / f"replica-{number}")
    own.home.mkdir()
    common = CONFIG.replace("rate: 5000/s", f"rate: 5000/s, concurrency: 2, deadline: {times.put}s")
    common = common.replace("apply: 1h", f"apply: {4 * times.lease}s")  # an app that a busy machine kept from an answer
    text = common.format(
        url=shared.repository.url, vendor=shared.site.emulator.base_url, state=own.state, poll="1s", detect="1h"
    )
    leader = LEADER.format(
        namespace=cluster.namespace,
        server=cluster.server,
        token=cluster.token,
        lease=times.lease,
        renew=times.renew,
        retry=times.retry,
    )
    ca = f"  ca_file: {cluster.ca_file}\n" if cluster.ca_file else ""
    name = f"  name: {cluster.lease}\n"
    own.config.write_text(f"{text}{leader}{name}{ca}{more.replace('NUMBER', str(number))}")
    return own


@dataclass(frozen=True, slots=True)
class Hit:
    """A stop of the leader: whether a PUT was under way, and how soon another took over (0: nobody did)."""

    seconds: float
    among_puts: bool
    took: float


def strike(made: Replicas, stop: float, rng: random.Random, *, until_taken: bool = False) -> Hit:
    """Stops the leader at a random moment of its work and lets it go on; `until_taken`: not before another leads."""
    leader = made.leader(made.times.takeover + 30)
    marks = {number: daemon.mark() for number, daemon in made.daemons.items()}
    made.declare()
    time.sleep(rng.uniform(0.0, 2.5))
    struck = time.monotonic()
    made.daemons[leader].signal(signal.SIGSTOP)
    among = _open(made.sites[leader])
    took = 0.0
    while (left := struck + stop - time.monotonic()) > 0 or (until_taken and not took and left > -60):
        if not took and _taken(made, leader, marks):
            took = time.monotonic() - struck
        time.sleep(min(max(left, 0.01), 0.1))
    made.daemons[leader].signal(signal.SIGCONT)
    seconds = made.times.takeover + made.times.lease + 30
    made.until(made.converged, seconds, f"not converged after a stop of {stop:.1f} s of {leader}")
    made.leader(seconds)
    return Hit(stop, among, took)


def _open(site: Site) -> bool:
    """Whether there is an intent without a result."""
    kinds = [record["type"] for record in site.journal()]
    return kinds.count("syncer.put.intent.v1") > sum(
        kinds.count(f"syncer.put.{end}.v1") for end in ("result", "recovered")
    )


def _taken(made: Replicas, but: int, marks: dict[int, int]) -> bool:
    return any(
        line["event"] == "leader.acquired"
        for number, daemon in made.daemons.items()
        if number != but
        for line in daemon.lines[marks[number] :]
    )
