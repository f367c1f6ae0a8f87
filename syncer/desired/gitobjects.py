"""What the mirror's objects say: commits, file lists, contents, who changed a line. No work tree, no filters."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from syncer.desired.gitmirror import DamagedError
from syncer.errors import SourceError
from syncer.model.desired import Commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncer.desired.gitmirror import Mirror

_FORMAT: Final = "%H%x00%an <%ae>%x00%cI%x00%s"
LONGEST_WORDS: Final = 500
"""Characters of an author or a subject that are kept."""
_BYTES_A_FILE: Final = 512  # of a listing: mode, kind, hash, size and path


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a tree: `mode` as git writes it, `path` relative to the tree, `size` 0 for what has none."""

    mode: str
    blob: str
    size: int
    path: str


def commit(mirror: Mirror, sha: str) -> Commit:
    """A commit's hash, author, committer time and subject."""
    arguments = ("log", "-1", "--no-mailmap", "--no-show-signature", "--no-color", "--encoding=UTF-8")
    out = mirror.ask(*arguments, f"--format={_FORMAT}", "--end-of-options", sha, "--")
    full, author, when, subject = out.decode("utf-8", "replace").rstrip("\n").split("\0", 3)
    return Commit(full, _shortened(author), _when(when), _shortened(subject))


def _shortened(text: str) -> str:
    """A committer's own words: shown with each field and sent to every receiver, and as long as they please."""
    return text if len(text) <= LONGEST_WORDS else f"{text[: LONGEST_WORDS - 1]}…"


def kind_at(mirror: Mirror, sha: str, subpath: str) -> tuple[str, str]:
    """Object id and kind (tree, blob, …) of a path in a commit; the kind is "missing" where there is nothing."""
    words = mirror.ask("cat-file", "--batch-check", stdin=f"{sha}:{subpath}\n".encode()).decode("utf-8", "replace")
    parts = words.split()
    return (parts[0], parts[1]) if len(parts) == 3 and not words.endswith("missing\n") else ("", "missing")


def files(mirror: Mirror, tree: str, limit: int) -> Iterator[Found]:
    """Every file below a tree with its size, in git's order; `limit` files at most are read."""
    out = mirror.ask("ls-tree", "-r", "-z", "-l", "--full-tree", tree, output=(limit + 1) * _BYTES_A_FILE)
    for record in out.split(b"\0")[:-1]:
        head, _, path = record.partition(b"\t")
        mode, _, blob, size = head.split()
        yield Found(mode.decode(), blob.decode(), 0 if size == b"-" else int(size), os.fsdecode(path))


def contents(mirror: Mirror, blobs: Sequence[tuple[str, int]]) -> dict[str, bytes]:
    """The bytes of the blobs asked for (id, size), each checked against its id; DamagedError if one is not there."""
    wanted = dict(blobs)
    asked = "".join(f"{blob}\n" for blob in wanted).encode()
    out = mirror.ask("cat-file", "--batch", stdin=asked, output=sum(wanted.values()) + 128 * len(wanted))
    read: dict[str, bytes] = {}
    at = 0
    for blob, size in wanted.items():
        end_of_line = out.find(b"\n", at)
        if out[at:end_of_line] != f"{blob} blob {size}".encode():
            raise _damaged(blob)
        at = end_of_line + 1 + size + 1
        read[blob] = out[end_of_line + 1 : at - 1]
        if hashlib.sha1(b"blob %d\0" % size + read[blob], usedforsecurity=False).hexdigest() != blob:
            raise _damaged(blob)
    return read


def changed_paths(mirror: Mirror, old: str, new: str, subpath: str) -> Iterator[str]:
    """The paths of files below `subpath` that differ between two commits, from the repository's root."""
    arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", old, new, "--")
    out = mirror.ask("--literal-pathspecs", *arguments, *([subpath] if subpath else []), output=64 * 1024 * 1024)
    return (os.fsdecode(path) for path in out.split(b"\0")[:-1])


def last_change(mirror: Mirror, sha: str, path: str, line: int) -> str | None:
    """The commit that last changed a line; None where that file or line does not exist in this commit."""
    done = mirror.try_to("blame", "--porcelain", f"-L{line},{line}", sha, "--", path)
    return done.out.split(b" ", 1)[0].decode() if done.code == 0 else None


def is_ancestor(mirror: Mirror, old: str, new: str) -> bool:
    """Whether `old` is in the history of `new`, which must be here.

    The mirror holds whole histories, so a commit that is not here is in none of them.
    """
    if not mirror.has(new):
        raise SourceError(f"there is no commit {new} in the mirror", hint="fetch first")
    return mirror.has(old) and mirror.try_to("merge-base", "--is-ancestor", old, new).code == 0


def _when(text: str) -> datetime:
    """A commit may hold any time and zone; one that is none, in UTC too, counts as the epoch."""
    try:
        at = datetime.fromisoformat(text)
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)
    else:
        return at


def _damaged(blob: str) -> DamagedError:
    return DamagedError(f"object {blob} in the git mirror is missing or damaged")
