"""An invalid file stops nobody else's apps, and its own keep their last good desired state. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.model.problems import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.model.problems import Place, Problem


def carry_over(previous: DesiredState | None, current: DesiredState) -> DesiredState:
    """`current`, with the apps of its rejected files as `previous` had them.

    Those are marked `invalid` and stay under their old revision. An app that a good file declares now is taken from
    there. One that stands in no file any more is unmanaged: it simply is not there.
    """
    if previous is None or not current.rejected:
        return current
    rejected = frozenset(current.rejected)
    present = {app.ref for app in current.apps}
    reasons = {path: reason(current, path) for path in rejected}
    kept = (
        replace(app, invalid=reasons[app.at.path])
        for app in previous.apps
        if app.at.path in rejected and app.ref not in present
    )
    return replace(current, apps=sorted_apps((*current.apps, *kept)))


def sorted_apps(apps: Iterable[DesiredApp]) -> tuple[DesiredApp, ...]:
    """The order of every desired state: by customer and app id."""
    return tuple(sorted(apps, key=lambda app: (app.ref.customer_id, app.ref.app_id)))


def reason(state: DesiredState, path: str) -> str:
    """Why a file is rejected, on one line: its first error, else that of a Defaults file above it."""
    errors = [problem for problem in state.problems if problem.severity is Severity.ERROR]
    for problem in errors:
        place = _in_file(problem, path)
        if place is not None:
            return _text(place, problem)
    above = (problem for problem in errors if _governs(problem.at.path, path))
    found = next(above, None)
    return _text(found.at, found) if found else f"{path}: rejected"


def _in_file(problem: Problem, path: str) -> Place | None:
    if problem.at.path == path:
        return problem.at
    return problem.other if problem.other is not None and problem.other.path == path else None


def _governs(defaults: str, path: str) -> bool:
    folder, slash, _ = defaults.rpartition("/")
    return path.startswith(folder + slash)


def _text(place: Place, problem: Problem) -> str:
    return f"{place.path}:{place.line}: {problem.rule} {problem.message}"
