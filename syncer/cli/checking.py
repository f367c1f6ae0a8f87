"""What `validate` loads: a folder as a whole source, or the source around a file, told of that file alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer import sources
from syncer.desired import screen
from syncer.desired.folder import FolderSource
from syncer.errors import DesiredStateError, EmptySourceError, UsageError
from syncer.model.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.desired.loader import Loader
    from syncer.desired.snapshot import Source
    from syncer.model.desired import DesiredState
    from syncer.settings import Settings

Checked: TypeAlias = "tuple[DesiredState | None, tuple[Problem, ...]]"
"""A state (None for an empty source) and everything that is wrong."""

EMPTY: Final = "SY309"
"""The rule for a source without documents."""

DEFAULTS_NAMES = ("_defaults.yaml", "_defaults.yml")


def states(paths: tuple[Path, ...], root: Path | None) -> list[Checked]:
    """For each path the state that it makes (None for an empty source) and the problems to tell.

    `root` is the source that files belong to, where the command line names one. Every source is read once.
    """
    once = cache(loaded)
    return [_checked(path, root, once) for path in paths]


def _checked(path: Path, root: Path | None, load: Callable[[Path], Checked]) -> Checked:
    if not path.exists():
        raise UsageError(f"{path} does not exist", hint="check the path")
    if path.is_dir():
        return load(path)
    inside = root is not None and path.resolve().is_relative_to(root.resolve())
    if path.suffix not in screen.SUFFIXES or path.name.startswith("."):
        raise UsageError(
            f"{path} is no part of a source: only *.yaml and *.yml are read", hint="name a folder or one of these"
        )
    base = root if root is not None and inside else root_of(path)
    state, problems = load(base)
    named = (base / path.resolve().relative_to(base.resolve())).as_posix()
    mine = tuple(p for p in problems if p.at.path == named or (p.other is not None and p.other.path == named))
    if state is not None:
        apps = tuple(app for app in state.apps if app.at.path == named)
        state = replace(state, apps=apps, rejected=tuple(name for name in state.rejected if name == named))
    return state, mine or (problems if state is not None and state.rejected else ())


def configured(settings: Settings) -> Checked:
    """The configured source under the operator's policy."""
    return _loaded(sources.source(settings), sources.loader(settings.policy))


def loaded(folder: Path) -> Checked:
    """A folder's state and all its problems; an empty source is a problem, too."""
    return _loaded(FolderSource(str(folder)), sources.loader(), str(folder))


def _loaded(source: Source, loader: Loader, name: str = "source") -> Checked:
    try:
        state = loader.load(source, source.fetch())
    except DesiredStateError as error:
        return None, error.problems
    except EmptySourceError as error:
        return None, (Problem(EMPTY, error.message, Place(name), help=error.hint),)
    return state, state.problems


def root_of(file: Path) -> Path:
    """The highest folder above a file such that it and every folder down to the file's holds a Defaults file."""
    root = file.parent
    for folder in file.absolute().parent.parents:
        if not any((folder / name).exists() for name in DEFAULTS_NAMES):
            break
        root = folder
    return _as_typed(root)


def _as_typed(folder: Path) -> Path:
    """Relative to the current directory where it lies below it, so that places can be clicked."""
    try:
        return folder.absolute().relative_to(Path.cwd())
    except ValueError:
        return folder
