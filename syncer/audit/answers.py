"""Rows of the projection as values."""

from __future__ import annotations

import json
from datetime import datetime

from syncer.audit.events import EventType
from syncer.clock import Instant
from syncer.model.desired import AppRef
from syncer.model.fields import Field
from syncer.model.orders import Order, Pin, Saying, Suspension
from syncer.model.outcome import Attempt, Verdict
from syncer.model.planned import Approval, Danger, LastApplied, RecentPut, SourceApproval


def given(at: str, boot: str, up: int) -> Instant:
    """When a person gave their word."""
    return Instant(datetime.fromisoformat(at), boot, up)


def approval(*row: str) -> Approval:
    """An approval of one app's change."""
    customer, app, digest, plan, by, reason, expires = row
    return Approval(AppRef(customer, app), digest, plan, by, reason, datetime.fromisoformat(expires))


def source_approval(*row: str) -> SourceApproval:
    """An approval of a commit."""
    was, commit, by, reason, expires = row
    return SourceApproval(was, commit, by, reason, datetime.fromisoformat(expires))


def last_applied(*row: str) -> LastApplied:
    """What was last applied to an app."""
    customer, app, digests, revision, at, seen, gone = row
    return LastApplied(
        ref=AppRef(customer, app),
        digests=tuple((Field(name), digest) for name, digest in json.loads(digests).items()),
        revision=revision,
        at=datetime.fromisoformat(at),
        seen_at=datetime.fromisoformat(seen),
        left=bool(gone),
    )


def recent_put(customer: str, app: str, at: str, drift: int, approved: int, dangers: str) -> RecentPut:
    """A PUT of the past."""
    ref = AppRef(customer, app)
    named = frozenset(Danger(danger) for danger in dangers.split())
    return RecentPut(ref, datetime.fromisoformat(at), bool(drift), bool(approved), named)


def attempt(at: str, verdict: str | None, boot: str, up: int) -> Attempt:
    """How a PUT of a rollout ended, or when it began."""
    return Attempt(datetime.fromisoformat(at), Verdict(verdict) if verdict else None, boot, up)


def order(customer: str, app: str, kind: str, at: str, data: str) -> Order:
    """An order that nobody has lifted."""
    said = json.loads(data)
    by, reason = said["by"], said["reason"]
    ordered, until = datetime.fromisoformat(at), datetime.fromisoformat(said["until"])
    if kind == EventType.SUSPEND:
        return Suspension(AppRef(customer, app) if customer else None, by, reason, ordered, until)
    ref = AppRef(customer, app)
    carried = "carried" in said
    return Pin(ref, said["commit"], said["refused"], said["passing"], by, reason, ordered, until, carried)


def saying(customer: str, app: str, kind: str, at: str, data: str, *rest: int | str) -> Saying:
    """An order, or the end of one, with where it was first said."""
    said, (ended, log, record) = json.loads(data), rest
    return Saying(
        AppRef(customer, app) if customer else None,
        pins=kind == EventType.PIN,
        at=datetime.fromisoformat(at),
        by=said["by"],
        reason=said["reason"],
        until=None if ended else datetime.fromisoformat(said["until"]),
        **{name: said.get(name, "") for name in ("commit", "refused", "passing")},
        log=str(log),
        record=int(record),
    )
