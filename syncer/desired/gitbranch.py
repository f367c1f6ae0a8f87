"""A branch elsewhere that small files are kept in: read at its tip, grown by commits that follow it, never rewritten.

Commits are made of objects, without a work tree or an index, as everything here is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.desired import gitauth, gitwords
from syncer.desired.gitmirror import GoneRefError, Mirror, NoSuchRefError, place
from syncer.desired.gitproc import Git
from syncer.errors import EmptySourceError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from syncer.clock import Clock
    from syncer.desired.gitaddress import Address
    from syncer.desired.gitmirror import Access
    from syncer.desired.gitproc import Bounds

LARGEST: Final = 64 * 1024
"""Bytes of a file that is read."""

_WHO: Final = "syncer <syncer@localhost>"
_OVERTAKEN: Final = re.compile(
    r"\((?:fetch first|non-fast-forward|already exists)\)|cannot lock ref|failed to update ref|reference already exists"
)


@dataclass(frozen=True, slots=True)
class Tip:
    """What a branch ends with: its commit, empty where there is no such branch yet, and the file that was asked for.

    `content` is None where there is no file of that name.
    """

    commit: str
    content: bytes | None


class Branch:
    """One branch of one repository, by the name in `address.ref`. The mirror lies below `folder`."""

    def __init__(
        self, address: Address, folder: Path, access: Access, environ: Mapping[str, str], clock: Clock, bounds: Bounds
    ) -> None:
        gitauth.check(access.credentials, address.scheme)
        home = place(folder, address.url)
        self._git = Git(home, environ.get("PATH", "/usr/bin:/bin"), clock, bounds)
        self._mirror = Mirror(address, home, access, self._git, clock)
        self._ref = f"refs/heads/{address.ref.removeprefix('refs/heads/')}"
        self._clock = clock

    def interrupt(self) -> None:
        """End what is running and refuse what comes later; safe from another thread."""
        self._git.interrupt()

    def read(self, name: str) -> Tip:
        """The branch's tip as the server has it now, and a file at its top.

        SourceError when the server can't be asked, when the branch was there before and is gone, or when the name
        stands for something else than a file of at most LARGEST bytes.
        """
        try:
            commit = self._mirror.fetch(self._ref)
        except GoneRefError:
            raise
        except (NoSuchRefError, EmptySourceError):
            self._mirror.make()
            return Tip("", None)
        return Tip(commit, self._content(commit, name))

    def add(self, tip: Tip, name: str, content: bytes, message: str) -> bool:
        """Put a file into a commit that follows `tip`, and give it to the server; False if somebody was faster.

        SourceError when the server can't be asked or does not take it.
        """
        return self._offer(self._commit(tip, name, content, message))

    def try_out(self, tip: Tip) -> None:
        """Go as far as the server lets us without changing anything; SourceError as for `add`."""
        self._offer(tip.commit or self._commit(tip, "README", b"", "Try"), "--dry-run")

    def _content(self, commit: str, name: str) -> bytes | None:
        words = self._mirror.ask("cat-file", "--batch-check", stdin=f"{commit}:{name}\n".encode()).decode().split()
        if words[-1] == "missing":
            return None
        blob, kind, size = words
        if kind != "blob" or int(size) > LARGEST:
            raise SourceError(
                f"{name} in {self._ref} is not a file of at most {LARGEST} bytes",
                hint="who put it there? The branch should be for this alone",
            )
        return self._mirror.ask("cat-file", "blob", blob, output=LARGEST)

    def _commit(self, tip: Tip, name: str, content: bytes, message: str) -> str:
        blob = self._made("blob", content)
        there = self._mirror.ask("ls-tree", "-z", "--full-tree", tip.commit) if tip.commit else b""
        others = [entry for entry in there.split(b"\0") if entry and entry.partition(b"\t")[2] != name.encode()]
        entries = [*others, f"100644 blob {blob}\t{name}".encode()]
        tree = self._mirror.ask("mktree", "-z", stdin=b"".join(entry + b"\0" for entry in entries)).decode().strip()
        parent = f"parent {tip.commit}\n" if tip.commit else ""
        who = f"{_WHO} {int(self._clock.now().timestamp())} +0000"
        header = f"tree {tree}\n{parent}author {who}\ncommitter {who}\n"
        return self._made("commit", f"{header}\n{message.rstrip()}\n".encode())

    def _made(self, kind: str, content: bytes) -> str:
        return self._mirror.ask("hash-object", "-t", kind, "-w", "--stdin", stdin=content).decode().strip()

    def _offer(self, commit: str, *options: str) -> bool:
        done = self._mirror.offer(commit, self._ref, *options)
        if done.code == 0:
            return True
        self._mirror.try_to("prune", "--expire=1.hour.ago")  # what was refused before; nobody asks for it again
        if _OVERTAKEN.search(done.err):
            return False
        raise gitwords.meaning(done.err, "push")
