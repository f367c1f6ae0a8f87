"""Who last changed the lines that a result points at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.desired.snapshot import Source
    from syncer.model.desired import Commit, DesiredApp, Origin

AT_MOST: Final = 200
"""Lines that are looked up for one result: each is a git process."""


def commits(
    source: Source, revision: str, origins: Iterable[Origin], apps: Iterable[DesiredApp] = ()
) -> dict[Origin, Commit]:
    """The commit behind each place, as far as it is known; a plain folder knows none.

    The place of a setting of a pinned app begins with its commit: it is looked up there, if `apps` has that app.
    """
    pins = {f"{app.pin.short}:": app.pin.commit for app in apps if app.pin}
    found = {}
    for origin in sorted(set(origins), key=str)[:AT_MOST]:
        dated = next((prefix for prefix in pins if origin.path.startswith(prefix)), "")
        try:
            commit = source.blame(pins.get(dated, revision), origin.path.removeprefix(dated), origin.line)
        except SourceError:  # a place that another revision has
            continue
        if commit is None:
            break
        found[origin] = commit
    return found
