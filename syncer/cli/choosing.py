"""Which apps a command is about: names, labels, and what changed since a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncer.desired import selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.model.desired import DesiredApp
    from syncer.wiring import Opened


def choose(here: Opened, given: Mapping[str, Any], apps: tuple[DesiredApp, ...]) -> tuple[DesiredApp, ...]:
    """The apps that the selection options of a command line leave; UsageError as in `selection.select`."""
    chosen = selection.select(apps, given["apps"], given["labels"])
    if given["changed_since"] is None or here.tracker.in_force is None:
        return chosen
    paths = here.source.changed_since(given["changed_since"], here.tracker.in_force.revision.id)
    return tuple(app for app in chosen if touched(app, paths))


def touched(app: DesiredApp, paths: Iterable[str]) -> bool:
    """Whether one of the changed files is the app's own or a Defaults file (kept or deleted) that governs it."""
    own = {app.at.path, *(origin.path for _, origin in (*app.origins, *app.more_origins))}
    return any(path in own or _governs(path, app.at.path) for path in paths)


def _governs(path: str, file: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name.startswith("_defaults.") and (not folder or file.startswith(f"{folder}/"))
