"""A change of one file as a commit on a new branch: nobody's work tree, index or checked-out branch is touched.

The commit is made from a stream (`git fast-import`), so that every file but the one stays the object that it was.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.desired import gitaddress, gitwords
from syncer.desired.gitproc import Bounds, Call, Git
from syncer.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from syncer.clock import Clock
    from syncer.desired.gitmirror import Mirror
    from syncer.desired.gitproc import Finished

_REGULAR: Final = "100644"  # a source in a repository takes no other
_AUTHOR: Final = re.compile(r"[^<>\s][^<>]* <[^<>\s]+@[^<>\s]+>")
_THERE: Final = "name another branch: one that is there is nobody's to move"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One file's bytes before and after, and the branch, author (`Name <address>`) and message of the commit."""

    path: str
    before: bytes
    after: bytes
    branch: str
    author: str
    message: str


def check(branch: str, author: str) -> None:
    """UsageError for what can't be a branch or an author."""
    if gitaddress.checked_ref(branch).startswith("refs/") or branch == gitaddress.HEAD:
        raise UsageError(f"{branch!r} is no name of a branch", hint="write it like accept-popup")
    if not (_AUTHOR.fullmatch(author) and author.isprintable()):
        raise UsageError(f"{author!r} is no author", hint="write --author 'Asha Rao <asha@acme.example>'")


def in_clone(folder: Path, proposal: Proposal, environ: Mapping[str, str], clock: Clock) -> str:
    """The commit, on top of the one that is checked out in the clone around a folder.

    UsageError where there is no clone, or the branch exists; SourceError where the file is not as committed.
    """
    git = Git(folder.absolute(), environ.get("PATH", "/usr/bin:/bin"), clock, Bounds())
    found = git.run(Call(("rev-parse", "--absolute-git-dir", "--show-toplevel"), git.bounds.local, config=_OURS))
    if found.code != 0:
        raise UsageError(f"{folder} is in no git work tree", hint="take the patch, or --write")
    home, top = found.out.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
    path = os.path.relpath(os.path.realpath(proposal.path), os.path.realpath(top))

    def run(*arguments: str, stdin: bytes = b"") -> Finished:
        whole = (f"--git-dir={home}", *arguments)
        return git.run(Call(whole, git.bounds.local, stdin=stdin, output=len(proposal.before) + 4096, config=_OURS))

    ref = f"refs/heads/{proposal.branch}"
    if run("rev-parse", "--verify", "--quiet", ref).code == 0:
        raise UsageError(f"there is a branch {proposal.branch} already", hint=_THERE)
    head = _said(run("rev-parse", "--verify", "HEAD^{commit}"), "find the commit that is checked out")
    if run("cat-file", "blob", f"{head}:{path}").out != proposal.before:
        raise SourceError(f"{path} is not as it is committed", hint="commit or undo what was changed in it first")
    mode = _said(run("ls-tree", "--full-tree", head, "--", path), "look at the file").split(" ", 1)[0]
    done = run("fast-import", "--quiet", stdin=_stream(ref, head, (mode, path), proposal, clock.now()))
    _said(done, "make the commit")
    return _said(run("rev-parse", "--verify", ref), "find the commit")


def on_server(mirror: Mirror, base: str, proposal: Proposal, clock: Clock) -> str:
    """The commit, on top of `base`, given to the server as a new branch; UsageError where it has that branch."""
    slot = f"refs/syncer/proposals/{proposal.branch}"
    mirror.ask(
        "fast-import", "--quiet", "--force", stdin=_stream(slot, base, (_REGULAR, proposal.path), proposal, clock.now())
    )
    commit = mirror.ask("rev-parse", "--verify", slot).decode().strip()
    ref = f"refs/heads/{proposal.branch}"
    done = mirror.offer(commit, ref, f"--force-with-lease={ref}:")  # an empty expectation: there must be none
    mirror.ask("update-ref", "-d", slot)
    if done.code == 0:
        return commit
    if "stale info" in done.err or "already exists" in done.err:
        raise UsageError(f"the repository has a branch {proposal.branch} already", hint=_THERE)
    raise gitwords.meaning(done.err, "push")


_OURS: Final = ("safe.directory=*",)
"""The clone is the one that the operator named; another owner (a mounted volume) is no reason to refuse it."""


def _said(done: Finished, doing: str) -> str:
    if done.code != 0:
        raise gitwords.meaning(done.err, doing)
    return done.out.decode().strip()


def _stream(ref: str, base: str, file: tuple[str, str], proposal: Proposal, now: datetime) -> bytes:
    """One commit that gives a file (its mode and path) new bytes."""
    mode, path = file
    who = f"{proposal.author} {int(now.timestamp())} +0000".encode()
    message = proposal.message.rstrip().encode() + b"\n"
    quoted = b'"' + b"".join(_octal(byte) for byte in os.fsencode(path)) + b'"'
    parts = (
        b"commit " + ref.encode(),
        b"author " + who,
        b"committer " + who,
        b"data %d" % len(message),
        message + b"from " + base.encode(),
        b"M %s inline %s" % (mode.encode(), quoted),
        b"data %d" % len(proposal.after),
        proposal.after,
    )
    return b"\n".join(parts) + b"\n"


def _octal(byte: int) -> bytes:
    """A byte as it may stand between quotes."""
    return bytes([byte]) if 32 <= byte < 127 and byte not in b'"\\' else b"\\%03o" % byte
