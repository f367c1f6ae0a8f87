"""The settings' credentials for git as what lends them to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syncer import environment
from syncer.desired import gitauth
from syncer.model.desired import FileToken
from syncer.settings.tree import SshKey

if TYPE_CHECKING:
    from syncer.settings.tree import Password


def credentials(wanted: Password | SshKey | None) -> gitauth.Credentials | None:
    """Where git's secrets are read at each use; None where none are given."""
    if wanted is None:
        return None
    if isinstance(wanted, SshKey):
        return gitauth.SshKey(wanted.ssh_key, wanted.known_hosts, wanted.username)
    if isinstance(wanted.password, FileToken):
        return gitauth.Password(wanted.username, gitauth.FileSecret(Path(wanted.password.path)))
    return gitauth.Password(wanted.username, gitauth.VariableSecret(wanted.password.name, environment.read()))
