"""One reading of one snapshot, on top of what earlier readings found."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from syncer.desired import across, filing, folders
from syncer.desired.carry import sorted_apps
from syncer.desired.faults import Fault
from syncer.desired.filing import Filed, Read
from syncer.desired.layers import located
from syncer.errors import DesiredStateError, SourceError
from syncer.model.desired import DesiredApp, DesiredState
from syncer.model.problems import Place, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from syncer.desired.folders import Base, Chain
    from syncer.desired.snapshot import Contents, Entry, Snapshot
    from syncer.model.desired import Origin, Revision

_NOTHING = Filed((), (), ())


@dataclass(slots=True)
class Memory:
    """What a reading found, by all that it depends on: path, content, and the Defaults files above.

    `defaults` are the paths that once held Defaults: one that can't be read any more still counts as such.
    """

    reads: dict[tuple[str, str], Read] = field(default_factory=dict)
    bases: dict[Chain, Base] = field(default_factory=dict)
    filed: dict[tuple[str, str, Chain], Filed] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)


class Reading:
    """Call `read`, `resolve` and `state`, in this order; `fresh` is then the memory for the next reading."""

    def __init__(self, bottom: Base, memory: Memory, snapshot: Snapshot) -> None:
        self.fresh = Memory(defaults=set(memory.defaults))
        self._memory = memory
        self._snapshot = snapshot
        self._entries = sorted(snapshot.entries, key=attrgetter("path"))
        self._root = snapshot.root.rstrip("/")
        self._bottom = bottom
        self._bases: dict[str, Base] = {}
        self._reads: dict[str, Read] = {}
        self._defaults: dict[str, list[tuple[str, Read]]] = {}
        self._refused_defaults: dict[str, str] = {}
        self._filed: list[tuple[str, Base, Filed]] = []

    def read(self, source: Contents) -> None:
        """Read what is new; SourceError when it can't be had, DesiredStateError when there are no apps."""
        known, entries = self._memory.reads, self._entries
        missing = [entry for entry in entries if (entry.path, entry.blob) not in known]
        contents = source.read(self._snapshot, missing) if missing else {}
        for entry in entries:
            key = entry.path, entry.blob
            found = known.get(key) or self._parse(entry, contents.get(entry.blob))
            self.fresh.reads[key] = self._reads[entry.path] = found
            if found.kind == filing.APPS:
                self.fresh.defaults.discard(entry.path)
            elif found.defaults:
                self.fresh.defaults.add(entry.path)
                self._defaults.setdefault(_folder(entry.path), []).append((entry.blob, found))
        for problem in self._snapshot.refused:
            path = problem.at.path
            if filing.counts_as_defaults(path, was_defaults=path in self._memory.defaults):
                self._refused_defaults[_folder(path)] = path
        if not any(read.kind == filing.APPS for read in self._reads.values()):
            raise self._empty()

    def _parse(self, entry: Entry, data: bytes | None) -> Read:
        if data is None:
            raise SourceError(f"{entry.path} was listed and can't be read", hint="the next reading tries again")
        return filing.read(entry.path, data, was_defaults=entry.path in self._memory.defaults)

    def _empty(self) -> DesiredStateError:
        fault = Fault("SY309", "the source holds no Apps file", help="check ref, subpath and the folder's name")
        broken = (problem for read in self._reads.values() for problem in read.problems)
        where = Place(self._snapshot.root or self._snapshot.revision.source)
        problems = (located(fault, where), *self._snapshot.refused, *broken)
        message = f"no apps in {self._snapshot.revision.source} at {self._snapshot.revision.short}"
        return DesiredStateError(message, problems, hint="an empty source never means `no apps`")

    def resolve(self) -> None:
        """Resolve the apps of every file over the layers of its folders."""
        for entry in self._entries:
            base = self._base(_folder(entry.path))
            if not self._reads[entry.path].defaults:
                self._filed.append((entry.path, base, self._resolved(entry, base)))

    def _resolved(self, entry: Entry, base: Base) -> Filed:
        if not base.known:
            return _NOTHING
        key = entry.path, entry.blob, base.chain
        found = self._memory.filed.get(key) or filing.resolve(self._reads[entry.path], base.stack)
        self.fresh.filed[key] = found
        return found

    def _base(self, folder: str) -> Base:
        found = self._bases.get(folder)
        if found is None:
            parent = self._bottom if folder in {self._root, ""} else self._base(_folder(folder))
            found = self._bases[folder] = self._descended(parent, folder)
        return found

    def _descended(self, parent: Base, folder: str) -> Base:
        refused = self._refused_defaults.get(folder)
        base = folders.unreadable(parent, refused) if refused else parent
        defaults = self._defaults.get(folder, [])
        chain = (*base.chain, *((read.parsed.path, blob) for blob, read in defaults))
        base = self._memory.bases.get(chain) or folders.descend(base, defaults)
        self.fresh.bases[chain] = base
        return base

    def state(self, now: datetime) -> DesiredState:
        """All apps of the files without errors, all problems, and the files that were rejected."""
        problems = list(self._problems())
        problems += across.duplicates(naming for _, _, filed in self._filed for naming in filed.names)
        rejected = {place.path for problem in problems for place in _rejecting(problem)}
        rejected |= {path for path, base, _ in self._filed if base.rejected}
        revision = self._snapshot.revision
        apps = sorted_apps(
            _under(revision, app) for path, _, filed in self._filed if path not in rejected for app in filed.apps
        )
        problems += across.expired(apps, now, self._place)
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: (problem.at, problem.rule))
        return DesiredState(revision, apps, tuple(ordered), tuple(sorted(rejected)))

    def _problems(self) -> Iterator[Problem]:
        yield from self._snapshot.refused
        for read in self._reads.values():
            yield from read.problems
        for base in self._bases.values():
            yield from base.problems
        for _, _, filed in self._filed:
            yield from filed.problems

    def _place(self, origin: Origin) -> Place:
        read = self._reads.get(origin.path)
        text = read.parsed.places.shown(origin.line - 1) if read else ""
        return Place(origin.path, origin.line, origin.column, len("suspend"), text)


def _rejecting(problem: Problem) -> Iterator[Place]:
    """The places whose files an error rejects: its own, and both where two files claim the same app."""
    if problem.severity is Severity.ERROR:
        yield problem.at
        if problem.other is not None and problem.rule in across.REJECT_BOTH:
            yield problem.other


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _under(revision: Revision, app: DesiredApp) -> DesiredApp:
    """The app as of this revision; written out because `replace` costs three times as much, for every app."""
    return DesiredApp(
        app.ref, app.name, app.settings, app.token, app.at, revision,
        app.origins, app.labels, app.policy, app.invalid, app.more_origins,
    )  # fmt: skip
