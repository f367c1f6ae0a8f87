"""Builders for what the journal records."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncer.audit.events import Adoption, Identity
from syncer.audit.journal import Journal
from syncer.model import url
from syncer.model.desired import AppRef, Commit, DesiredApp, Layer, Origin, Revision
from syncer.model.fields import AppSettings, Field
from syncer.model.live import LiveApp
from syncer.model.outcome import Intent, Result, Trigger, Verdict
from syncer.model.planned import AppPlan, Approval, Cause, FieldChange, SourceApproval

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.appender import Disk
    from syncer.audit.sealing import Sealing
    from syncer.clock import BootClock

START = datetime(2026, 11, 20, 10, 11, 12, 123456, tzinfo=UTC)
COMMIT = Commit("5f" * 20, "Asha Rao <asha@example.com>", START - timedelta(hours=1), "Send recordings to the archive")
REVISION = Revision(COMMIT.sha, "https://git.example.com/calls", COMMIT)
IDENTITY = Identity("/syncer/test/one", "one", "0.1.0")


class Ticks:
    """A clock that moves a millisecond at every look."""

    def __init__(self, start: datetime = START) -> None:
        self._count = itertools.count()
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(milliseconds=next(self._count))

    def monotonic(self) -> float:
        return next(self._count) / 1000


class Boot:
    """A boot clock that counts nanoseconds."""

    def __init__(self, name: str = "boot-1", up: int = 1000) -> None:
        self._name = name
        self._count = itertools.count(up)

    def boot_id(self) -> str:
        return self._name

    def boottime_ns(self) -> int:
        return next(self._count)


_IDS = itertools.count()


def new_id() -> str:
    return f"01TEST{next(_IDS):020d}"


def open_journal(
    state_dir: Path,
    *,
    disk: Disk | None = None,
    boot: BootClock | None = None,
    clock: Ticks | None = None,
    sealing: Sealing | None = None,
) -> Journal:
    return Journal.open(
        state_dir,
        clock=clock or Ticks(),
        boot=boot or Boot(),
        identity=IDENTITY,
        new_id=new_id,
        disk=disk,
        sealing=sealing,
    )


def an_app(number: int = 1) -> AppRef:
    return AppRef("cust_acme", f"app_{number}")


def some_settings(recording: str = "https://hooks.example.com/r") -> AppSettings:
    return AppSettings(
        popup_url=url.parse("https://hooks.example.com/popup?token=s3cret"),
        missed_call_url=None,
        callback_url=None,
        recording_enabled=True,
        recording_url=url.parse(recording),
        streaming_enabled=False,
        streaming_url=None,
    )


def live_app(ref: AppRef, settings: AppSettings | None = None) -> LiveApp:
    return LiveApp(ref, settings or some_settings(), START, "2026-11-20T10:00:00.000Z")


def a_step(ref: AppRef, target: str = "https://hooks.example.com/new") -> AppPlan:
    live = live_app(ref)
    body = live.settings.with_setting(Field.RECORDING_URL, url.parse(target))
    at = Origin("apps/acme.yaml", 14, 7, Layer.APP)
    change = FieldChange(
        Field.RECORDING_URL, url.parse("https://hooks.example.com/r"), url.parse(target), Cause.GIT, at
    )
    app = DesiredApp(ref, f"app {ref.app_id}", body, None, Origin("apps/acme.yaml", 9, 3, Layer.APP), REVISION)
    return AppPlan(app, live, (change,), body, "base", f"digest of {target}", f"target of {target}")


def an_intent(ref: AppRef, request: str = "", step: AppPlan | None = None, approval: Approval | None = None) -> Intent:
    return Intent(request or new_id(), "run-1", Trigger.COMMIT, 1, step or a_step(ref), "sha256:" + "ab" * 32, approval)


def a_result(intent: Intent, verdict: Verdict = Verdict.APPLIED, status: int | None = 200) -> Result:
    seen = replace(intent.step.live, settings=intent.step.body) if verdict is Verdict.APPLIED else None
    return Result(intent.request_id, intent.ref, verdict, "", status, "cd" * 32, 0.25, 0.002, seen)


def an_approval(ref: AppRef, *, expires: datetime = START + timedelta(days=1)) -> Approval:
    return Approval(ref, a_step(ref).digest, "sha256:" + "ab" * 32, "asha", "agreed in the change meeting", expires)


def a_source_approval(*, expires: datetime = START + timedelta(days=1)) -> SourceApproval:
    return SourceApproval("4e" * 20, COMMIT.sha, "asha", "a secret was taken out of history", expires)


def an_adoption(ref: AppRef) -> Adoption:
    return Adoption(live_app(ref), f"app {ref.app_id}", REVISION)


def put(journal: Journal, ref: AppRef, verdict: Verdict = Verdict.APPLIED, status: int | None = 200) -> Intent:
    """One PUT, begun and ended."""
    intent = an_intent(ref)
    journal.intend(intent)
    journal.conclude(a_result(intent, verdict, status))
    return intent
