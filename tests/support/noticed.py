"""Builders for notices: how things stand, who is told, and a desk whose time the test moves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from syncer.model.desired import AppRef, Commit, DesiredApp, Layer, Origin, Revision
from syncer.model.fields import AppSettings
from syncer.model.outcome import AppStatus, State, SyncReport, Trigger
from syncer.model.planned import Decision, Plan
from syncer.notify import deciding
from syncer.notify.courier import Patience, Round
from syncer.notify.deciding import Rules
from syncer.notify.notice import Change, Notice, What
from syncer.notify.seen import Happened, Seen, Standing
from syncer.notify.sinks import Sender
from syncer.settings import tree
from tests.support.recording import REVISION

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from syncer.notify.deciding import Known, Told
    from syncer.notify.spool import Spool

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SENDER = Sender("/syncer/one", "syncer/0.1.0")
FOLDER = Revision("sha256:" + "ab" * 32, "config/apps")


def ref(name: str) -> AppRef:
    return AppRef("acme", f"app_{name}")


def app(name: str, state: State = State.IN_SYNC, reason: str = "", **labels: str) -> Standing:
    return Standing(What.APP, state, reason or f"why {state}", None, ref(name), name, tuple(labels.items()))


def source(state: State = State.IN_SYNC, reason: str = "") -> Standing:
    return Standing(What.SOURCE, state, reason)


def fleet(state: State = State.IN_SYNC, reason: str = "") -> Standing:
    return Standing(What.FLEET, state, reason)


WELL, GOING = source(), fleet()


def rules(*on: State, **more: Any) -> Rules:
    return Rules(frozenset(state.value for state in on or (State.DRIFTED,)), **more)


@dataclass
class Listener:
    """One receiver that hears what is decided, pass after pass; its memory goes from one to the next."""

    rules: Rules
    now: datetime = T0
    memory: dict[str, Known] = field(default_factory=dict)
    heard: list[Notice] = field(default_factory=list)

    def sees(
        self,
        *apps: Standing,
        after: timedelta = MINUTE,
        counted: bool = True,
        source: Standing = WELL,
        fleet: Standing = GOING,
    ) -> list[tuple[str, str, str]]:
        """A pass so long after the last one; what was told, as (change, who, state)."""
        self.now += after
        return self.take(deciding.decide(self.rules, Seen(self.now, source, fleet, apps), self.memory, counted=counted))

    def take(self, told: Told) -> list[tuple[str, str, str]]:
        for key, known in told.memory.items():
            if known is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = known
        self.heard += told.notices
        return [(each.change.value, each.name or each.what.value, each.state) for each in told.notices]


def a_notice(**fields: Any) -> Notice:
    """A drifted app."""
    known: dict[str, Any] = {
        "at": T0,
        "change": Change.PROBLEM,
        "what": What.APP,
        "was": "InSync",
        "state": "Drifted",
        "reason": "changed at the vendor: popup_url",
        "since": T0 - 14 * MINUTE,
        "revision": "5f" * 20,
        "ref": AppRef("acme", "app_desk"),
        "name": "desk",
        "labels": (("team", "voice"),),
        "apps": 1,
        "todo": "syncer explain acme/app_desk",
        "link": "https://syncer.corp.example/apps/acme/app_desk",
        "id": "01TEST",
    }
    return Notice(**{**known, **fields})


def a_receiver(url: str | tree.SecretRef = "https://alerts.example/x", **fields: Any) -> tree.Notify:
    known: dict[str, Any] = {"kind": "webhook", "name": "desk", "on": (State.DRIFTED, State.FAILING, State.HELD)}
    return tree.Notify(url=url, **{**known, **fields})


class Hands:
    """A clock that the test moves."""

    def __init__(self, start: datetime = T0) -> None:
        self.at = start

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - T0).total_seconds()

    def move(self, by: timedelta) -> None:
        self.at += by


QUICK = Patience(deadline=5.0, first=0.01, longest=0.05)


def a_round(spool: Spool, log: FilteringBoundLogger, clock: Any = None, **fields: Any) -> Round:
    known: dict[str, Any] = {"environ": {}, "sender": SENDER, "patience": QUICK}
    return Round(spool, clock or Hands(), random.Random(7), log=log, **{**known, **fields})


def a_report(
    apps: dict[str, State], *, revision: Revision = REVISION, since: datetime = T0, **fields: Any
) -> SyncReport:
    """A pass that found apps in these states."""
    statuses = tuple(
        AppStatus(ref(name), name, state, f"why {state}", since, since) for name, state in sorted(apps.items())
    )
    decision = Decision(Plan("p" * 64, revision, (), (), ()), ())
    return SyncReport("run", Trigger.SCHEDULE, revision, decision, since, 0.1, True, apps=statuses, **fields)


def happened(apps: dict[str, State] | None, at: datetime = T0, **fields: Any) -> Happened:
    """A pass over these apps; None for one without a result."""
    of_report = {key: fields.pop(key) for key in ("revision", "rejected", "problems") if key in fields}
    desired = tuple(_desired(name) for name in sorted(apps or {}))
    report = None if apps is None else a_report(apps, since=at, **of_report)
    return Happened(at, report, desired, **fields)


def _desired(name: str) -> DesiredApp:
    at = Origin(f"{name}.yaml", 1, 1, Layer.APP)
    return DesiredApp(ref(name), name, AppSettings(), None, at, REVISION, labels=(("team", "voice"),))


def a_commit(letter: str) -> Revision:
    sha = letter * 40
    return Revision(sha, "https://git.example/x", Commit(sha, "Asha <a@x.example>", T0, "Move popups"))


def ids() -> Any:
    numbers = count(1)
    return lambda: f"N{next(numbers):04d}"
