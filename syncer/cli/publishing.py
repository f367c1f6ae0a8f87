"""Files that were made for a source: written beside their names, read again, judged, and only then put in place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer import sources
from syncer.adoption import checking, drafting
from syncer.adoption.overlay import Overlay
from syncer.cli.checking import root_of
from syncer.desired.folder import FolderSource
from syncer.desired.snapshot import Snapshot
from syncer.errors import DesiredStateError, EmptySourceError, SyncerError, UsageError
from syncer.model.desired import Revision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from syncer.adoption.drafting import Sheet
    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.live import LiveApp
    from syncer.model.problems import Problem
    from syncer.settings import Settings

NEW: Final = ".new"
"""Behind the name of a file that has not been judged yet: no source reads it."""


class Tree:
    """The source that new files become part of: the configured folder if they lie in it, else what lies around them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        source = settings.source.path
        inside = source is not None and folder.resolve().is_relative_to(source.resolve())
        root = source if source is not None and inside else root_of(folder / "new.yaml")
        self._folder = root / folder.resolve().relative_to(root.resolve())
        self._loader = sources.loader(settings.policy)
        self._source = FolderSource(str(root))
        self._base = Snapshot(Revision("", str(root)), "" if str(root) == "." else str(root), (), ())
        if root.exists():
            with suppress(EmptySourceError):  # a first import fills it
                self._base = self._source.fetch()
        self.before = self.state({})

    def path(self, file: str) -> str:
        """A file of the folder as the source names it."""
        return (self._folder / file).as_posix()

    def declared(self, but: Collection[str]) -> frozenset[AppRef]:
        """Apps that the source declares, `but` in some files."""
        apps = self.before.apps if self.before else ()
        return frozenset(app.ref for app in apps if app.at.path not in but)

    @property
    def names(self) -> tuple[tuple[AppRef, str], ...]:
        """What the declared apps are called."""
        return tuple((app.ref, app.name) for app in (self.before.apps if self.before else ()))

    def state(self, files: Mapping[str, bytes]) -> DesiredState | None:
        """The source with these files in it; None where it holds no apps."""
        overlay = Overlay(self._source, self._base, files)
        try:
            return self._loader.load(overlay, overlay.snapshot)
        except DesiredStateError:
            return None

    def problems(self, files: Mapping[str, bytes]) -> Sequence[Problem]:
        """What is wrong in the source with these files in it."""
        state = self.state(files)
        return state.problems if state else ()


def refuse_existing(paths: Iterable[str]) -> None:
    """UsageError where a file is there already."""
    if there := sorted({path for path in paths if Path(path).exists()}):
        raise UsageError(
            f"{', '.join(there)} exists already", hint="name another folder, or add --force; nothing was written"
        )


def publish(sheets: Mapping[str, Sheet], live: Mapping[AppRef, LiveApp], tree: Tree, *, force: bool) -> None:
    """Write the sheets that hold apps; all of them or, where the result is not what was read, none.

    SyncerError then, and the files stay beside their names for a look.
    """
    wanted = {path: sheet for path, sheet in sheets.items() if sheet.drafts}
    written = {
        path: _written(Path(path + NEW), drafting.text(sheet, factored=True)[0]) for path, sheet in wanted.items()
    }
    if wanted and (why := _wrong(wanted, live, tree, written)):
        kept = ", ".join(path + NEW for path in wanted)
        raise SyncerError(
            f"the files do not come out as the vendor has it: {why}", hint=f"nothing is in place; see {kept}"
        )
    for path in wanted:
        _put(Path(path), force=force)


def _wrong(sheets: Mapping[str, Sheet], live: Mapping[AppRef, LiveApp], tree: Tree, files: Mapping[str, bytes]) -> str:
    """What is not as it should be with these files in the source; empty where all is."""
    after = tree.state(files)
    if changed := checking.moved(_others(tree.before, files), _others(after, files)):
        return f"{min(changed)} would change, which is not in them"
    apps = {app.ref: app for app in (after.apps if after else ()) if app.at.path in files}
    wanted = {draft.ref: draft for sheet in sheets.values() for draft in sheet.drafts}
    if apps.keys() != wanted.keys():
        return f"{min(apps.keys() ^ wanted.keys())} is not read from them as it should be"
    for ref, app in apps.items():
        if dict(app.settings.declared()) != dict(wanted[ref].values):
            return f"{ref} declares something else"
    differing = checking.differing(apps.values(), live)
    return f"a plan for {differing[0]} is not empty" if differing else ""


def _others(state: DesiredState | None, files: Collection[str]) -> tuple[DesiredApp, ...]:
    return tuple(app for app in (state.apps if state else ()) if app.at.path not in files)


def _written(path: Path, text: str) -> bytes:
    """What stands in the file once the text has been written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # one that was refused before
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return path.read_bytes()
    except OSError as error:
        raise SyncerError(f"{path} can't be written: {error.strerror}", hint="name another folder with -d") from error


def _put(path: Path, *, force: bool) -> None:
    """Give a file its name; without `force` only if there is none of it."""
    fresh = Path(f"{path}{NEW}")
    try:
        if force:
            fresh.replace(path)
        else:
            path.hardlink_to(fresh)  # unlike a renaming, it never takes the place of another file
            fresh.unlink()
    except OSError as error:
        raise SyncerError(f"{path} can't be put in place: {error.strerror}", hint=f"it is kept as {fresh}") from error
