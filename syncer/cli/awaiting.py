"""Waiting for a state: what each look at the status means, and when there is no point in going on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from syncer import statefile
from syncer.cli import exits
from syncer.cli.render import words
from syncer.desired import selection
from syncer.documents import formats
from syncer.errors import SyncerError, UsageError
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.model.planned import QUIET_RULES, Rule
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

JSON = dict[str, Any]

EVERY: Final = 1.0
"""Seconds between two looks."""
NAMED: Final = 20
"""Apps that are named in the result."""
HELD: Final = frozenset({State.HELD, State.NOT_CONVERGING, State.FIGHTING, State.SUSPENDED})
AT_REST: Final = {State.FAILING, State.AUTH_FAILED, State.UNREADABLE, State.STALE}
"""States in which a pass counts as failed; each may pass by itself."""
QUIET: Final = frozenset(rule.value for rule in QUIET_RULES)
_REVISION: Final = re.compile(r"(sha256:)?[0-9a-f]{7,64}")


class Verdict(Enum):
    """How one app stands to the goal."""

    REACHED = "reached"
    WAITING = "waiting"
    HELD = "held"  # until somebody releases it
    FAILED = "failed"  # until git says something else


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for: a state of the chosen apps; without one, that a pass begun at `since` or later has ended.

    With `revision` only verdicts over that revision count.
    """

    state: State | None
    since: datetime
    revision: str = ""
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the status found; `trouble` is why there was nothing to see."""

    apps: tuple[tuple[JSON, Verdict], ...] = ()
    trouble: str = ""
    over: bool = False

    def having(self, *verdicts: Verdict) -> tuple[JSON, ...]:
        """The apps with these verdicts."""
        return tuple(row for row, verdict in self.apps if verdict in verdicts)

    @property
    def reached(self) -> bool:
        """Whether all there is is as it should be."""
        return not self.trouble and not self.having(Verdict.WAITING, Verdict.HELD, Verdict.FAILED)

    @property
    def code(self) -> int:
        """The exit code, if it were over now."""
        if self.reached:
            return exits.DONE
        held = not self.having(Verdict.FAILED) and self.having(Verdict.HELD)
        return exits.HELD if held else exits.FAILED


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds; `pause` sleeps that long."""

    seconds: float
    now: Callable[[], float]
    pause: Callable[[float], object]
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "begun", self.now())

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return self.now() - self.begun


def goal(wanted: str, revision: str, names: tuple[str, ...], labels: tuple[str, ...], now: datetime) -> Goal:
    """The goal of a command line; UsageError for no state, and for a revision that is too short to be one."""
    plain = wanted.replace("-", "").lower()
    state = next((each for each in State if each.value.lower() == plain), None)
    if state is None:
        raise UsageError(f"{wanted!r} is no state", hint=f"states: {', '.join(State)}")
    if revision and not _REVISION.fullmatch(revision):
        raise UsageError(f"{revision!r} is no commit", hint="give 7 characters of its hash, or all: git rev-parse HEAD")
    return Goal(state, now, revision.removeprefix("sha256:"), names, labels)


def seconds(text: str) -> float:
    """A duration of the command line; UsageError where it is none."""
    try:
        return formats.read_duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--timeout {text!r}: {error}", hint="write 30s, 5m or 2h") from error


def ended(wanted: Goal, look: Callable[[], JSON | None], patience: Patience, tell: Callable[[str], object]) -> Look:
    """The last look: the goal was reached, can't be reached, or the time is over.

    A status that can't be had now (a daemon that restarts) is asked for again. UsageError where no app is chosen.
    """
    while True:
        found = _looked(wanted, look)
        spent = patience.spent
        over = spent >= patience.seconds
        if found.reached or over or (found.having(Verdict.HELD, Verdict.FAILED) and not found.trouble):
            return _at_last(found, wanted) if over and not found.reached else found
        tell(f"{_progress(found, wanted)}, {words.lasted(spent)}")
        patience.pause(min(EVERY, max(0.0, patience.seconds - spent)))


def _looked(wanted: Goal, look: Callable[[], JSON | None]) -> Look:
    try:
        document = look()
    except UsageError:
        raise
    except SyncerError as error:
        return Look(trouble=error.message)
    if document is None:
        return Look(trouble="no pass has been made yet")
    if wanted.state is None and datetime.fromisoformat(document["started"]) < wanted.since:
        return Look(trouble="the pass has not ended yet")
    if wanted.revision and not document["revision"]["id"].removeprefix("sha256:").startswith(wanted.revision):
        return Look(trouble=f"{document['revision']['id'][:12]} is in force")
    return Look(tuple((row, _judged(row, document, wanted)) for row in _chosen(document, wanted)))


def _chosen(document: JSON, wanted: Goal) -> Iterable[JSON]:
    statuses = selection.select(statefile.statuses(document).values(), wanted.names, wanted.labels)
    if not statuses and wanted.labels:
        raise UsageError("no app fits these labels", hint="`syncer status` shows the apps")
    refs = {status.ref for status in statuses}
    return (row for row in document["apps"] if AppRef(row["customer_id"], row["app_id"]) in refs)


def _judged(row: JSON, document: JSON, wanted: Goal) -> Verdict:
    """An older verdict than the last pass's is none about its revision; bad news from before the question is none."""
    checked, state = datetime.fromisoformat(row["checked"]), State(row["state"])
    if wanted.revision and checked < datetime.fromisoformat(document["started"]):
        return Verdict.WAITING
    found = _standing(row, state, wanted.state)
    return Verdict.WAITING if found is not Verdict.REACHED and checked < wanted.since else found


def _standing(row: JSON, state: State, wanted: State | None) -> Verdict:
    rules = {hold["rule"] for hold in row["holds"]}
    if state is wanted or (wanted is None and state is State.SUSPENDED):
        return Verdict.REACHED
    if state is State.INVALID or Rule.REFUSED in rules or (wanted is None and state in AT_REST):
        return Verdict.FAILED
    released = any(hold["release"].startswith("syncer ") for hold in row["holds"] if hold["rule"] not in QUIET)
    if released or state in HELD:
        return Verdict.HELD
    return Verdict.WAITING if wanted else Verdict.REACHED


def _at_last(found: Look, wanted: Goal) -> Look:
    """Once the time is over, what was held all along is held."""
    return Look(tuple((row, _finally(row, verdict, wanted)) for row, verdict in found.apps), found.trouble, over=True)


def _finally(row: JSON, verdict: Verdict, wanted: Goal) -> Verdict:
    standing = _standing(row, State(row["state"]), wanted.state)
    return standing if verdict is Verdict.WAITING and standing is not Verdict.REACHED else verdict


def _progress(found: Look, wanted: Goal) -> str:
    if found.trouble:
        return sanitize(found.trouble)
    return f"{len(found.having(Verdict.REACHED))} of {len(found.apps)} {wanted.state}"


def told(found: Look, wanted: Goal) -> list[str]:
    """The result, one line each: how many are there, and which are not, with what would release them."""
    lines = []
    rest = found.having(Verdict.FAILED, Verdict.HELD, Verdict.WAITING)
    for row in rest[:NAMED]:
        ref = AppRef(row["customer_id"], row["app_id"])
        lines.append(f"{row['state']}  {words.app(ref, row['name'])}  {sanitize(row['reason'])}")
        lines += [f"  release: {sanitize(way)}" for way in _ways(row)]
    if len(rest) > NAMED:
        lines.append(f"and {len(rest) - NAMED} more")
    if found.trouble:
        lines.append(sanitize(found.trouble))
    ending = " when the time was over" if found.over else ""
    what = wanted.state.value if wanted.state else "in order after the pass"
    return [*lines, f"{len(found.having(Verdict.REACHED))} of {words.count(len(found.apps), 'app')} {what}{ending}"]


def _ways(row: Mapping[str, Any]) -> Sequence[str]:
    return tuple(dict.fromkeys(hold["release"] for hold in row["holds"] if hold["release"]))
