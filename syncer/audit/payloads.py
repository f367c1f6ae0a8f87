"""What each record says, as plain data: pure, from the model's values to the `data` of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.audit.events import EventType, Note
from syncer.model.fields import shown
from syncer.model.orders import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from syncer.audit.digests import Digests
    from syncer.audit.events import JSON, Adoption
    from syncer.errors import RefusedCommitError
    from syncer.model.desired import AppRef, Revision
    from syncer.model.fields import AppSettings
    from syncer.model.orders import Lift, Order, Saying
    from syncer.model.outcome import Intent, Result
    from syncer.model.planned import AppPlan, Approval, Hold, SourceApproval


_SAID: Final = {
    (False, True): EventType.SUSPEND,
    (False, False): EventType.RESUME,
    (True, True): EventType.PIN,
    (True, False): EventType.UNPIN,
}
"""By whether it is about a pin, and whether it is an order."""


def instant(at: datetime) -> str:
    """An aware time as RFC 3339 with microseconds; UTC is written `Z`."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def values(settings: AppSettings, digests: Digests) -> dict[str, JSON]:
    """Every declared field as it may be shown, and under `hmac` the digest of what it really is."""
    seen: dict[str, JSON] = {field.value: shown(value) for field, value in settings.declared()}
    return {**seen, "hmac": digests.all(settings)}


def source(revision: Revision) -> dict[str, JSON]:
    """Where desired state came from; `commit` is `sha256:…` for a plain folder, which has no author or subject."""
    data: dict[str, JSON] = {"repo": revision.source, "commit": revision.id}
    if revision.commit is not None:
        data["author"] = revision.commit.author
        data["committed"] = revision.commit.at.isoformat()
        data["subject"] = revision.commit.subject
        if revision.commit.signer:
            data["signed"] = revision.commit.signer
    return data


def intent(wanted: Intent, digests: Digests) -> Note:
    """One PUT about to be made."""
    step = wanted.step
    data: dict[str, JSON] = {
        "reqid": wanted.request_id,
        "runid": wanted.run_id,
        "attempt": wanted.attempt,
        "name": step.app.name,
        "reason": {"trigger": wanted.trigger.value, "causes": sorted(step.causes)},
        "mode": "apply",
        "git": {**source(step.app.revision), **_places(step)},
        "plan": wanted.plan_id,
        "digest": step.digest,
        "target": step.target,
        "base": step.base,
        "approval": None if wanted.approval is None else _approval(wanted.approval),
        "changes": _changes(step),
        "held": tuple(step.held),
        "danger": sorted({change.danger for change in step.changes if change.danger is not None}),
        "before": values(step.live.settings, digests),
        "after": values(step.body, digests),
        "epoch": wanted.epoch,
    }
    if step.app.pin is not None:
        data["pin"] = dict(ordered(step.app.pin).data)
    return Note(EventType.PUT_INTENT, data, wanted.ref)


def accepted(request_id: str, ref: AppRef, status: int) -> Note:
    """A PUT that the vendor took, and that nobody could see the effect of."""
    return Note(EventType.PUT_ACCEPTED, {"reqid": request_id, "status": status}, ref)


def result(ended: Result, digests: Digests, *, recovered: bool) -> Note:
    """How a PUT ended; `recovered` for one whose process ended before it could say."""
    data: dict[str, JSON] = {
        "reqid": ended.request_id,
        "verdict": ended.verdict.value,
        "message": ended.message,
        "status": ended.status,
        "bodysha256": ended.body_sha256,
        "elapsed": round(ended.elapsed, 6),
        "window": round(ended.window, 6),
        "live": None,
    }
    if ended.live is not None:
        data["live"] = {
            **values(ended.live.settings, digests),
            "read": instant(ended.live.read_at),
            "updated": ended.live.updated_at,
        }
    return Note(EventType.PUT_RECOVERED if recovered else EventType.PUT_RESULT, data, ended.ref)


def adopted(adoption: Adoption, digests: Digests) -> Note:
    """An app first seen in agreement with git."""
    data: dict[str, JSON] = {
        "name": adoption.name,
        "git": source(adoption.revision),
        "live": {
            **values(adoption.live.settings, digests),
            "read": instant(adoption.live.read_at),
            "updated": adoption.live.updated_at,
        },
    }
    return Note(EventType.APP_ADOPTED, data, adoption.live.ref)


def left(ref: AppRef, revision: Revision) -> Note:
    """An app that git does not declare any more, as of a revision."""
    return Note(EventType.APP_LEFT, {"git": source(revision)}, ref)


def approved(approval: Approval) -> Note:
    """A person's word for one app's exact change."""
    return Note(EventType.APPROVE, _approval(approval), approval.ref)


def ordered(order: Order) -> Note:
    """A person's order to leave apps alone or to keep one at an earlier commit; the whole fleet has no subject."""
    data: dict[str, JSON] = {"by": order.by, "reason": order.reason, "until": instant(order.until)}
    if not isinstance(order, Pin):
        return Note(EventType.SUSPEND, data, order.ref)
    return Note(
        EventType.PIN, {**data, "commit": order.commit, "refused": order.refused, "passing": order.passing}, order.ref
    )


def lifted(lift: Lift) -> Note:
    """The end of an order."""
    data: dict[str, JSON] = {"by": lift.by, "reason": lift.reason}
    if not isinstance(lift.order, Pin):
        return Note(EventType.RESUME, data, lift.order.ref)
    return Note(EventType.UNPIN, {**data, "commit": lift.order.commit}, lift.order.ref)


def carried(saying: Saying) -> Note:
    """What a person said elsewhere: as it would be recorded there, and where and when that was."""
    data: dict[str, JSON] = {"by": saying.by, "reason": saying.reason}
    if saying.pins:
        data["commit"] = saying.commit
    if saying.until is not None:
        data["until"] = instant(saying.until)
        if saying.pins:
            data |= {"refused": saying.refused, "passing": saying.passing}
    data["carried"] = {"at": instant(saying.at), "logid": saying.log, "record": str(saying.record)}
    return Note(_SAID[saying.pins, saying.until is not None], data, saying.ref)


def source_approved(approval: SourceApproval) -> Note:
    """A person's word for one commit that does not follow the one in force."""
    data: dict[str, JSON] = {
        "by": approval.by,
        "reason": approval.reason,
        "before": approval.was,
        "commit": approval.commit,
        "expires": instant(approval.expires),
    }
    return Note(EventType.SOURCE_APPROVED, data)


def source_held(error: RefusedCommitError) -> Note:
    """A commit of the source that is not taken; what was in force stays so."""
    data: dict[str, JSON] = {
        "rule": error.rule.value,
        "detail": error.message,
        "fields": (),
        "release": error.hint,
        "plan": "",
        "digest": "",
    }
    return Note(EventType.HOLD, data)


def held(hold: Hold, *, digest: str = "", plan: str = "") -> Note:
    """Why something is not written; `digest` and `plan` name what, where there is a plan."""
    data: dict[str, JSON] = {
        "rule": hold.rule.value,
        "detail": hold.detail,
        "fields": tuple(hold.fields),
        "release": hold.release,
        "plan": plan,
        "digest": digest,
    }
    return Note(EventType.HOLD, data, hold.ref)


def drift_seen(step: AppPlan, digests: Digests) -> Note:
    """An app that differs at the vendor from what was last applied, with the time in which it moved."""
    data: dict[str, JSON] = {
        "name": step.app.name,
        "digest": step.digest,
        "git": {**source(step.app.revision), **_places(step)},
        "changes": _changes(step),
        "movedafter": None if step.moved_after is None else instant(step.moved_after),
        "movedbefore": instant(step.moved_before),
        "live": values(step.live.settings, digests),
    }
    return Note(EventType.DRIFT_SEEN, data, step.ref)


def drift_repeated(ref: AppRef, name: str, put_back: int) -> Note:
    """An app whose drift was put back often enough, within a week, for a person to look into it."""
    return Note(EventType.DRIFT_REPEATED, {"name": name, "putback": put_back}, ref)


def source_changed(before: str, revision: Revision, *, apps: int, rejected: Sequence[str] = ()) -> Note:
    """Another revision is in force; `before` is the last one's id (empty at first), `rejected` the broken files."""
    data: dict[str, JSON] = {"before": before, "git": source(revision), "apps": apps, "rejected": tuple(rejected)}
    return Note(EventType.SOURCE_CHANGED, data)


def config_changed(before: str, after: str, keys: Iterable[str]) -> Note:
    """The daemon's configuration is another one: SHA-256 of both (`before` may be empty), names of the keys."""
    return Note(EventType.CONFIG_CHANGED, {"before": before, "after": after, "keys": sorted(keys)})


def _approval(approval: Approval) -> dict[str, JSON]:
    return {
        "by": approval.by,
        "reason": approval.reason,
        "plan": approval.plan_id,
        "digest": approval.digest,
        "expires": instant(approval.expires),
    }


def _places(step: AppPlan) -> dict[str, JSON]:
    lines: dict[str, JSON] = {change.field.value: str(change.origin) for change in step.changes}
    return {"file": step.app.at.path, "lines": lines}


def _changes(step: AppPlan) -> dict[str, JSON]:
    return {
        change.field.value: {
            "cause": change.cause.value,
            "live": shown(change.live),
            "git": shown(change.desired),
            "danger": None if change.danger is None else change.danger.value,
        }
        for change in step.changes
    }
