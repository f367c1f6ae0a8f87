"""In how many steps a commit reaches the fleet: each wave is verified, and looked at for a while, before the next.

A rollout is about one revision and the apps that it changes. Drift that is put back is no part of it: it restores what
was verified before. Nothing is kept apart from the journal, so that a restart changes no answer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from syncer.model.outcome import Verdict
from syncer.model.planned import Cause, Hold, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.fields import Field
    from syncer.model.outcome import Attempt
    from syncer.model.planned import AppPlan, LastApplied
    from syncer.plan.compare import Digest

COMMITTED: Final = frozenset({Cause.GIT, Cause.BOTH, Cause.UNKNOWN})
"""Causes in which git has a part; what has only drifted is put back outside of any wave."""


@dataclass(frozen=True, slots=True)
class Wave:
    """What a wave adds: the apps with these labels, and apps up to this share of those that the revision changes."""

    share: float = 0.0
    labels: tuple[tuple[str, str], ...] = ()
    soak: timedelta = timedelta(0)

    def named(self, app: DesiredApp) -> bool:
        """Whether the wave names an app by its labels."""
        return bool(self.labels) and set(self.labels) <= set(app.labels)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The operator's waves, the last of which takes in everything; 0 failures to stop after means never."""

    waves: tuple[Wave, ...]
    stop_after_failures: int = 0


AT_ONCE: Final = Rollout((Wave(share=1.0),))
BY_ITSELF: Final = "nothing to do: the wave begins by itself"


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a revision has come. `attempts` holds the last PUT of each app for this revision.

    `tried` are the apps that `attempts` is about, `elsewhere` those that the revision changes and that this pass does
    not look at, because others were selected; `settled` those that this pass has seen as git declares them, but for
    what their own policy holds back; `approved` those that a person lets pass every wave. `boot` and `up` are now, as
    no clock change can move it.
    """

    rollout: Rollout
    revision: str = ""
    attempts: Mapping[AppRef, Attempt] = field(default_factory=dict)
    tried: tuple[DesiredApp, ...] = ()
    elsewhere: tuple[DesiredApp, ...] = ()
    settled: frozenset[AppRef] = frozenset()
    approved: frozenset[AppRef] = frozenset()
    boot: str = ""
    up: int = 0

    @property
    def trivial(self) -> bool:
        """Whether everything may go at once, whatever fails."""
        return len(self.rollout.waves) <= 1 and not self.rollout.stop_after_failures

    @property
    def failed(self) -> frozenset[AppRef]:
        """Apps whose last PUT for this revision did not show, and that are not as declared now."""
        tried = self.attempts.items()
        return frozenset(ref for ref, put in tried if put.verdict is not Verdict.APPLIED and ref not in self.settled)

    def stopped(self, failed: Collection[AppRef]) -> str:
        """Why no other app may be tried once these have failed; empty while some may."""
        most = self.rollout.stop_after_failures
        return f"the rollout is stopped: {_named(sorted(failed))} failed" if most and len(failed) >= most else ""

    def age(self, put: Attempt, now: datetime) -> timedelta:
        """How long ago a PUT ended, at least: a wall clock that was moved makes it no older than it is."""
        ago = now - put.at
        same_boot = put.boot and put.boot == self.boot
        return min(ago, timedelta(microseconds=(self.up - put.up) // 1000)) if same_boot else ago


def committed(step: AppPlan) -> tuple[Field, ...]:
    """The fields of a step that a commit has a part in; none of an app that goes back to an earlier commit.

    A way back does not spread what is new, and can't wait until what is new has been verified.
    """
    if step.app.pin is not None:
        return ()
    return tuple(change.field for change in step.changes if change.cause in COMMITTED)


def elsewhere(
    apps: Iterable[DesiredApp], read: Collection[AppRef], last: Mapping[AppRef, LastApplied], digest: Digest
) -> Iterator[DesiredApp]:
    """Apps that were not read and of which git declares something else than was last applied."""
    for app in apps:
        if (
            app.ref not in read
            and app.pin is None
            and (
                app.ref not in last
                or any(last[app.ref].digest(name) != digest(name, value) for name, value in app.settings.declared())
            )
        ):
            yield app


def of_steps(passed: Iterable[AppPlan], stage: Stage, now: datetime, approve: str) -> Iterator[Hold]:
    """Holds against the steps of later waves, and against every new step once too many have failed.

    `passed` are the steps that nothing else holds back: what an app's own policy holds back is
    in no wave, so that it can't keep the others waiting. A step that was tried before may be tried again: that spreads
    nothing. `approve` is the command that releases a stopped rollout; a wave begins by itself.
    """
    steps = [step for step in passed if committed(step)]
    if stage.trivial or not steps:
        return
    if why := stage.stopped(stage.failed):
        rule, release, may = Rule.ROLLOUT_STOPPED, approve, frozenset(stage.attempts)
    else:
        rule, release = Rule.ROLLOUT_WAVE, BY_ITSELF
        why, may = _open(steps, stage, now)
    for step in steps:
        if why and step.ref not in may | stage.approved:
            yield Hold(rule, why, step.ref, committed(step), release)


def _open(steps: Iterable[AppPlan], stage: Stage, now: datetime) -> tuple[str, frozenset[AppRef]]:
    """The apps of the waves that have begun, and why the next one has not; an empty text when all have."""
    waves = stage.rollout.waves
    waiting = {step.ref: step.app for step in steps} | {app.ref: app for app in stage.elsewhere}
    for number, members in enumerate(_coverage(waiting, stage)[:-1]):
        if why := _unfinished(members, waves[number].soak, stage, now):
            return f"wave {number + 2} of {len(waves)} has not begun: {why}", members
    return "", frozenset()


def _order(revision: str) -> Callable[[AppRef], bytes]:
    """A different order for each revision, so that no app is the first every time."""
    return lambda ref: hashlib.sha256(f"{revision}\0{ref}".encode()).digest()


def _coverage(waiting: Mapping[AppRef, DesiredApp], stage: Stage) -> list[frozenset[AppRef]]:
    """For each wave the apps that it and the ones before it take in.

    Those that were tried for this revision come first, and with them those that are approved: what is written is
    written, whatever the waves were then, and takes the place of another. They
    stay in the wave that names them, so that it is looked at after it was written, too.
    """
    order = _order(stage.revision)
    sure = stage.approved | stage.attempts.keys()
    everyone = sorted(sure | waiting.keys(), key=lambda ref: (ref not in sure, order(ref)))
    covered: list[frozenset[AppRef]] = []
    taken: set[AppRef] = set()
    known = (*waiting.values(), *stage.tried)
    for wave in stage.rollout.waves:
        taken |= {app.ref for app in known if wave.named(app)}
        wanted = _places(wave.share, len(everyone)) - len(taken)
        taken |= set([ref for ref in everyone if ref not in taken][: max(wanted, 0)])
        covered.append(frozenset(taken))
    return covered


def _places(share: float, apps: int) -> int:
    """Apps that a share takes in: not one more than it says, but for the first; rounded where fractions can't be."""
    return max(1, math.floor(round(share * apps, 6))) if share else 0


def _unfinished(members: frozenset[AppRef], soak: timedelta, stage: Stage, now: datetime) -> str:
    """Why the wave after these apps may not begin yet; empty when it may.

    No apps, no wait: the revision changes none that the wave names.
    """
    if unverified := sorted(members - stage.settled):
        return (
            f"{len(members) - len(unverified)} of {len(members)} apps before it are verified, not {_named(unverified)}"
        )
    ages = [stage.age(stage.attempts[ref], now) for ref in members if ref in stage.attempts]
    if ages and min(ages) < soak:
        return f"it opens at {now + soak - min(ages):%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _named(refs: Collection[AppRef]) -> str:
    first, *more = refs
    return f"{first} and {len(more)} more" if more else str(first)
