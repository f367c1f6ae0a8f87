"""`syncer plan --against REV`: desired state beside desired state, without vendor, tokens or state."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncer import sources
from syncer.cli import blaming, choosing, exits, options
from syncer.cli.render import against as rendering
from syncer.cli.render import json_text
from syncer.cli.render.style import Style
from syncer.desired import selection
from syncer.errors import DesiredStateError
from syncer.model.problems import counted
from syncer.plan import against

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.desired.snapshot import Snapshot, Source
    from syncer.model.desired import DesiredState
    from syncer.plan.against import DesiredChange
    from syncer.settings import Settings


@dataclass(frozen=True, slots=True)
class Compared:
    """What the source declared then and declares now, and the differences of the chosen apps."""

    source: Source
    then: DesiredState
    now: DesiredState
    changes: tuple[DesiredChange, ...]


def compared(settings: Settings, given: Mapping[str, Any]) -> Compared:
    """Both readings; DesiredStateError when one of them is invalid."""
    source = sources.source(settings)
    newest = source.fetch()
    now, then = _valid(settings, source, newest), _valid(settings, source, source.at(given["against"]))
    chosen = {app.ref for app in _selected(now, then, given)}
    if given["changed_since"] is not None:
        paths = source.changed_since(given["changed_since"], now.revision.id)
        chosen &= {app.ref for state in (now, then) for app in state.apps if choosing.touched(app, paths)}
    changes = tuple(change for change in against.compare(then, now) if change.ref in chosen)
    return Compared(source, then, now, changes)


def show(settings: Settings, given: Mapping[str, Any]) -> int:
    """Prints what the source declares now beside what it declared then; 2 with --exit-code if they differ."""
    found = compared(settings, given)
    changes, now = found.changes, found.now
    origins = {change.origin for change in changes}
    blame = blaming.commits(found.source, now.revision.id, origins)
    view = rendering.AgainstView(found.then.revision, now.revision, changes, len(now.apps), blame)
    document = rendering.of_against(view)
    forms = {
        "text": lambda: rendering.text(view, Style(options.colour_of(sys.stdout))),
        "brief": view.summary,
        "markdown": lambda: rendering.markdown(view),
        "json": lambda: json_text.document(document),
        "jsonl": lambda: json_text.lines(document["changes"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.COMMITS if changes and given["with_code"] else exits.DONE


def _valid(settings: Settings, source: Source, snapshot: Snapshot) -> DesiredState:
    state = sources.loader(settings.policy).load(source, snapshot)
    if not state.valid:
        raise DesiredStateError(f"{snapshot.revision.short} is invalid: {counted(state.problems)}", state.problems)
    return state


def _selected(now: DesiredState, then: DesiredState, given: Mapping[str, Any]) -> list[Any]:
    """Apps of either side, so that one that leaves git is shown, too."""
    present = {app.ref for app in now.apps}
    both = (*now.apps, *(app for app in then.apps if app.ref not in present))
    return list(selection.select(both, given["apps"], given["labels"]))
