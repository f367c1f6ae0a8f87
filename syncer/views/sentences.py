"""One sentence for each app: what is wrong, since when, why, and what happens next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from syncer.model.outcome import State
from syncer.phrasing import moved, roughly, when

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.report import JSON
    from syncer.views.rows import Row

HEADS: Final = {
    State.IN_SYNC: "In sync",
    State.PENDING: "Pending",
    State.DRIFTED: "Drifted",
    State.CONFLICT: "In conflict",
    State.APPLYING: "Being written",
    State.HELD: "Held back",
    State.FAILING: "Failing",
    State.NOT_CONVERGING: "Not converging",
    State.FIGHTING: "Fighting",
    State.SUSPENDED: "Suspended",
    State.INVALID: "Invalid in git",
    State.AUTH_FAILED: "Token refused",
    State.UNREADABLE: "Unreadable",
    State.STALE: "Without a verdict",
}
WAITS: Final = {
    State.INVALID: "The last good version stays in force until the file is mended in git",
    State.AUTH_FAILED: "Give it a token that works",
    State.STALE: "Nothing is known until a pass ends; look whether the daemon runs",
}
"""What has to happen, where that follows from the state alone."""
WINDOW: Final = "wait for the window"
"""A release that says less than the hold itself, which knows when the window opens."""


@dataclass(frozen=True, slots=True)
class Appointments:
    """When the daemon looks and when it writes next; None where nobody knows."""

    look: datetime | None = None
    write: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """`head` says what and for how long, `why` the reason, `then` what happens next, with its full stop."""

    head: str
    why: str
    then: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.head}: {self.why}. {self.then}".rstrip()

    def document(self) -> JSON:
        """Its parts for pages and programs."""
        return {"head": self.head, "why": self.why, "then": self.then, "text": self.text}


def of(row: Row, now: datetime, at: Appointments) -> Sentence:
    """The sentence of an app."""
    age = roughly(max(0.0, (now - row.since).total_seconds()))
    why = _why(row, now)
    return Sentence(f"{HEADS[row.state]} for {age}", why.rstrip("."), _then(row, now, at))


def _why(row: Row, now: datetime) -> str:
    if row.state in {State.DRIFTED, State.PENDING, State.CONFLICT} and row.changes:
        return ", and ".join(_moves(row, now)) + _often(row)
    if row.state is State.HELD and row.changes:
        return f"{', and '.join(_moves(row, now))} ({row.reason})"
    return row.reason


def _often(row: Row) -> str:
    return f"; it was put back {row.put_back} times within a week" if row.put_back else ""


def _moves(row: Row, now: datetime) -> Iterable[str]:
    """Who changed what: one clause for each cause."""
    for cause in row.causes:
        fields = listed(change["field"] for change in row.changes if change["cause"] == cause)
        match cause:
            case "drift":
                yield f"someone changed {fields} at the vendor{_window(row.moved, now)}"
            case "git":
                yield f"git changed {fields}"
            case "both":
                yield f"git and someone at the vendor both changed {fields}{_window(row.moved, now)}"
            case _:
                yield f"{fields} differs from git, and there is no record of who changed it"


def _window(told: Mapping[str, str] | None, now: datetime) -> str:
    if not told:
        return ""
    spoken = moved(datetime.fromisoformat(told["after"]), datetime.fromisoformat(told["before"]), now)
    return " " + spoken.removeprefix("moved ")


def _then(row: Row, now: datetime, at: Appointments) -> str:
    if row.state is State.IN_SYNC:
        return _again(at, now, "Looked at again")
    if waits := WAITS.get(row.state):
        return f"{waits}."
    if row.state is State.UNREADABLE:
        return _again(at, now, "Read again")
    if row.state is State.FAILING and not row.holds:
        hint = f"{_sentence(row.hint)} " if row.hint else ""
        return hint + _next(at, now, "Tried again")
    parts = [_written(row, free, at, now)] if (free := _free(row)) else []
    return " ".join([*parts, *_released(row)])


def _free(row: Row) -> list[JSON]:
    """The changes that no hold stands against."""
    if any(not hold["fields"] for hold in row.holds):
        return []
    held = {name for hold in row.holds for name in hold["fields"]}
    return [change for change in row.changes if change["field"] not in held]


def _written(row: Row, free: list[JSON], at: Appointments, now: datetime) -> str:
    drifted = {change["cause"] for change in free} == {"drift"}
    of = "" if len(free) == len(row.changes) else f" ({listed(change['field'] for change in free)})"
    return _next(at, now, ("Put back" if drifted else "Applied") + of)


def _next(at: Appointments, now: datetime, what: str) -> str:
    return f"{what} at the next pass that writes{f', {when(at.write, now)}' if at.write else ''}."


def _again(at: Appointments, now: datetime, what: str) -> str:
    return f"{what} at the next pass{f', {when(at.look, now)}' if at.look else ''}."


def _released(row: Row) -> Iterable[str]:
    """How each hold ends: by a person's word, or by itself."""
    for release in row.way_out:
        if release.startswith("syncer "):
            details = dict.fromkeys(hold["detail"] for hold in row.holds if hold["release"] == release)
            told = "" if details.keys() <= {row.reason} else f" ({'; '.join(details)})"
            yield f"Waits for a person to approve it{told}."
        else:
            known = next(hold["detail"] for hold in row.holds if hold["release"] == release)
            yield _sentence(known if release == WINDOW else release)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
