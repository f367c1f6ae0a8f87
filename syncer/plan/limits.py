"""Limits on a whole pass: what is right for one app may be a glitch, or a mistake, when it is right for all at once.

An approved step passes them all but the last: a person has seen it. Too much of the fleet unreadable means that the
vendor, the network or the customer id is wrong, and then nothing at all is written.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from syncer.model.planned import Cause, Hold, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from syncer.model.desired import AppRef
    from syncer.model.fields import Field
    from syncer.model.planned import AppPlan, Danger, Plan, RecentPut

COOLING: Final = timedelta(hours=6)
"""The time constant after which a put-back counts only 1/e as much (hazard C9)."""
HOT: Final = 3.0
"""Put-backs, each worth less with age, beyond which syncer stops fighting whoever undoes them."""
WARM: Final = timedelta(days=7)
"""After this long a put-back is worth nothing any more."""
OFTEN: Final = 4
"""Put-backs within a week that are reported, however far apart they are."""
FEWEST_UNREADABLE: Final = 1
"""So many unreadable apps never stop the others, however small the fleet."""


@dataclass(frozen=True, slots=True)
class Transition:
    """In how many apps a dangerous kind of change may be made within the budget's window."""

    danger: Danger
    apps: int
    share: float

    def most(self, fleet: int) -> int:
        """Apps in which it may be made without a person's word."""
        return max(self.apps, _part(self.share, fleet))


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's limits. Shares are fractions of the fleet; `per` is the rolling window of all that adds up."""

    apps: int
    share: float
    at_least: int
    per: timedelta
    drift_apps: int
    drift_share: float
    unreadable: float
    transitions: tuple[Transition, ...] = ()

    def budget(self, fleet: int) -> int:
        """Apps that may change in a window without a person's word: a floor, not an exemption, for small fleets."""
        return max(self.at_least, min(self.apps, _part(self.share, fleet)))

    def drifted(self, fleet: int) -> int:
        """Apps that may have drifted at once and still be put back."""
        return max(self.drift_apps, _part(self.drift_share, fleet))


@dataclass(frozen=True, slots=True)
class Fleet:
    """The size of the whole fleet, whatever was selected, and the PUTs of the recent past."""

    size: int = 0
    recent: tuple[RecentPut, ...] = ()


def of_pass(plan: Plan, limits: Limits) -> Iterator[Hold]:
    """Holds against everything, approved or not.

    The share is that of the apps that were asked: a few selected ones must not hide in a large fleet.
    """
    unreadable = len(plan.unreadable)
    asked = len(plan.steps) + len(plan.in_sync) + unreadable
    if plan.steps and unreadable > max(FEWEST_UNREADABLE, _part(limits.unreadable, asked)):
        yield Hold(
            Rule.TOO_MANY_UNREADABLE,
            f"{unreadable} of {asked} apps can't be read, more than {limits.unreadable:.0%}: nothing is written",
            release="nothing to do when it passes; else `syncer doctor`",
        )


def of_transitions(
    steps: Sequence[AppPlan], limits: Limits, fleet: Fleet, now: datetime, release: str
) -> Iterator[Hold]:
    """Holds against the dangerous changes of steps that nobody approved; the other changes of a step may go on.

    As everywhere all of a kind or none, and small steps add up.
    """
    for transition in limits.transitions:
        spent = {put.ref for put in _unattended(fleet, limits, now) if transition.danger in put.dangers}
        wanted = {step.ref: fields for step in steps if (fields := _endangered(step, transition.danger))}
        total, most = len(spent | wanted.keys()), transition.most(fleet.size)
        if total > most:
            detail = f"{transition.danger} in {total} apps in {_hours(limits.per)}, more than {most} of {fleet.size}"
            yield from (Hold(Rule.TRANSITION, detail, ref, fields, release) for ref, fields in wanted.items())


def _endangered(step: AppPlan, danger: Danger) -> tuple[Field, ...]:
    return tuple(change.field for change in step.changes if change.danger is danger)


def _unattended(fleet: Fleet, limits: Limits, now: datetime) -> Iterator[RecentPut]:
    return (put for put in fleet.recent if not put.approved and now - put.at < limits.per)


def of_steps(steps: Sequence[AppPlan], limits: Limits, fleet: Fleet, now: datetime, release: str) -> Iterator[Hold]:
    """Holds against steps that nobody approved; all of them or none, so that no order decides who goes first."""
    drifted = [step for step in steps if Cause.DRIFT in step.causes]
    if len(drifted) > (most := limits.drifted(fleet.size)):
        detail = (
            f"{len(drifted)} apps drifted at once, more than {most} of {fleet.size}: it may be the vendor's mistake"
        )
        yield from (Hold(Rule.MASS_DRIFT, detail, step.ref, release=release) for step in steps)
    spent = {put.ref for put in _unattended(fleet, limits, now)}
    wanted = {step.ref for step in steps}
    if len(spent | wanted) > (most := limits.budget(fleet.size)):
        detail = f"{len(wanted - spent)} more apps would make {len(spent | wanted)} changed in {_hours(limits.per)}, "
        yield from (
            Hold(Rule.BUDGET, f"{detail}over the budget of {most}", step.ref, release=release) for step in steps
        )


def told(limits: Limits, fleet: int) -> Iterator[str]:
    """The limits as sentences, in apps of a fleet of this size."""
    span = _hours(limits.per)
    yield f"{limits.budget(fleet)} of {fleet} apps may change in {span} without an approval"
    for transition in limits.transitions:
        yield f"{transition.danger} in {transition.most(fleet)} of them in {span}"
    yield f"{limits.drifted(fleet)} drifted at once are put back"
    yield f"nothing is written while more than {limits.unreadable:.0%} of the fleet can't be read"


def lookback(limits: Limits | None) -> timedelta:
    """How far back PUTs matter: as far as they warm a fight, and through the whole of the budget's window."""
    return max(WARM, limits.per) if limits else WARM


def heat(ref: AppRef, recent: Iterable[RecentPut]) -> float:
    """How hot it ever was between syncer and whoever undoes an app's put-backs: each counts 1, and less with time.

    The hottest moment of the past week counts, not the present one: a fight that paused because syncer stopped is not
    over. A PUT that a person approved ends it.
    """
    now = hottest = 0.0
    before: datetime | None = None
    for put in recent:
        if put.ref != ref or not put.drift:
            continue
        cooled = math.exp(-max(put.at - before, timedelta()) / COOLING) if before else 0.0
        now, before = (0.0, None) if put.approved else (now * cooled + 1, put.at)
        hottest = 0.0 if put.approved else max(hottest, now)
    return hottest


def flapping(recent: Iterable[RecentPut]) -> Mapping[AppRef, int]:
    """How often each app's drift was put back lately, for those where somebody does it again and again.

    Slower than a fight, so that syncer goes on putting it back, and still worth a word (hazard C9).
    """
    counts = Counter(put.ref for put in recent if put.drift and not put.approved)
    return {ref: count for ref, count in counts.items() if count >= OFTEN}


def _part(share: float, apps: int) -> int:
    """Whole apps within a share; rounded where fractions can't be: 29 % of 100 are 29."""
    return math.floor(round(share * apps, 6))


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):g} h"
