"""A person's word for what a plan or a commit is held back for: the same for the command and for the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.errors import HeldError, Refusal, RefusedCommitError, UsageError
from syncer.model.outcome import Trigger
from syncer.model.planned import APPROVABLE, Approval, Rule, SourceApproval
from syncer.parts import Ask
from syncer.threads import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from syncer.audit.journal import Journal
    from syncer.clock import Clock
    from syncer.desired.tracker import Tracker
    from syncer.model.desired import DesiredApp
    from syncer.model.outcome import SyncReport
    from syncer.model.planned import AppPlan, Decision
    from syncer.reconcile import Reconciler

LASTS: Final = timedelta(hours=24)
SHORTEST_ID: Final = 8
"""Characters of a plan id, or of a commit's hash, that can't name another by chance."""

Select: TypeAlias = "Callable[[tuple[DesiredApp, ...]], tuple[DesiredApp, ...]]"


@dataclass(frozen=True, slots=True)
class Word:
    """Who approves, and why; UsageError for an empty reason."""

    by: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("the reason is empty", hint="say why: it is what an auditor reads")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of a plan's apps are meant; `narrowed` unless it is all, `named` where their names were given."""

    select: Select
    narrowed: bool
    named: bool = False


def checked_id(plan_id: str) -> str:
    """A plan id long enough to name one plan; UsageError otherwise."""
    if len(plan_id) < SHORTEST_ID:
        raise UsageError(f"give at least {SHORTEST_ID} characters of the plan id", hint="`syncer plan` shows it")
    return plan_id


@dataclass(frozen=True, slots=True)
class Approver:
    """Records approvals in the journal of this process. Nothing else may use its parts meanwhile."""

    reconciler: Reconciler
    tracker: Tracker
    journal: Journal
    clock: Clock

    async def plan(self, plan_id: str, chosen: Selection, word: Word) -> tuple[AppPlan, ...]:
        """The steps of the plan that were approved: all that wait for it, and are chosen; each approval 24 hours long.

        What only waits for its wave needs nobody's word, and has to be named: else whoever releases a first wave from
        the budget would release the whole fleet.

        The plan is made anew. HeldError where it has another id by now; the errors of a strict pass.
        """
        report = await self._planned(checked_id(plan_id), chosen)
        wanted = {app.ref for app in chosen.select(self.tracker.apps)}
        rules = APPROVABLE if chosen.named else APPROVABLE - {Rule.ROLLOUT_WAVE}
        steps = tuple(
            each for each in report.decision.plan.steps if each.ref in wanted and waits(each, report.decision, rules)
        )
        for step in steps:
            expires = report.started + LASTS
            self.journal.approve(
                Approval(step.ref, step.digest, report.decision.plan.id, word.by, word.reason, expires)
            )
        return steps

    async def commit(self, given: str, word: Word) -> str:
        """Approves a commit that does not follow the one in force: its whole hash, empty where none waits.

        UsageError for what is no hash, HeldError where another commit waits.
        """
        wanted = given.lower()
        if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef"):
            raise UsageError(f"{given!r} is no commit", hint=f"give at least {SHORTEST_ID} characters of its hash")
        held = await interruptible(self.tracker.interrupt, self._waiting)
        if held is None:
            return ""
        if not held.commit.startswith(wanted):
            raise HeldError(f"{held.commit} waits for an approval, and not {wanted}", hint=held.hint)
        expires = self.clock.now() + LASTS
        self.journal.approve_source(SourceApproval(held.was, held.commit, word.by, word.reason, expires))
        return held.commit

    async def _planned(self, plan_id: str, chosen: Selection) -> SyncReport:
        """The plan that is approved: that of the whole fleet, or of the chosen apps where `syncer plan` named them."""
        ask = Ask(Trigger.MANUAL, strict=True, expect_plan=plan_id)
        try:
            return await self.reconciler.run(ask)
        except HeldError as error:
            if not chosen.narrowed:
                hint = f"{error.hint}; for the plan of some apps name these apps here, too"
                raise HeldError(error.message, hint=hint) from error
            return await self.reconciler.run(
                Ask(Trigger.MANUAL, strict=True, expect_plan=plan_id, select=chosen.select)
            )

    def _waiting(self) -> RefusedCommitError | None:
        """Why the source's newest commit is not taken, if it is a matter of history."""
        try:
            self.tracker.refresh()
        except RefusedCommitError as error:
            if error.rule is not Refusal.REWRITTEN:
                raise
            return error
        return None


def waits(step: AppPlan, decision: Decision, rules: Collection[Rule]) -> bool:
    """Whether a hold of one of these rules stands against a step."""
    return any(hold.rule in rules for hold in decision.holds_of(step.ref))
