"""Objects and refs that git's own commands would refuse to make, written as bytes."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.repositories import Repository

WHO = b"Eve <eve@example.test> 1750000000 +0000"


def put(repository: Repository, kind: str, content: bytes) -> str:
    """A loose object, whatever it holds."""
    whole = b"%s %d\0%s" % (kind.encode(), len(content), content)
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = repository.path / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(zlib.compress(whole, 1))
    return name


def tree(repository: Repository, entries: Sequence[tuple[str, bytes, str]]) -> str:
    """A tree of (mode, name, object), in this order."""
    raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
    return put(repository, "tree", raw)


def commit(
    repository: Repository, tree_id: str, *, header: bytes = b"", message: bytes = b"Change\n", **who: bytes
) -> str:
    """A commit; `header` are more header lines, `author` and `committer` take the place of the usual one."""
    author, committer = who.get("author", WHO), who.get("committer", WHO)
    raw = b"tree %s\n" % tree_id.encode()
    raw += b"author %s\ncommitter %s\n%s\n%s" % (author, committer, header, message)
    return put(repository, "commit", raw)


def point(repository: Repository, sha: str, ref: str = "refs/heads/main") -> None:
    """A ref to anything, without asking git."""
    path = repository.path / ref
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{sha}\n")
