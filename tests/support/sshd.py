"""A real sshd on a high port of this machine, with host and user keys of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Sshd:
    """A running server: the user's `key`, a `known_hosts` that trusts it, `other_known_hosts` with another host key."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    other_known_hosts: Path
    authorized_keys: Path

    def url(self, repository: Path) -> str:
        return f"ssh://127.0.0.1:{self.port}{repository}"


@contextmanager
def serving(scratch: Path) -> Iterator[Sshd]:
    """Start sshd; only the generated user key may log in, as the user who runs the tests."""
    scratch.mkdir()
    for name in ("host", "other-host", "user", "stranger"):
        make_key(scratch / name)
    port = _free_port()
    authorized = scratch / "authorized_keys"
    shutil.copy(scratch / "user.pub", authorized)
    config = scratch / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {scratch / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {authorized}\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLogLevel INFO\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/sshd"
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        _await_listening(server)
        yield Sshd(
            port,
            pwd.getpwuid(os.getuid()).pw_name,
            scratch / "user",
            _known(scratch, "host", port),
            _known(scratch, "other-host", port),
            authorized,
        )
    finally:
        server.kill()
        server.communicate()


def make_key(path: Path, passphrase: str = "") -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _await_listening(server: subprocess.Popen[bytes]) -> None:
    assert server.stderr
    said = b""
    for line in server.stderr:
        said += line
        if b"Server listening on" in line:
            return
    raise AssertionError(said.decode())


def _known(scratch: Path, name: str, port: int) -> Path:
    kind, key, *_ = (scratch / f"{name}.pub").read_text().split()
    path = scratch / f"known_hosts-{name}"
    path.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
