"""How git proves who we are without a secret in its arguments or environment.

For each fetch the secret is read anew and lent to git in a folder of mode 0700 that is removed afterwards: a password
through GIT_ASKPASS, a helper that prints a file; an ssh key as a copy of mode 0600, because ssh refuses a key that a
group may read, and mounted Kubernetes Secrets are like that.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from urllib.parse import quote

from syncer.errors import SourceError, UsageError
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX: Final = "lent-"
"""How the folders of lent secrets are called, so that those of a killed process can be removed."""

_LARGEST: Final = 64 * 1024
_USER: Final = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,127}\Z", re.ASCII)
_ASKPASS: Final = (
    '#!/bin/sh\nkind=password\ncase "$1" in [Uu]sername*) kind=username ;; esac\n'
    'IFS= read -r line < "${0%/*}/$kind"\nprintf "%s\\n" "$line"\n'
)  # nothing but what the shell has built in
_SSH: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ConnectTimeout=20",
)


class SecretReader(Protocol):
    """Gives a secret out, read anew at every call; SourceError when there is none."""

    def __call__(self) -> Secret:
        """The secret as it is now."""


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A secret in a file, which may be rewritten at any time."""

    path: Path

    def __call__(self) -> Secret:
        """The file's one line."""
        return _one_line(_contents(self.path, "password").decode("utf-8", "replace"), f"the password file {self.path}")


@dataclass(frozen=True, slots=True)
class VariableSecret:
    """A secret in a variable of the environment that is handed in."""

    name: str
    environ: Mapping[str, str]

    def __call__(self) -> Secret:
        """The variable's value."""
        return _one_line(self.environ.get(self.name, ""), f"the environment variable {self.name}")


@dataclass(frozen=True, slots=True)
class Password:
    """A user name and a password (or token) for https."""

    username: str
    password: SecretReader


@dataclass(frozen=True, slots=True)
class SshKey:
    """A private key without passphrase, the hosts that are trusted, and the user at the server."""

    key: Path
    known_hosts: Path
    username: str = "git"


Credentials: TypeAlias = Password | SshKey


@dataclass(frozen=True, slots=True)
class Loan:
    """What a child gets: names and paths for its environment. `secrets` is what must not show in its words."""

    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()


def check(credentials: Credentials | None, scheme: str) -> None:
    """UsageError when credentials don't fit the URL's scheme, or a user name can't be one."""
    if scheme == "ssh" and not isinstance(credentials, SshKey):
        raise UsageError("an ssh source needs source.credentials.ssh_key and source.credentials.known_hosts")
    if scheme != "ssh" and isinstance(credentials, SshKey):
        raise UsageError(f"source.credentials.ssh_key is of no use for a source over {scheme}")
    if credentials is not None and not _USER.match(credentials.username):
        raise UsageError("source.credentials.username can't be a user name")


@contextmanager
def lent(credentials: Credentials | None, folder: Path) -> Iterator[Loan]:
    """Lay the secrets out below `folder` for the time of one fetch; SourceError when one can't be read."""
    if credentials is None:
        yield Loan()
        return
    private = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    try:
        yield _password(credentials, private) if isinstance(credentials, Password) else _ssh(credentials, private)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _password(credentials: Password, private: Path) -> Loan:
    secret = credentials.password().reveal()
    _write(private / "username", credentials.username.encode(), 0o600)
    _write(private / "password", secret.encode(), 0o600)
    _write(private / "askpass", _ASKPASS.encode(), 0o700)
    basic = base64.b64encode(f"{credentials.username}:{secret}".encode()).decode()
    return Loan((("GIT_ASKPASS", str(private / "askpass")),), (secret, quote(secret, safe=""), basic))


def _ssh(credentials: SshKey, private: Path) -> Loan:
    key = _contents(credentials.key, "ssh key")
    if b"PRIVATE KEY" not in key:
        raise SourceError(f"the ssh key file {credentials.key} holds no private key", hint="not the .pub file")
    _write(private / "key", key.rstrip() + b"\n", 0o600)  # ssh can't read a key that lacks its last newline
    _write(private / "known_hosts", _contents(credentials.known_hosts, "known hosts"), 0o600)
    options = (
        *_SSH,
        f"User={credentials.username}",
        f"IdentityFile={_quoted(private / 'key')}",
        f"UserKnownHostsFile={_quoted(private / 'known_hosts')}",
    )
    command = shlex.join(["ssh", "-F", os.devnull, *(part for option in options for part in ("-o", option))])
    return Loan((("GIT_SSH_COMMAND", command), ("GIT_SSH_VARIANT", "ssh")))


def _quoted(path: Path) -> str:
    """A path as ssh reads it back from an option: percent signs are tokens, spaces separate."""
    return '"' + str(path).replace("%", "%%") + '"'


def _one_line(text: str, where: str) -> Secret:
    line = text.strip("\r\n")
    if not line.strip():
        raise SourceError(f"{where} is empty", hint="write the password or token into it")
    if not line.isprintable():
        raise SourceError(f"{where} holds more than one line or unprintable characters", hint="one line is a password")
    return Secret(line)


def _contents(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(_LARGEST + 1)
    except OSError as error:
        raise SourceError(
            f"the {what} file {path} can't be read: {error.strerror}",
            hint="is the Secret mounted, and readable for the syncer's user?",
        ) from error
    if len(found) > _LARGEST:
        raise SourceError(f"the {what} file {path} is larger than {_LARGEST} bytes")
    return found


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, not a path
        file.write(content)
