"""Intents whose fate is open are resolved by reading the app, before anything new is written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model.live import LiveApp, Unreadable
from syncer.model.outcome import Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.apply.ports import Recovering
    from syncer.model.desired import AppRef
    from syncer.model.fields import AppSettings, Field, Value
    from syncer.model.live import Live
    from syncer.model.outcome import OpenIntent

    Digest = Callable[[Field, Value], str]


def resolve(
    intents: Iterable[OpenIntent], live: Mapping[AppRef, Live], journal: Recovering, digest: Digest
) -> frozenset[AppRef]:
    """Records a verdict for every open intent whose app could be read; returns the apps that stay blocked."""
    blocked: set[AppRef] = set()
    for intent in intents:
        read = live.get(intent.ref)
        if read is None or isinstance(read, Unreadable):
            blocked.add(intent.ref)
            continue
        journal.recover(_result(intent, read, digest))
    return frozenset(blocked)


def _result(intent: OpenIntent, live: LiveApp, digest: Digest) -> Result:
    verdict = judge(intent, live.settings, digest)
    message = {
        Verdict.APPLIED: "found by a later read: the app shows what was sent",
        Verdict.NOT_APPLIED: "found by a later read: the app shows what it had before",
    }.get(verdict, "found by a later read: the app shows neither what was sent nor what it had before")
    return Result(intent.request_id, intent.ref, verdict, message, live=live)


def judge(intent: OpenIntent, live: AppSettings, digest: Digest) -> Verdict:
    """Whether live settings match what the intent sent, what it found before, or neither."""
    shown = {field.value: digest(field, value) for field, value in live.declared()}
    if shown == dict(intent.after):
        return Verdict.APPLIED
    return Verdict.NOT_APPLIED if shown == dict(intent.before) else Verdict.SUPERSEDED
