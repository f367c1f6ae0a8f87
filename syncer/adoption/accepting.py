"""A live value taken over into the file that declares the field: which line of which layer, and the proof. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.adoption import checking, editing, fitting
from syncer.errors import DesiredStateError, SyncerError, UsageError
from syncer.model.desired import Layer
from syncer.model.fields import UNDECLARED, plain
from syncer.model.problems import Severity
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.documents.places import KeyPath
    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.model.fields import Field
    from syncer.model.live import LiveApp


@dataclass(frozen=True, slots=True)
class Edit:
    """One file before and after; `line` is where the field was declared (from 1), `own` whether the line is new."""

    path: str
    line: int
    before: bytes
    after: bytes
    own: bool = False


def shared(app: DesiredApp, field: Field, state: DesiredState) -> bool:
    """Whether a change of the value where it is declared might reach another app.

    The apps of rejected files are not known; a default of their folder may be theirs too.
    """
    origin = app.origin(field)
    if origin.layer is Layer.APP:
        return False
    others = (other for other in state.apps if other.ref != app.ref)
    unknown = origin.layer is Layer.FOLDER and bool(state.rejected)
    return unknown or any(known == (field, origin) for other in others for known in other.origins)


def edit(app: DesiredApp, field: Field, live: LiveApp, state: DesiredState, contents: Mapping[str, bytes]) -> Edit:
    """The edit that makes the app declare what is live; `contents` are the files of `state` by path."""
    value = live.settings.get(field)
    origin = app.origin(field)
    if shared(app, field, state):
        path, own = app.at.path, True
        after = editing.overridden(path, contents[path], app.name, field, plain(value))
    else:
        path, own = origin.path, False
        after = editing.replaced(path, contents[path], _where(app, field, origin.layer), plain(value))
    return Edit(path, origin.line, contents[path], after, own)


def _where(app: DesiredApp, field: Field, layer: Layer) -> KeyPath:
    above: dict[Layer, KeyPath] = {Layer.APP: ("apps", app.name), Layer.FILE: ("defaults",)}
    return (*above.get(layer, ()), "settings", field.value)


def check(app: DesiredApp, field: Field, live: LiveApp, *, with_queries: bool) -> bool:
    """Whether there is anything to accept; UsageError where the value may not be taken over."""
    value, declared = live.settings.get(field), app.settings.get(field)
    if declared is UNDECLARED:
        raise UsageError(
            f"{app.ref} does not declare {field}, so nothing of it has drifted",
            hint="write the field into its file to manage it",
        )
    if isinstance(value, Url) and (why := fitting.secret(value, with_queries=with_queries)):
        raise UsageError(
            f"{field} of {app.ref} is {fitting.told(value)}: {why}",
            hint="--with-queries takes it over if its query is no secret; change it at the vendor otherwise",
        )
    return value != declared


def prove(app: DesiredApp, field: Field, live: LiveApp, before: DesiredState, load: Callable[[], DesiredState]) -> None:
    """Nothing but this field of this app is declared otherwise, and it is what is live; an error otherwise."""
    after = load()
    if fresh := checking.errors(after) - checking.errors(before):
        faults = tuple(
            problem
            for problem in after.problems
            if problem.severity is Severity.ERROR and (problem.rule, problem.message, problem.at.path) in fresh
        )
        raise DesiredStateError(
            f"{field} of {app.ref} can't be taken over as it is live", faults, hint="nothing was written"
        )
    moved = checking.moved(before.apps, after.apps)
    mine = next((each for each in after.apps if each.ref == app.ref), None)
    if mine is None or moved != {app.ref} or checking.said(mine, {field}) != checking.said(app, {field}):
        raise SyncerError("the edit would change more than was asked for", hint="change the file by hand")
    if mine.settings.get(field) != live.settings.get(field):
        raise SyncerError("the edit does not come out as the live value", hint="change the file by hand")
