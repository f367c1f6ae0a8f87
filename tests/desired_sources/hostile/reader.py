"""Reads repositories as the daemon does, in a process that can be traced: `python -m …hostile.reader LIST SECRETS`.

LIST is a JSON list of [url, ref, subpath, state folder]; SECRETS holds what https and ssh need. Each gets one line.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from syncer.desired.gitauth import FileSecret, Password, SshKey
from syncer.desired.gitmirror import Access
from syncer.desired.loader import Loader
from syncer.desired.screen import Caps
from syncer.desired.tracker import Tracker
from syncer.errors import SyncerError
from tests.support.git_sources import source
from tests.support.memory_source import FixedClock


def access(url: str, home: Path) -> Access:
    """The credentials for a kind of server, below `home`."""
    match url.partition(":")[0]:
        case "https":
            return Access(Password("syncer", FileSecret(home / "password")), home / "ca.pem")
        case "ssh":
            return Access(SshKey(home / "user", home / "known_hosts-host", (home / "name").read_text()))
    return Access()


def read(url: str, ref: str, subpath: str, state: Path, secrets: Path) -> str:
    """Fetch, load, blame and go back; the answer is how it ended."""
    git = source(url, state, ref=ref, subpath=subpath, access=access(url, secrets), caps=replace(Caps(), files=1000))
    try:
        state_read = Tracker(git, Loader(FixedClock())).refresh()
    except SyncerError as error:
        return error.message
    with suppress(SyncerError):
        git.blame(state_read.revision.id, "apps.yaml", 1)
        git.changed_since(state_read.revision.id, state_read.revision.id)
    return ""


if __name__ == "__main__":
    for url, ref, subpath, state in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        sys.stdout.write(json.dumps(read(url, ref, subpath, Path(state), Path(sys.argv[2]))) + "\n")
