"""What a git server is told of a commit: how far it has come in the fleet. Pure.

Drift is nothing that a commit did, so an app that drifted has its commit. A commit that every app once had stays a
success, whatever comes later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from syncer.errors import RefusedCommitError
from syncer.model.outcome import State
from syncer.notify.deciding import Known, Told, said_now, too_soon
from syncer.notify.notice import Change, Notice, What, cut

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model.desired import Revision
    from syncer.notify.seen import Happened

CURRENT: Final = "commit"
REFUSED: Final = "refused"
FAILED: Final = frozenset({State.FAILING, State.NOT_CONVERGING, State.INVALID})
WAITING: Final = {
    State.PENDING: "waiting",
    State.HELD: "held",
    State.CONFLICT: "in conflict",
    State.APPLYING: "being written",
    State.AUTH_FAILED: "without a valid token",
    State.UNREADABLE: "unreadable",
}
"""States in which nobody knows yet that an app has the commit, each with its word."""


class Verdict(StrEnum):
    """How a commit fares, in the words of GitHub and Gitea."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    SUPERSEDED = "error"


@dataclass(frozen=True, slots=True)
class Progress:
    """How a commit fares, with a sentence."""

    sha: str
    verdict: Verdict
    text: str


def of(happened: Happened) -> tuple[Progress, ...]:
    """The commit in force, and one that is not taken; none of either for a folder."""
    report, failure = happened.report, happened.failure
    found = []
    if report is not None and report.revision.commit is not None:
        found.append(_in_force(happened, report.revision))
    if isinstance(failure, RefusedCommitError):
        found.append(Progress(failure.commit, Verdict.FAILURE, f"not taken: {failure.message}"))
    return tuple(found)


def _in_force(happened: Happened, revision: Revision) -> Progress:
    report = happened.report
    states = [status.state for status in report.apps] if report else []
    broken = len(report.rejected) if report else 0
    counts = {State(state): states.count(state) for state in sorted(set(states))}
    failed = sum(count for state, count in counts.items() if state in FAILED)
    waiting = [f"{count} {WAITING[state]}" for state, count in counts.items() if state in WAITING]
    have = len(states) - failed - sum(counts.get(state, 0) for state in WAITING)
    told = [f"{have} of {len(states)} apps are as declared"]
    told += [f"{failed} failed"] if failed else []
    told += waiting
    told += [f"{broken} invalid file{'s' * (broken > 1)}"] if broken else []
    verdict = Verdict.FAILURE if failed or broken else Verdict.PENDING if waiting else Verdict.SUCCESS
    return Progress(revision.id, verdict, ", ".join(told))


def decide(found: tuple[Progress, ...], memory: Mapping[str, Known], now: datetime, public_url: str) -> Told:
    """What a git server is told, and what to remember."""
    notices: list[Notice] = []
    changed: dict[str, Known | None] = {}
    for each in found:
        key = REFUSED if each.text.startswith("not taken") else CURRENT
        known = memory.get(key, Known(state="", was=""))
        if key == CURRENT and known.state == Verdict.PENDING and known.name != each.sha:
            text = f"{each.sha[:12]} came before every app had it"
            notices.append(_notice(Progress(known.name, Verdict.SUPERSEDED, text), known, now, public_url))
        if _news(each, known, now):
            notices.append(_notice(each, known, now, public_url))
            said = said_now(known.said if known.name == each.sha else (), each.verdict.value, now)
            changed[key] = replace(known, name=each.sha, state=each.verdict.value, told=each.text, said=said, since=now)
    return Told(tuple(notices), changed)


def _news(each: Progress, known: Known, now: datetime) -> bool:
    """Another commit, verdict or count, the same verdict ever more rarely; a success is the last word."""
    if known.name != each.sha or each.verdict is Verdict.SUCCESS:
        return (known.name, known.state) != (each.sha, each.verdict)
    if known.state == Verdict.SUCCESS or (known.state, known.told) == (each.verdict, each.text):
        return False
    return not too_soon(known, each.verdict.value, now)


def _notice(each: Progress, known: Known, now: datetime, public_url: str) -> Notice:
    was = known.state if known.name == each.sha else ""
    return Notice(
        at=now,
        change=Change.PROGRESS,
        what=What.COMMIT,
        was=was,
        state=each.verdict.value,
        reason=cut(each.text),
        since=now,
        revision=each.sha,
        link=public_url,
    )
