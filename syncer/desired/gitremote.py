"""The server of one repository, and how git is told to reach it: one transport, no proxy but the configured one."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from syncer.desired.gitproc import Call

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.gitaddress import Address
    from syncer.desired.gitauth import Loan
    from syncer.desired.gitmirror import Access
    from syncer.desired.gitproc import Finished, Git

LISTING: Final = 4 * 1024 * 1024
"""Bytes of an answer that are read at most, unless a call asks for more."""


@dataclass(frozen=True, slots=True)
class Session:
    """One exchange under way: the descriptor of the mirror's lock, and what was lent to git."""

    lock: int
    loan: Loan


class Remote:
    """Calls git with the address of one server. Whoever calls holds the mirror's lock."""

    def __init__(self, address: Address, access: Access, git: Git) -> None:
        self._url = address.url
        self._scheme = address.scheme
        self._access = access
        self._git = git

    def serve(
        self, arguments: tuple[str, ...], refspecs: tuple[str, ...], session: Session, repository: Path | None = None
    ) -> Finished:
        """A call that asks the server for something."""
        return self._run((*arguments, *self._program("upload-pack")), refspecs, session, repository)

    def receive(
        self, arguments: tuple[str, ...], refspecs: tuple[str, ...], session: Session, repository: Path
    ) -> Finished:
        """A call that gives the server something."""
        return self._run((*arguments, *self._program("receive-pack")), refspecs, session, repository)

    def _program(self, name: str) -> tuple[str, ...]:
        """The server's side of a file:// URL, which refuses a repository of another owner unless it is named."""
        if self._scheme != "file":
            return ()
        path = unquote(self._url.removeprefix("file://"))
        trusted = (path, f"{path}.git", f"{path}/.git")
        command = ["git", *(part for one in trusted for part in ("-c", f"safe.directory={one}")), name]
        return (f"--{name}={shlex.join(command)}",)

    def _run(
        self, arguments: tuple[str, ...], refspecs: tuple[str, ...], session: Session, repository: Path | None
    ) -> Finished:
        bounds, loan = self._git.bounds, session.loan
        config = [f"safe.directory={repository}"] if repository else []
        config += [f"protocol.{self._scheme}.allow=always", f"http.proxy={self._access.proxy}"]
        config += [f"http.lowSpeedLimit={bounds.slowest}", f"http.lowSpeedTime={bounds.patience}"]
        if self._access.ca_file:
            config.append(f"http.sslCAInfo={self._access.ca_file}")
        return self._git.run(
            Call(
                (*arguments, "--end-of-options", self._url, *refspecs),
                bounds.network,
                output=LISTING,
                config=tuple(config),
                env=loan.env,
                secrets=loan.secrets,
                inherit=(session.lock,),
            )
        )
