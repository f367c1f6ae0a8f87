"""Builders of the core's values, and ten-line fakes of the vendor and the journal."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from syncer.apply.one import Run
from syncer.errors import JournalError, VendorError, VendorKind
from syncer.model import url
from syncer.model.desired import AppRef, DesiredApp, Layer, Origin, Policy, Revision
from syncer.model.fields import FLAG_FIELDS, AppSettings, Field
from syncer.model.live import LiveApp, Unreadable
from syncer.model.outcome import OpenIntent, Trigger
from syncer.model.planned import Approval, LastApplied
from syncer.plan import build, gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncer.model.fields import Setting, Value
    from syncer.model.live import Live
    from syncer.model.outcome import Intent, Result
    from syncer.model.planned import AppPlan, Decision, Plan

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
REVISION = Revision("c0ffee" * 6 + "c0ff", "https://git.example/settings.git")


def settings(**values: str | bool | None) -> AppSettings:
    """Settings from plain values: text becomes a URL; what is not named is UNDECLARED."""
    return AppSettings(**{name: _setting(value) for name, value in values.items()})


def live_settings(**values: str | bool | None) -> AppSettings:
    """Settings as a vendor has them: what is not named is false or null."""
    unset = AppSettings(**{f.value: False if f in FLAG_FIELDS else None for f in Field})
    return settings(**values).over(unset)


def _setting(value: str | bool | None) -> Setting:
    return url.parse(value) if isinstance(value, str) else value


def a_ref(name: str = "desk") -> AppRef:
    return AppRef("acme", f"app_{name}")


def an_app(name: str = "desk", declared: AppSettings | None = None, **policy: Any) -> DesiredApp:
    """An app that declares a popup URL unless told otherwise; `policy` are keys of Policy."""
    wanted = settings(popup_url="https://new.example/popup") if declared is None else declared
    at = Origin(f"apps/{name}.yaml", 4, 3, Layer.APP)
    origins = tuple((f, replace(at, line=10 + n)) for n, (f, _) in enumerate(wanted.declared()))
    return DesiredApp(
        ref=a_ref(name),
        name=name,
        settings=wanted,
        token=None,
        at=at,
        revision=REVISION,
        origins=origins,
        policy=Policy(**policy),
    )


def a_live(name: str = "desk", shows: AppSettings | None = None) -> LiveApp:
    """What the vendor shows: an old popup URL unless told otherwise."""
    found = live_settings(popup_url="https://old.example/popup") if shows is None else shows
    return LiveApp(a_ref(name), found, NOW - timedelta(seconds=5))


def unreadable(name: str = "desk", kind: VendorKind = VendorKind.SERVER) -> Unreadable:
    return Unreadable(a_ref(name), kind, f"the vendor answered {kind}", "look there")


def digest(name: Field, value: Value) -> str:
    """A digest as the journal makes it, but for the key."""
    normal = value.normal if isinstance(value, url.Url) else repr(value)
    return hashlib.sha256(f"{name}\0{normal}".encode()).hexdigest()


def a_last(name: str = "desk", applied: AppSettings | None = None) -> LastApplied:
    """A record of what was last applied: the old popup URL unless told otherwise."""
    known = live_settings(popup_url="https://old.example/popup") if applied is None else applied
    digests = tuple((f, digest(f, value)) for f, value in known.declared())
    return LastApplied(a_ref(name), digests, "b" * 40, NOW - timedelta(days=2), NOW - timedelta(hours=1))


def a_plan(*pairs: tuple[DesiredApp, Live], last: Iterable[LastApplied] = ()) -> Plan:
    return build.build(REVISION, pairs, {each.ref: each for each in last}, digest)


def a_step(app: DesiredApp | None = None, live: LiveApp | None = None, last: LastApplied | None = None) -> AppPlan:
    """The one step of a plan for one app."""
    app = app or an_app()
    found = live or replace(a_live(), ref=app.ref)
    return a_plan((app, found), last=() if last is None else (last,)).steps[0]


def steps_for(*names: str) -> tuple[tuple[AppPlan, Approval | None], ...]:
    """Approved steps as a pass hands them to apply."""
    return tuple((a_step(an_app(name), a_live(name)), None) for name in names)


def an_approval(step: AppPlan, *, ends: datetime = NOW + timedelta(hours=1)) -> Approval:
    return Approval(step.ref, step.digest, "p" * 64, "Asha Rao", "seen", ends)


def facts(
    approvals: tuple[Approval, ...] = (),
    closed: Mapping[AppRef, datetime | None] | None = None,
    unconfirmed: Mapping[AppRef, int] | None = None,
    **others: Any,
) -> gate.Facts:
    """What the gate is told; `others` are writes, refused and open_intents."""
    return gate.Facts(now=NOW, approvals=approvals, closed=closed or {}, unconfirmed=unconfirmed or {}, **others)


def decide(plan: Plan, *approvals: Approval, **others: Any) -> Decision:
    return gate.decide(plan, facts(approvals, **others))


class AClock:
    """A clock that moves a second at every look."""

    def __init__(self) -> None:
        self._seconds = count()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=next(self._seconds))

    def monotonic(self) -> float:
        return float(next(self._seconds))


@dataclass(frozen=True, slots=True)
class Answered:
    """The vendor's answer to a PUT."""

    live: LiveApp
    status: int = 200
    body_sha256: str = "5a" * 32


@dataclass(slots=True)
class LedgerWriter:
    """A vendor that keeps apps and a ledger, and plays what its script says.

    `script` holds, per read or PUT in order, a function that may raise, return what to answer, or return None to
    answer as a sound vendor would. `told` is the one list in which reads, PUTs and journal records stand in order.
    """

    apps: dict[AppRef, AppSettings]
    reads: list[Live | Exception | None] = field(default_factory=list)
    puts: list[Callable[[LedgerWriter, AppRef, AppSettings], None]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    ledger: list[tuple[AppRef, AppSettings, str]] = field(default_factory=list)
    bases: list[tuple[AppSettings, AppSettings]] = field(default_factory=list)
    patience: int = 9
    busy: int = 0
    busiest: int = 0

    async def read(self, app: DesiredApp) -> Live:
        await self._working()
        self.told.append(f"read {app.name}")
        scripted = self.reads.pop(0) if self.reads else None
        if isinstance(scripted, Exception):
            raise scripted
        return scripted or LiveApp(app.ref, self.apps[app.ref], NOW)

    async def put(self, app: DesiredApp, body: AppSettings, request_id: str) -> Answered:
        await self._working()
        self.told.append(f"put {app.name} {request_id}")
        carry_out = self.puts.pop(0) if self.puts else lands
        self.bases.append((self.apps[app.ref], body))
        carry_out(self, app.ref, body)
        return Answered(LiveApp(app.ref, self.apps[app.ref], NOW))

    async def backoff(self, attempt: int, error: VendorError) -> bool:
        self.told.append(f"backoff {attempt} {error.kind}")
        return attempt <= self.patience

    async def _working(self) -> None:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1


def lands(vendor: LedgerWriter, ref: AppRef, body: AppSettings) -> None:
    """A PUT that is carried out."""
    vendor.apps[ref] = body
    vendor.ledger.append((ref, body, vendor.told[-1].split()[-1]))


def lost(vendor: LedgerWriter, ref: AppRef, body: AppSettings) -> None:
    """A PUT that is accepted and does nothing."""


def rewritten(to: AppSettings) -> Callable[[LedgerWriter, AppRef, AppSettings], None]:
    """A PUT whose values the vendor writes in its own way."""

    def carry_out(vendor: LedgerWriter, ref: AppRef, body: AppSettings) -> None:
        lands(vendor, ref, body)
        vendor.apps[ref] = to.over(body)

    return carry_out


def fails(error: Exception, *, landed: bool = False) -> Callable[[LedgerWriter, AppRef, AppSettings], None]:
    """A PUT that ends in an error, carried out or not."""

    def carry_out(vendor: LedgerWriter, ref: AppRef, body: AppSettings) -> None:
        if landed:
            lands(vendor, ref, body)
        raise error

    return carry_out


def server_error(**more: Any) -> VendorError:
    known: dict[str, Any] = {"status": 500, "hint": "later", "retryable": True} | more
    return VendorError(VendorKind.SERVER, "the vendor failed", **known)


@dataclass(slots=True)
class ListJournal:
    """A journal in memory; `intend_fails`, `conclude_fails` and `accept_fails` are raised instead of recording."""

    told: list[str] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    intend_fails: Exception | None = None
    conclude_fails: Exception | None = None
    accept_fails: Exception | None = None

    def intend(self, intent: Intent) -> None:
        if self.intend_fails:
            raise self.intend_fails
        self.intents.append(intent)
        self.told.append(f"intent {intent.step.app.name} {intent.request_id}")

    def accept(self, request_id: str, ref: AppRef, status: int) -> None:
        if self.accept_fails:
            raise self.accept_fails
        self.told.append(f"accepted {request_id} {ref.app_id} {status}")

    def recover(self, result: Result) -> None:
        self.conclude(result)

    def conclude(self, result: Result) -> None:
        if self.conclude_fails:
            raise self.conclude_fails
        self.results.append(result)
        self.told.append(f"result {result.request_id} {result.verdict}")


def full_disk() -> JournalError:
    return JournalError("the disk is full", hint="make room")


def a_vendor(*names: str, shows: AppSettings | None = None) -> LedgerWriter:
    found = a_live(shows=shows).settings
    return LedgerWriter({a_ref(name): found for name in names or ("desk",)})


def a_run(vendor: LedgerWriter, journal: ListJournal, *, waits: list[float] | None = None) -> Run:
    """A run in which nobody waits: what would have been waited for stands in `waits`."""
    journal.told = vendor.told
    ids: Iterator[int] = count(1)
    waited = waits if waits is not None else []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    return Run("run-1", Trigger.SCHEDULE, "p" * 64, vendor, journal, AClock(), lambda: f"id{next(ids)}", sleep)


def an_open_intent(before: AppSettings, after: AppSettings, name: str = "desk") -> OpenIntent:
    old, new = (tuple((f.value, digest(f, v)) for f, v in each.declared()) for each in (before, after))
    return OpenIntent("id1", a_ref(name), name, old, new, REVISION.id, NOW)
