"""From desired and live state to a plan: a function of its arguments alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.model.live import LiveApp, Unreadable
from syncer.model.planned import AppPlan, Cause, Plan
from syncer.plan import compare, digests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.model.desired import AppRef, DesiredApp, Revision
    from syncer.model.fields import Field
    from syncer.model.live import Live
    from syncer.model.planned import LastApplied
    from syncer.plan.compare import Digest


def build(
    revision: Revision,
    pairs: Iterable[tuple[DesiredApp, Live]],
    last: Mapping[AppRef, LastApplied],
    digest: Digest,
) -> Plan:
    """The plan for desired apps, each paired with what was read of it.

    Unreadable apps get no step: nothing is concluded from silence. The order of `pairs` does not matter.
    """
    steps: list[AppPlan] = []
    in_sync: list[AppRef] = []
    unreadable: list[Unreadable] = []
    for app, live in sorted(pairs, key=lambda pair: pair[0].ref):
        if isinstance(live, Unreadable):
            unreadable.append(live)
        elif (step := _step(app, live, last.get(app.ref), digest)) is None:
            in_sync.append(app.ref)
        else:
            steps.append(step)
    plan_id = digests.plan_id(revision.id, steps)
    return Plan(plan_id, revision, tuple(steps), tuple(in_sync), tuple(unreadable))


def _step(app: DesiredApp, live: LiveApp, last: LastApplied | None, digest: Digest) -> AppPlan | None:
    changes = compare.changes(app, live.settings, last, digest)
    if not changes:
        return None
    drifted = any(change.cause in {Cause.DRIFT, Cause.BOTH} for change in changes)
    return AppPlan(
        app=app,
        live=live,
        changes=changes,
        body=app.settings.over(live.settings),
        base=digests.base(live.settings),
        digest=digests.change(app.ref, changes),
        target=digests.target(app.ref, app.settings),
        moved_after=last.seen_at if last and drifted else None,
    )


def narrowed(step: AppPlan, keep: Callable[[Field], bool]) -> AppPlan | None:
    """The same step with only some of its fields changed: every other field carries its live value.

    None when nothing is left. The digest stays that of the whole step: approvals bind to what a person saw.
    """
    kept = tuple(change for change in step.changes if keep(change.field))
    if not kept:
        return None
    body = step.live.settings
    for change in kept:
        body = body.with_setting(change.field, change.desired)
    held = tuple(change.field for change in step.changes if not keep(change.field))
    return replace(step, changes=kept, body=body, held=(*step.held, *held))
