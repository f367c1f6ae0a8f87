"""What a plan looks like to a reader: the values it is made from, and what will become of each app."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from syncer.cli.render import words
from syncer.model.outcome import State
from syncer.model.planned import QUIET_RULES, Cause, Rule
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model.desired import AppRef, Commit, DesiredApp, Origin
    from syncer.model.live import Unmanaged
    from syncer.model.outcome import AppStatus
    from syncer.model.planned import AppPlan, Decision, FieldChange, Hold

SHORT_ID: Final = 12
"""Characters of a plan id that people see and type."""


class Fate(StrEnum):
    """What happens to an app if the plan is carried out now. Every app has exactly one."""

    APPLY = "to apply"
    HELD = "held"
    QUIET = "not counted"  # held back by the app's own policy
    IN_SYNC = "in sync"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan to be shown. `blame` has the commit of each origin, as far as known; `source` names where git is.

    `tail` goes behind the command that comes next. `unmanaged` is what the vendor has beside them, as in the report.
    """

    apps: tuple[DesiredApp, ...]
    decision: Decision
    statuses: tuple[AppStatus, ...]
    now: datetime
    blame: Mapping[Origin, Commit]
    source: str
    tail: str = ""
    unmanaged: Unmanaged | None = None

    @property
    def plan_id(self) -> str:
        """The id as people type it."""
        return self.decision.plan.id[:SHORT_ID]

    @property
    def by_ref(self) -> dict[AppRef, DesiredApp]:
        """The apps by their identity."""
        return {app.ref: app for app in self.apps}

    @property
    def invalid(self) -> tuple[DesiredApp, ...]:
        """Apps whose file is broken now and whose last good reading is in force."""
        return tuple(app for app in self.apps if app.invalid)

    @property
    def paused(self) -> tuple[AppStatus, ...]:
        """Suspended apps in which nothing differs: no hold names them, and they are shown all the same."""
        planned = {step.ref for step in self.decision.plan.steps}
        return tuple(s for s in self.statuses if s.state is State.SUSPENDED and s.ref not in planned)

    @property
    def whole_pass(self) -> tuple[Hold, ...]:
        """Holds that stand against everything."""
        return tuple(hold for hold in self.decision.holds if hold.ref is None)

    @property
    def fates(self) -> dict[AppRef, Fate]:
        """The fate of each app, in the order of the apps."""
        plan = self.decision.plan
        steps = {step.ref: step for step in plan.steps}
        approved = {step.ref for step in self.decision.approved}
        silent = {app.ref for app in plan.unreadable}
        holds: dict[AppRef, list[Hold]] = {}
        for hold in self.decision.holds:
            if hold.ref is not None:
                holds.setdefault(hold.ref, []).append(hold)
        found = {}
        for app in self.apps:
            if app.ref in silent:
                found[app.ref] = Fate.UNREADABLE
            elif app.ref not in steps:
                found[app.ref] = Fate.IN_SYNC
            elif app.ref in approved:
                found[app.ref] = Fate.APPLY
            else:
                found[app.ref] = Fate.QUIET if quiet(steps[app.ref], holds.get(app.ref, ())) else Fate.HELD
        return found

    @property
    def settled(self) -> bool:
        """Whether there is nothing to say but that everything is in sync."""
        odd = self.decision.plan.steps or self.decision.plan.unreadable or self.invalid or self.paused
        pinned = any(app.pin for app in self.apps)
        return not odd and not pinned and not self.whole_pass

    def summary(self) -> str:
        """`12 apps: 3 to apply, 1 held, 8 in sync`."""
        fates = tuple(self.fates.values())
        counts = [f"{fates.count(fate):,} {fate}{self._partly(fate)}" for fate in Fate if fates.count(fate)]
        told = f": {', '.join(counts)}" if counts else " selected"
        broken = f"; {words.count(len(self.invalid), 'app')} invalid in git" if self.invalid else ""
        return f"{words.count(len(self.apps), 'app')}{told}{broken}"

    def made_of(self) -> str:
        """`plan 4f2a1b3c5d6e · commit 1a2b3c4`."""
        return f"plan {self.plan_id} · {words.revision(self.decision.plan.revision)}"

    def _partly(self, fate: Fate) -> str:
        whole = {step.ref: step for step in self.decision.plan.steps}
        cut = sum(len(step.changes) < len(whole[step.ref].changes) for step in self.decision.approved)
        return f" ({cut:,} in part)" if cut and fate is Fate.APPLY else ""

    def next_command(self) -> str:
        """What to run now, empty where there is nothing to run."""
        if self.decision.approved:
            return f"syncer sync{self.tail}"
        fates = self.fates
        for hold in self.decision.holds:
            if hold.release.startswith("syncer ") and (hold.ref is None or fates.get(hold.ref) is Fate.HELD):
                return sanitize(hold.release)
        return f"syncer validate{self.tail}" if self.invalid else ""


def quiet(step: AppPlan, holds: tuple[Hold, ...] | list[Hold]) -> bool:
    """Whether the app's own policy alone holds back every change of a step."""
    if any(hold.rule is Rule.SUSPENDED for hold in holds):  # whatever else holds it counts when that is over
        return True
    if any(hold.rule not in QUIET_RULES for hold in holds):
        return False
    held = {field for hold in holds for field in hold.fields}
    return any(not hold.fields for hold in holds) or held >= {change.field for change in step.changes}


def causes(change: FieldChange, step: AppPlan, view: PlanView) -> tuple[str, ...]:
    """Who moved a field, one line each: file, line, commit and author for git, the time window for drift."""
    place = words.where(change.origin, view.blame)
    window = words.moved(step.moved_after, step.moved_before, view.now)
    match change.cause:
        case Cause.GIT:
            return (place,)
        case Cause.DRIFT:
            return (f"{window}; declared at {sanitize(str(change.origin))}",)
        case Cause.BOTH:
            return window, f"and git changed it: {place}"
        case Cause.UNKNOWN:
            return (f"no record yet; declared at {place}",)
        case _:
            assert_never(change.cause)


def unchanged(step: AppPlan) -> int:
    """How many declared fields of a changing app stay as they are."""
    return sum(1 for _ in step.app.settings.declared()) - len(step.changes)
