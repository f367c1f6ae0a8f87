"""The bare mirror of one repository: fetched under a lock, cloned anew when damaged, asked without a work tree.

FOLDER/<key of the URL>/lock        held by whoever fetches, and by its git children should it be killed
                        fetching    there while a fetch is under way: found at the start, the last one was killed
                        mirror.git  replaced by renaming, only ever by a complete clone
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.desired import gitaddress, gitauth, gitlock, gitwords
from syncer.desired.gitproc import Call, Git
from syncer.desired.gitremote import LISTING, Remote, Session
from syncer.errors import EmptySourceError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from syncer.clock import Clock
    from syncer.desired.gitproc import Bounds, Finished

    Told: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
    Keys: TypeAlias = Callable[[Path], AbstractContextManager[Told]]

LOOSE_OBJECTS: Final = 5000
"""So many unpacked objects, about, are left lying before they are packed."""

_FETCH: Final = (
    "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance",
    "--no-show-forced-updates",
)  # fmt: skip
_PUSH: Final = ("push", "--quiet", "--no-verify", "--no-recurse-submodules", "--no-signed")


class DamagedError(SourceError):
    """The mirror itself can't be read; a new clone mends it. `words` are git's, empty where it did not complain."""

    def __init__(self, message: str, *, words: str = "") -> None:
        super().__init__(message, hint="it is cloned anew at the next fetch", retryable=True)
        self.words = words


class NoSuchRefError(SourceError):
    """The server was asked and has no such branch, tag or commit."""


class GoneRefError(NoSuchRefError):
    """The server had it when it was asked before, and has it no more."""


@dataclass(frozen=True, slots=True)
class Access:
    """How the server is reached: credentials, the authority that signed its certificate, an https proxy."""

    credentials: gitauth.Credentials | None = None
    ca_file: Path | None = None
    proxy: str = ""


class Mirror:
    """One repository's objects, below `folder`. `environ` gives the PATH and nothing else."""

    def __init__(self, address: gitaddress.Address, folder: Path, access: Access, git: Git, clock: Clock) -> None:
        self._remote = Remote(address, access, git)
        self._home = folder
        self._repository = folder / "mirror.git"
        self._access = access
        self._git = git
        self._clock = clock

    @property
    def bounds(self) -> Bounds:
        """What its children may use."""
        return self._git.bounds

    def find(self, program: str) -> str:
        """Where git would find another program, an empty text where it would not."""
        return self._git.find(program)

    def fetch(self, ref: str, *, anew: bool = False) -> str:
        """Bring a branch, tag, commit or HEAD here and return its commit; `anew` drops the mirror first.

        SourceError when that fails; what was fetched before stays readable.
        """
        lock = self._held()
        with lock as descriptor, gitauth.lent(self._access.credentials, self._home) as loan:
            session = Session(descriptor, loan)
            if self._repository.exists() and not anew:
                try:
                    return self._obtain(self._repository, ref, session)
                except DamagedError:
                    pass  # cloned anew, once
            return self._clone(ref, session)

    def offer(self, commit: str, name: str, *options: str) -> Finished:
        """Ask the server to move a ref on to a commit that is here; it does so only if the commit follows the ref's.

        The exit status and the words say whether it did.
        """
        lock = self._held()
        with lock as descriptor, gitauth.lent(self._access.credentials, self._home) as loan:
            arguments = (f"--git-dir={self._repository}", *_PUSH, *options)
            session = Session(descriptor, loan)
            return self._remote.receive(arguments, (f"{commit}:{name}",), session, self._repository)

    def make(self) -> None:
        """Make an empty mirror unless there is one: something is put in before anything can be fetched."""
        with self._held():
            if not self._repository.exists():
                self._init(self._repository)

    def has(self, commit: str) -> bool:
        """Whether a commit is here; no network."""
        return self._repository.exists() and self._has(self._repository, commit)

    def whole(self, abbreviated: str) -> str | None:
        """The full hash of a commit here whose hash was cut short, None if none or several match."""
        if not self._repository.exists():
            return None
        done = self._local(self._repository, "rev-parse", "--verify", "--quiet", f"{abbreviated}^{{commit}}")
        return done.out.decode().strip() if done.code == 0 else None

    def ask(self, *arguments: str, stdin: bytes = b"", output: int = LISTING) -> bytes:
        """What git answers about objects that are here; DamagedError when it can't."""
        return self._checked(self._local(self._repository, *arguments, stdin=stdin, output=output), "read its mirror")

    def try_to(self, *arguments: str) -> Finished:
        """As `ask`, for a call whose exit status is the answer."""
        return self._local(self._repository, *arguments)

    def verify(self, commit: str, keys: Keys) -> Finished:
        """What git says of a commit's signature; `keys` lays out what it is told below a folder that goes away."""
        lock = self._held()
        with lock as descriptor, keys(self._home) as (config, env):
            arguments = (f"--git-dir={self._repository}", "verify-commit", "--raw", "--end-of-options", commit)
            told = (f"safe.directory={self._repository}", *config)
            return self._git.run(Call(arguments, self.bounds.local, config=told, env=env, inherit=(descriptor,)))

    def _held(self) -> AbstractContextManager[int]:
        return gitlock.held(self._home, self.bounds.network, self._clock, self._git.go_on)

    def _clone(self, ref: str, session: Session) -> str:
        fresh, old = self._home / "mirror.new", self._home / "mirror.old"
        shutil.rmtree(fresh, ignore_errors=True)
        self._init(fresh)
        try:
            commit = self._obtain(fresh, ref, session)
            if self._repository.exists():
                self._repository.rename(old)
            fresh.rename(self._repository)
        except DamagedError as error:  # nothing here is old enough to be damaged: it is what the server sent
            raise gitwords.meaning(error.words, "clone") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
        return commit

    def _init(self, repository: Path) -> None:
        arguments = ("init", "--quiet", "--bare", "--template=", "--end-of-options", str(repository))
        self._checked(self._git.run(Call(arguments, self.bounds.local)), "make its mirror")

    def _obtain(self, repository: Path, ref: str, session: Session) -> str:
        if gitaddress.is_commit(ref):
            return self._obtain_commit(repository, ref, session)
        for name in _candidates(ref):
            slot = _slot(name)
            known = self._tip(repository, slot)
            done = self._transfer(repository, (f"+{name}:{slot}",), session)
            if done.code == 0:
                return self._arrived(repository, slot, known)
            if not gitwords.lacks_ref(done.err):
                raise _failure(done, "fetch")
            if known:  # a branch that is gone must not turn into a tag of the same name
                raise GoneRefError(f"{name} is gone from the repository", hint="restore it, or name another source.ref")
        raise self._no_such_ref(ref, session)

    def _obtain_commit(self, repository: Path, commit: str, session: Session) -> str:
        if self._has(repository, commit):
            return commit
        done = self._transfer(repository, (f"+{commit}:{_slot(commit)}",), session)
        if done.code != 0 and gitwords.withholds_commit(done.err):
            everything = ("+refs/heads/*:refs/syncer/all/heads/*", "+refs/tags/*:refs/syncer/all/tags/*")
            done = self._transfer(repository, everything, session, "--prune")
        if done.code != 0:
            raise _failure(done, "fetch")
        if not self._has(repository, commit):
            raise NoSuchRefError(f"there is no commit {commit} in the repository", hint="was it pushed there?")
        return commit

    def _arrived(self, repository: Path, slot: str, known: str) -> str:
        tip = self._tip(repository, slot)
        if not tip:
            raise NoSuchRefError("the ref does not lead to a commit", hint="name a branch, or a tag of a commit")
        if tip != known:
            self._tidy_objects(repository)
        return tip

    def _tidy_objects(self, repository: Path) -> None:
        """Pack what many small fetches left; what no branch holds any more stays (`at` and approvals name it)."""
        config = (f"gc.auto={LOOSE_OBJECTS}", "gc.autoDetach=false", "gc.pruneExpire=never", "gc.reflogExpire=never")
        arguments = (f"--git-dir={repository}", "gc", "--auto", "--quiet")
        self._git.run(Call(arguments, self.bounds.local, config=(*config, f"safe.directory={repository}")))

    def _tip(self, repository: Path, slot: str) -> str:
        done = self._local(repository, "rev-parse", "--verify", "--quiet", f"{slot}^{{commit}}")
        return done.out.decode().strip() if done.code == 0 else ""

    def _has(self, repository: Path, commit: str) -> bool:
        return self._local(repository, "cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def _no_such_ref(self, ref: str, session: Session) -> SourceError:
        """What to say about a ref that the server lacks: it is asked what there is instead."""
        done = self._remote.serve(("ls-remote", "--quiet", "--heads", "--tags"), (), session)
        if done.code != 0:
            return _failure(done, "list branches")
        names = [
            line.partition("refs/")[2].partition("/")[2] for line in done.out.decode("utf-8", "replace").split("\n")
        ]
        there = sorted({name for name in names if name and not name.endswith("^{}")})
        if not there:
            return EmptySourceError("the repository is empty: it has no branch", hint="push a commit to it")
        close = get_close_matches(ref, there, n=1) or there[:5]
        return NoSuchRefError(
            f"the repository has no branch or tag {ref}",
            hint=f"there is {gitwords.listed(close)}: name one of these, or a full commit",
        )

    def _transfer(self, repository: Path, refspecs: tuple[str, ...], session: Session, *more: str) -> Finished:
        done = self._remote.serve((f"--git-dir={repository}", *_FETCH, *more), refspecs, session, repository)
        return replace(done, code=1) if gitwords.left_behind(done.err) else done

    def _local(self, repository: Path, *arguments: str, stdin: bytes = b"", output: int = LISTING) -> Finished:
        config = (f"safe.directory={repository}",)
        whole = (f"--git-dir={repository}", *arguments)
        return self._git.run(Call(whole, self.bounds.local, stdin=stdin, output=output, config=config))

    def _checked(self, done: Finished, doing: str) -> bytes:
        if done.code != 0:
            raise _failure(done, doing)
        return done.out


def place(folder: Path, url: str) -> Path:
    """Where the mirror of a URL lies: another URL never shares it."""
    return folder.absolute() / hashlib.sha256(url.encode()).hexdigest()[:16]


def _candidates(ref: str) -> tuple[str, ...]:
    if ref == gitaddress.HEAD or ref.startswith("refs/"):
        return (ref,)
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")


def _slot(name: str) -> str:
    """Where a remote ref is kept: flat, so that a branch `a` that became `a/b` is no conflict."""
    return f"refs/syncer/{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def _failure(done: Finished, doing: str) -> SourceError:
    if gitwords.is_corrupt(done.err):
        return DamagedError("the git mirror is damaged", words=done.err)
    return gitwords.meaning(done.err, doing)
