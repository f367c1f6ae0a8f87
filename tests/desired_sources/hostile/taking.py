"""One row of the corpus, made and read as the daemon reads its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.desired.loader import Loader
from syncer.desired.tracker import Memory, Tracker
from syncer.errors import DesiredStateError, SyncerError
from tests.desired_sources.hostile.making import CANARY, GOOD, SECRET, TEXT
from tests.support.git_sources import source
from tests.support.memory_source import FixedClock
from tests.support.repositories import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.git import GitSource
    from syncer.model.desired import DesiredState
    from syncer.model.problems import Problem
    from tests.desired_sources.hostile.corpus import Row


@dataclass(frozen=True)
class Taken:
    """What came of it: the refusal or the reading, the problems either names, and what is in force."""

    error: SyncerError | None
    problems: tuple[Problem, ...]
    in_force: DesiredState | None
    git: GitSource
    repository: Repository

    @property
    def named(self) -> set[tuple[str, str]]:
        """Rule and path of each problem, but for the one that says that no apps are left."""
        return {(problem.rule, problem.at.path) for problem in self.problems if problem.rule != "SY309"}

    @property
    def said(self) -> str:
        """Every word that people or machines could see of it."""
        words = [f"{self.error!r} {self.error} {self.error.hint} {self.error.__cause__!r}"] if self.error else []
        return "\n".join([*words, *map(repr, self.problems), repr(self.in_force)])


def made(row: Row, home: Path) -> Repository:
    """The repository with its good commit, and beside it what may not be read."""
    (home / SECRET).write_text(f"{CANARY}\n")
    repository = Repository.create(home / "origin.git")
    repository.commit({GOOD: TEXT})
    row.before(repository)
    return repository


def take(row: Row, home: Path) -> Taken:
    """Read the good commit, then what the row makes of the repository."""
    repository = made(row, home)
    git = source(repository.url, home / "state", ref=row.ref, subpath=row.subpath, caps=row.caps)
    follow = Tracker(git, Loader(FixedClock()), Memory(home / "last-good.json"))
    follow.refresh()
    row.build(repository)
    return taken(follow, git, repository)


def taken(follow: Tracker, git: GitSource, repository: Repository) -> Taken:
    try:
        state = follow.refresh()
    except SyncerError as error:
        problems = error.problems if isinstance(error, DesiredStateError) else ()
        return Taken(error, problems, follow.in_force, git, repository)
    return Taken(None, state.problems, follow.in_force, git, repository)
