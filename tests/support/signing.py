"""Real keys, and real signatures on real commits: made by ssh-keygen, gpg and git."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repositories import Repository


@dataclass(frozen=True, slots=True)
class SshSigner:
    """An ssh key below `folder`."""

    key: Path

    @classmethod
    def create(cls, folder: Path, name: str) -> SshSigner:
        key = folder / name
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
        return cls(key)

    def line(self, principal: str, options: str = "") -> str:
        """Its line in a file of allowed signers."""
        return f"{principal} {options} {self.key.with_suffix('.pub').read_text()}".replace("  ", " ")

    @property
    def options(self) -> tuple[str, ...]:
        return ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.key}")

    @property
    def env(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class PgpSigner:
    """An OpenPGP key in a GNUPGHOME of its own."""

    home: Path
    fingerprint: str

    @classmethod
    def create(cls, folder: Path, name: str, *, expires: str = "0", faked: str = "") -> PgpSigner:
        """`faked` is a time such as 20200101T000000 at which the key is made, so that it can have expired since."""
        home = folder / name
        home.mkdir(mode=0o700)
        at = ["--faked-system-time", faked] if faked else []
        made = ("--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *at, "--quick-gen-key")
        run("gpg", *made, f"{name} <{name}@acme.example>", "ed25519", "sign", expires, env={"GNUPGHOME": str(home)})
        listed = run("gpg", "--list-keys", "--with-colons", env={"GNUPGHOME": str(home)})
        [fingerprint, *_] = [row.split(":")[9] for row in listed.splitlines() if row.startswith("fpr")]
        return cls(home, fingerprint)

    def armored(self) -> str:
        """Its public half, as it goes into a file of allowed signers."""
        return run("gpg", "--armor", "--export", self.fingerprint, env=self.env)

    def close(self) -> None:
        """End the agent that gpg started for it."""
        run("gpgconf", "--kill", "all", env=self.env)

    @property
    def options(self) -> tuple[str, ...]:
        return ("-c", "gpg.format=openpgp", "-c", f"user.signingkey={self.fingerprint}")

    @property
    def env(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self.home)}


def sign(
    repository: Repository, signer: SshSigner | PgpSigner, branch: str = "main", when: str = "1750000000 +0000"
) -> str:
    """Replaces a branch's tip by the same commit with a signature; its new hash."""
    tip = f"refs/heads/{branch}"
    parents = repository.git("log", "-1", "--format=%P", tip).split()
    arguments = [part for parent in parents for part in ("-p", parent)]
    who = {
        "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@acme.example", "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@acme.example", "GIT_COMMITTER_DATE": when,
    }  # fmt: skip
    words = ("commit-tree", "-S", "-m", "Signed", *arguments, f"{tip}^{{tree}}")
    made = run("git", f"--git-dir={repository.path}", *signer.options, *words, env={**signer.env, **who}).strip()
    repository.git("update-ref", tip, made)
    return made


def tampered(repository: Repository, commit: str, old: bytes, new: bytes, branch: str = "main") -> str:
    """A commit whose content was changed after it was signed, as the new tip of a branch."""
    raw = subprocess.run(
        ["git", f"--git-dir={repository.path}", "cat-file", "commit", commit], capture_output=True, check=True
    ).stdout
    assert old in raw
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.replace(old, new, 1))
    repository.git("update-ref", f"refs/heads/{branch}", made)
    return made


def run(*command: str, env: dict[str, str] | None = None) -> str:
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **(env or {})})
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
