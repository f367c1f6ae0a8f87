"""Eight apps of two customers: real files, a real emulator, the real reconciler with short waits."""

from __future__ import annotations

import asyncio
import io
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from syncer import settings, statefile, wiring
from syncer.emulator.modes import PutSemantics
from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from syncer.model.desired import AppRef
from syncer.model.outcome import Trigger
from syncer.parts import Ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from syncer.model.outcome import SyncReport

CUSTOMERS = ("acme", "globex")
APPS_EACH = 4
REFS = tuple(AppRef(customer, f"app_{n}") for customer in CUSTOMERS for n in range(1, APPS_EACH + 1))
FIRST, MIDDLE, LAST = REFS[0], REFS[4], REFS[-1]
HOST = "hooks.acme.example"
CANARY = "canary7f3e"
"""Part of every token and of every URL's query: it may come out nowhere."""
MANAGED = ("popup_url", "recording_enabled", "recording_url")
WAITS = wiring.Waits(read_back=(0.0, 0.01, 0.02, 0.03), backoff=0.01)

CONFIG = """\
apiVersion: syncer/v1
kind: Config
source: {{path: {source}}}
vendor: {{base_url: {vendor}, rate: 5000/s}}
policy:
  allowed_hosts: {{all: [{host}]}}
{limits}
state_dir: {state}
"""
NO_LIMITS = """\
  budget: {apps: 100000, share: 100%, at_least: 100000}
  mass_drift: {apps: 100000}
  transitions: {blank_url: {apps: 9999}, recording_off: {apps: 9999}, streaming_off: {apps: 9999}}
  max_unreadable: 100%"""


def many(count: int) -> tuple[AppRef, ...]:
    """That many apps with an app id of their own, the customers taking turns."""
    return tuple(AppRef(CUSTOMERS[n % len(CUSTOMERS)], f"app_{n + 1}") for n in range(count))


def token(ref: AppRef) -> str:
    return f"{CANARY}-{ref.customer_id}-{ref.app_id}"


def url(path: str) -> str:
    return f"https://{HOST}/{path}?key={CANARY}"


def seeded(ref: AppRef) -> dict[str, Any]:
    """What the vendor holds at first: other values in the managed fields, and values of its own in the rest."""
    own = {"callback_url": url(f"own/{ref}"), "streaming_enabled": True, "streaming_url": url("own/stream")}
    return {**own, "popup_url": url("old"), "recording_url": url("old"), "recording_enabled": False}


def desired(version: int) -> dict[str, Any]:
    """What git declares in its n-th version."""
    return {"popup_url": url(f"popup/{version}"), "recording_enabled": True, "recording_url": url("rec")}


@dataclass(slots=True)
class Fleet:
    """The installation below `home`, the vendor, and everything that was logged and reported."""

    home: Path
    emulator: Emulator
    log: io.StringIO = field(default_factory=io.StringIO)
    reports: list[SyncReport] = field(default_factory=list)
    deadline: timedelta = timedelta(seconds=5)
    policy: str = ""
    refs: tuple[AppRef, ...] = REFS
    limits: str = NO_LIMITS
    policies: dict[AppRef, str] = field(default_factory=dict)
    wishes: dict[AppRef, dict[str, Any]] = field(default_factory=dict)
    declared: list[tuple[AppRef, dict[str, Any]]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.home / "state"

    def declare(self, version: int, *refs: AppRef) -> None:
        """A new version of some apps (of all, if none is named), in one file per customer."""
        for ref in refs or self.refs:
            self.wish(ref, desired(version))
        self.write()

    def wish(self, ref: AppRef, wanted: dict[str, Any]) -> None:
        """What git will declare of one app, once written."""
        self.wishes[ref] = wanted
        self.declared.append((ref, wanted))

    def write(self) -> None:
        (self.home / "apps").mkdir(exist_ok=True)
        for customer in CUSTOMERS:
            (self.home / "apps" / f"{customer}.yaml").write_text(self.document(customer))

    def document(self, customer: str) -> str:
        rows = ["apiVersion: syncer/v1", "kind: Apps", f"customer_id: {customer}", "defaults:"]
        rows.append(f'  token: {{file: "{self.home}/tokens/{customer}.{{app}}"}}')
        rows += [f"  policy: {self.policy}"] if self.policy else []
        rows.append("apps:")
        for ref, wanted in self.wishes.items():
            if ref.customer_id == customer:
                own = f", policy: {self.policies[ref]}" if ref in self.policies else ""
                rows.append(f"  {ref.app_id}: {{settings: {orjson.dumps(wanted).decode()}{own}}}")
        return "\n".join(rows) + "\n" if rows[-1] != "apps:" else "\n".join(rows) + " {}\n"

    def live(self, ref: AppRef) -> dict[str, Any]:
        return dict(self.emulator.store.settings(AppKey(*key(ref))))

    def change(self, ref: AppRef, **values: Any) -> None:
        self.emulator.store.change(AppKey(*key(ref)), values, "somebody")

    def resolved(self) -> settings.Settings:
        (self.home / "syncer.yaml").write_text(
            CONFIG.format(
                source=self.home / "apps",
                vendor=self.emulator.base_url,
                state=self.state,
                host=HOST,
                limits=self.limits,
            )
        )
        found = settings.load({}, {}, self.home / "syncer.yaml").settings
        return replace(found, vendor=replace(found.vendor, deadline=self.deadline))

    @asynccontextmanager
    async def opened(
        self, *, write: bool = True, given: settings.Settings | None = None
    ) -> AsyncIterator[wiring.Opened]:
        """A process's worth of objects; from the configuration unless settings are given."""
        logger: Any = structlog.wrap_logger(
            structlog.WriteLogger(self.log),
            processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        )
        async with wiring.opened(
            given or self.resolved(), write=write, log=logger, principal="test", waits=WAITS
        ) as here:
            yield here

    async def run(self, here: wiring.Opened, *, write: bool = True) -> SyncReport:
        """One pass, with its report where a process leaves it."""
        report = await here.reconciler.run(Ask(Trigger.MANUAL, write=write))
        self.reports.append(report)
        if write:
            statefile.write(self.state, report, self.wishes)
        return report

    async def passes(self, count: int) -> SyncReport:
        """Some passes of one process; the last one's report."""
        async with self.opened() as here:
            for _ in range(count):
                report = await self.run(here)
        return report

    async def plan(self) -> SyncReport:
        """A look that can't write, in a process of its own."""
        async with self.opened(write=False) as here:
            return await self.run(here, write=False)


def key(ref: AppRef) -> tuple[str, str]:
    """An app as the emulator names it."""
    return ref.customer_id, ref.app_id


@dataclass(slots=True)
class Elsewhere:
    """A second listener, at which nothing may ever arrive."""

    origin: str
    visits: int = 0


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """Listens on a port of its own."""
    found = Elsewhere("")

    def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.visits += 1
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    found.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()


@asynccontextmanager
async def fleet(
    home: Path, semantics: PutSemantics = PutSemantics.MERGE, refs: tuple[AppRef, ...] = REFS
) -> AsyncIterator[Fleet]:
    """The fleet, declared in version 1 and not yet written."""
    async with Emulator.start() as emulator:
        emulator.store.modes = replace(emulator.store.modes, put_semantics=semantics)
        (home / "tokens").mkdir()
        for ref in refs:
            emulator.seed(Seed(*key(ref), ref.app_id, token(ref), f"secret-{ref}", settings=seeded(ref)))
            (home / "tokens" / f"{ref.customer_id}.{ref.app_id}").write_text(token(ref) + "\n")
        here = Fleet(home, emulator, refs=refs)
        here.declare(1)
        yield here
