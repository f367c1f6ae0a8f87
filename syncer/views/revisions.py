"""Commits as they came in force: whose they are, what they touched, what of them is applied, and why the rest waits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from syncer.documents import render
from syncer.errors import JournalError
from syncer.report import of_problem
from syncer.views.digest import INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncer.errors import SyncerError
    from syncer.model.outcome import SyncReport
    from syncer.model.problems import Problem
    from syncer.report import JSON
    from syncer.views.rows import Row
    from syncer.views.trail import Trail

SCHEMA: Final = "syncer.revisions-page/v1"
SHOWN: Final = 30
PROBLEMS: Final = 20
CHANGED: Final = "syncer.source.changed.v1"
OF_GIT: Final = frozenset({"git", "both", "unknown"})


def page(trail: Trail, rows: Sequence[Row], report: SyncReport | None, failure: SyncerError | None) -> JSON:
    """What the page shows; `failure` is why the newest commit is not in force. Blocks: reads the journal."""
    commits = list(_commits(trail))
    in_force = report.revision.id if report else (commits[0]["revision"] if commits else "")
    found = [_told(trail, rows, commit, in_force) for commit in commits]
    return {
        "schema": SCHEMA,
        "failure": failure and {"message": failure.message, "hint": failure.hint},
        "problems": [_problem(problem) for problem in (report.problems if report else ())[:PROBLEMS]],
        "more_problems": max(0, len(report.problems if report else ()) - PROBLEMS),
        "revisions": found,
    }


def _told(trail: Trail, rows: Sequence[Row], commit: JSON, in_force: str) -> JSON:
    """A commit with what came of it."""
    written = {**commit, "in_force": commit["revision"] == in_force, **_written(trail, commit["revision"])}
    return {**written, **_waiting(rows, written)} if written["in_force"] else written


def _commits(trail: Trail) -> Iterable[JSON]:
    """Revisions, latest first; each process says what it finds in force, so one that is said again is no other."""
    rows = trail.ask("SELECT * FROM record WHERE type = ? ORDER BY seq DESC LIMIT ?", (CHANGED, SHOWN * 10))
    firsts = [
        row
        for number, row in enumerate(rows)
        if number + 1 == len(rows) or rows[number + 1]["revision"] != row["revision"]
    ]
    for row in firsts[:SHOWN]:
        try:
            data = trail.event(row)["data"]
        except JournalError:
            data = {}
        yield _commit(row, data)


def _commit(row: Mapping[str, Any], data: Mapping[str, Any]) -> JSON:
    git, rejected = data.get("git") or {}, data.get("rejected")
    return {
        "revision": row["revision"],
        "at": row["time"],
        "seq": row["seq"],
        "author": git.get("author", ""),
        "committed": git.get("committed"),
        "subject": git.get("subject", ""),
        "signed": git.get("signed", ""),
        "apps": data.get("apps"),
        "rejected": [str(path) for path in rejected] if isinstance(rejected, list) else [],
        "waiting": 0,
        "held": [],
    }


def _written(trail: Trail, revision: str) -> JSON:
    """How many apps a commit was written to, and to how many of them with success; drift put back is no part of it."""
    [row] = trail.ask(
        "SELECT count(DISTINCT customer || '/' || app) AS touched,"
        " count(DISTINCT CASE WHEN outcome = 'applied' THEN customer || '/' || app END) AS applied"
        " FROM record WHERE type = ? AND revision = ? AND of_git",
        (INTENT, revision),
    )
    return {"touched": row["touched"], "applied": row["applied"]}


def _waiting(rows: Sequence[Row], commit: Mapping[str, Any]) -> JSON:
    """Apps that the commit in force has still to be written to, and why they are held back."""
    waiting = [row for row in rows if OF_GIT.intersection(row.causes)]
    held = Counter(hold["detail"] for row in waiting for hold in row.holds)
    return {
        "waiting": len(waiting),
        "touched": max(commit["touched"], commit["applied"] + len(waiting)),
        "held": [{"detail": detail, "apps": number} for detail, number in held.most_common(PROBLEMS)],
    }


def _problem(problem: Problem) -> JSON:
    return {**of_problem(problem), "drawn": render.problem(problem).rstrip("\n").split("\n")}
