"""What the vendor shows after a PUT, as a verdict: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.errors import VendorKind
from syncer.model.fields import shown as masked
from syncer.model.outcome import Verdict

if TYPE_CHECKING:
    from syncer.errors import VendorError
    from syncer.model.fields import AppSettings, Field
    from syncer.model.planned import AppPlan

REFUSALS = frozenset({VendorKind.BAD_REQUEST, VendorKind.AUTH, VendorKind.NOT_FOUND})
"""Answers that say the PUT was not carried out; every other failure leaves its fate open until it is read back.

A redirect is none of them: 303 is how some servers answer a request that they did carry out.
"""


def refused(error: VendorError) -> bool:
    """Whether a failed PUT certainly changed nothing."""
    return error.kind in REFUSALS or not error.sent


def shown(step: AppPlan, live: AppSettings) -> Verdict:
    """What live settings, read after the PUT, say about it.

    Only managed fields decide: somebody else's change to an undeclared field does not make ours fail.
    """
    managed = [field for field, _ in step.app.settings.declared()]
    if all(live.get(field) == step.body.get(field) for field in managed):
        return Verdict.APPLIED
    if all(live.get(field) == step.live.settings.get(field) for field in managed):
        return Verdict.NOT_APPLIED
    return Verdict.SUPERSEDED


def differences(step: AppPlan, live: AppSettings) -> tuple[Field, ...]:
    """The fields that are not as they were sent, in the vendor's order."""
    return tuple(field for field, value in step.body.declared() if live.get(field) != value)


def explain(step: AppPlan, live: AppSettings, verdict: Verdict) -> str:
    """One sentence for people: what was wrong with what came back; empty when all is as sent."""
    names = differences(step, live)
    if not names:
        return ""
    if verdict is Verdict.NOT_APPLIED:
        return f"the vendor accepted the request but still shows the old {', '.join(names)}"
    if verdict is Verdict.APPLIED:
        return f"changed by somebody else during the write: {', '.join(names)}"
    each = "; ".join(
        f"{name} was sent as {masked(step.body.get(name))!r}, reads {masked(live.get(name))!r}" for name in names
    )
    return f"the vendor shows neither the old nor the new value: {each}"
