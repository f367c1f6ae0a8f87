"""Desired state in a git repository: snapshots of commits, read from a bare mirror by object id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syncer.desired import gitaddress, gitauth, gitobjects, gitproposal, gitsigned, screen
from syncer.desired.gitmirror import Access, DamagedError, Mirror, NoSuchRefError, place
from syncer.desired.gitproc import Bounds, Git
from syncer.desired.snapshot import Entry, Snapshot
from syncer.errors import EmptySourceError, UsageError
from syncer.model.desired import Revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from syncer.clock import Clock
    from syncer.desired.gitobjects import Found
    from syncer.desired.gitproposal import Proposal
    from syncer.model.desired import Commit
    from syncer.model.problems import Problem

_REGULAR: Final = "100644"
_SYMLINK: Final = "120000"
_SUBMODULE: Final = "160000"
_PROXY: Final = re.compile(r"\Ahttps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?\Z", re.ASCII)


class GitSource:
    """One repository at one ref and subpath.

    `folder` holds the mirrors of all URLs. `environ` gives the PATH; nothing else of it reaches git. `caps` bound
    what a source may hold, `bounds` what git may use.
    """

    def __init__(  # noqa: PLR0913 -- what a source is made of, the last two with defaults
        self,
        address: gitaddress.Address,
        folder: Path,
        access: Access,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        caps: screen.Caps | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        gitauth.check(access.credentials, address.scheme)
        _check_proxy(access.proxy, address.scheme)
        home = place(folder, address.url)
        self._address = address
        self._caps = caps or screen.Caps()
        self._git = Git(home, environ.get("PATH", "/usr/bin:/bin"), clock, bounds or Bounds())
        self._mirror = Mirror(address, home, access, self._git, clock)
        self._clock = clock
        self._newest: Snapshot | None = None

    def interrupt(self) -> None:
        """End what is running and refuse what comes later; safe from another thread."""
        self._git.interrupt()

    def fetch(self) -> Snapshot:
        """The snapshot at the ref as the server has it now; SourceError when it can't be had or is empty."""
        ref = self._address.ref
        commit = self._mirror.fetch(ref)
        try:
            self._newest = self._snapshot(commit)
        except DamagedError:
            self._newest = self._snapshot(self._mirror.fetch(ref, anew=True))
        return self._newest

    def at(self, revision: str) -> Snapshot:
        """The snapshot at a branch or tag (asked at the server) or a commit (served from here when it is here)."""
        return self._snapshot(self._commit(revision))

    def read(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """Exactly the blobs asked for, by id; a damaged mirror is cloned anew once."""
        wanted = [(entry.blob, entry.size) for entry in entries]
        if not wanted:
            return {}
        try:
            return gitobjects.contents(self._mirror, wanted)
        except DamagedError:
            self._mirror.fetch(self._address.ref, anew=True)
            if not self._mirror.has(snapshot.revision.id):
                self._mirror.fetch(snapshot.revision.id)
            return gitobjects.contents(self._mirror, wanted)

    def blame(self, snapshot_revision: str, path: str, line: int) -> Commit | None:
        """Who last changed a line, None where there is no such line in that commit."""
        changed = gitobjects.last_change(self._mirror, self._commit(snapshot_revision), path, line)
        return gitobjects.commit(self._mirror, changed) if changed else None

    def changed_since(self, since: str, revision: str) -> frozenset[str]:
        """The documents that differ between two revisions, those that one of them lacks included."""
        old, new = self._commit(since), self._commit(revision)
        subpath = self._address.subpath
        below = len(subpath) + 1 if subpath else 0
        paths = gitobjects.changed_paths(self._mirror, old, new, subpath)
        return frozenset(path for path in paths if screen.is_document(path[below:]))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` only adds to `old` (both full hashes): False after a rewritten history; no network."""
        return gitobjects.is_ancestor(self._mirror, old, new)

    def signer(self, commit: str, allowed: Path) -> str:
        """Who of those in the file `allowed` signed a commit (a full hash); RefusedCommitError if none of them did."""
        return gitsigned.signer(self._mirror, commit, allowed)

    def propose(self, revision: str, proposal: Proposal) -> str:
        """Give the server a new branch with one commit on top of a revision (a full hash); returns the commit."""
        return gitproposal.on_server(self._mirror, revision, proposal, self._clock)

    def _commit(self, revision: str) -> str:
        gitaddress.checked_ref(revision)
        if gitaddress.is_commit(revision) and self._mirror.has(revision):
            return revision
        try:
            return self._mirror.fetch(revision)
        except NoSuchRefError:
            whole = self._mirror.whole(revision) if gitaddress.may_be_commit(revision) else None
            if whole is None:
                raise
            return whole

    def _snapshot(self, commit: str) -> Snapshot:
        if self._newest and self._newest.revision.id == commit:
            return self._newest
        entries: list[Entry] = []
        refused: list[Problem] = []
        for count, found in enumerate(gitobjects.files(self._mirror, self._tree(commit), self._caps.files), start=1):
            screen.within(count, 0, self._caps)
            screened = self._screened(found)
            if isinstance(screened, Entry):
                entries.append(screened)
            elif screened:
                refused.append(screened)
        screen.within(0, sum(entry.size for entry in entries), self._caps)
        if not entries and not refused:
            raise EmptySourceError(
                f"{self._where()} at {commit[:12]} holds no *.yaml or *.yml file",
                hint="check source.subpath and source.ref; an empty source never means that there are no apps",
            )
        revision = Revision(commit, self._address.url, gitobjects.commit(self._mirror, commit))
        entries.sort(key=lambda entry: entry.path)
        return Snapshot(revision, self._address.subpath, tuple(entries), tuple(sorted(refused, key=lambda one: one.at)))

    def _tree(self, commit: str) -> str:
        tree, kind = gitobjects.kind_at(self._mirror, commit, self._address.subpath)
        if kind == "tree":
            return tree
        if kind == "missing":
            if not self._address.subpath:
                raise DamagedError(f"the tree of {commit} is missing in the git mirror")
            raise EmptySourceError(f"there is no {self._where()} at {commit[:12]}", hint="check source.subpath")
        raise EmptySourceError(f"{self._where()} at {commit[:12]} is not a folder", hint="check source.subpath")

    def _where(self) -> str:
        return f"folder {self._address.subpath}" if self._address.subpath else "the repository"

    def _screened(self, found: Found) -> Entry | Problem | None:
        """A document, the reason why it may not be read, or None for what is no document."""
        relative = found.path
        if screen.is_hidden(relative):
            return None
        subpath = self._address.subpath
        path = f"{subpath}/{relative}" if subpath else relative
        if found.mode == _SYMLINK:
            return screen.link(path, relative)
        if found.mode == _SUBMODULE:
            return screen.submodule(path)
        if not screen.is_document(relative):
            return None
        fault = screen.name(path, relative) or screen.depth(path, relative, self._caps)
        fault = fault or screen.size(path, found.size, self._caps)
        if found.mode != _REGULAR:
            fault = fault or screen.mode(path, found.mode)
        return fault or Entry(path, found.blob, found.size)


def _check_proxy(proxy: str, scheme: str) -> None:
    if not proxy:
        return
    if scheme != "https":
        raise UsageError("source.proxy is only used for a source over https")
    if not _PROXY.match(proxy):
        raise UsageError("source.proxy is not a proxy's URL", hint="write it like http://proxy.corp.example:3128")
