"""Real bare git repositories, made by plumbing: any path, any mode, hostile ones included."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

APPS = b"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: cust_acme\napps:\n  desk: {app_id: app_1}\n"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file with a mode of its own; for a gitlink (160000) the content is a commit's hash."""

    content: bytes
    mode: str = "100644"


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository on which commits land by branch."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Repository:
        made = cls(path)
        made.git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(path), inside=False)
        return made

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str, stdin: bytes = b"", inside: bool = True) -> str:
        return self.run(*arguments, stdin=stdin, inside=inside).decode().strip()

    def run(self, *arguments: str, stdin: bytes = b"", inside: bool = True) -> bytes:
        """The exact bytes of git's answer."""
        where = [f"--git-dir={self.path}"] if inside else []
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *where, *arguments], input=stdin, capture_output=True, check=False, env=env)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def commit(
        self,
        files: Mapping[str | bytes, bytes | Blob | None],
        *,
        branch: str = "main",
        orphan: bool = False,
        subject: str = "Change apps",
        author: str = "Ann Example <ann@example.test>",
        when: str = "1750000000 +0530",
    ) -> str:
        """Change files on a branch (None removes one); `orphan` starts its history anew."""
        stream = bytearray(f"commit refs/heads/{branch}\nauthor {author} {when}\ncommitter {author} {when}\n".encode())
        stream += _data(subject.encode())
        if not orphan and self.has(f"refs/heads/{branch}"):
            stream += f"from refs/heads/{branch}^0\n".encode()
        for path, content in files.items():
            stream += _change(os.fsencode(path), content)
        self.git("fast-import", "--quiet", "--force", stdin=bytes(stream))
        return self.git("rev-parse", f"refs/heads/{branch}")

    def has(self, ref: str) -> bool:
        return bool(self.git("for-each-ref", ref))

    def tree_of_one(self, name: str, mode: str, object_id: str, *, branch: str = "main") -> str:
        """A commit whose tree holds one entry that git's porcelain would refuse."""
        tree = self.git(
            "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=_entry(name, mode, object_id)
        )
        commit = self.git(
            "-c", "user.name=Eve", "-c", "user.email=eve@example.test", "commit-tree", "-m", "Hostile", tree
        )
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def write_blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)


def _entry(name: str, mode: str, object_id: str) -> bytes:
    return mode.encode() + b" " + os.fsencode(name) + b"\0" + bytes.fromhex(object_id)


def _change(path: bytes, content: bytes | Blob | None) -> bytes:
    quoted = b'"' + b"".join(_octal(byte) for byte in path) + b'"'
    if content is None:
        return b"D " + quoted + b"\n"
    blob = content if isinstance(content, Blob) else Blob(content)
    if blob.mode == "160000":
        return b"M 160000 " + blob.content + b" " + quoted + b"\n"
    return b"M " + blob.mode.encode() + b" inline " + quoted + b"\n" + _data(blob.content)


def _octal(byte: int) -> bytes:
    plain = 32 < byte < 127 and byte not in b'"\\'
    return bytes([byte]) if plain else f"\\{byte:03o}".encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
