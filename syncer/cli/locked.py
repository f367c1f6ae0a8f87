"""State that another process holds: what to do then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from syncer.errors import LockedError

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.settings import Settings

ADDRESS: Final = "serve.json"


def explained(error: LockedError, settings: Settings) -> LockedError:
    """The error with the daemon's address in its hint, where a daemon left one in the state folder."""
    there = address(settings.state_dir)
    return LockedError(error.message, hint=f"ask the daemon: --server {there}") if there else error


def address(state_dir: Path) -> str:
    """Where the daemon that holds a state folder serves; empty where none says so."""
    try:
        written = json.loads((state_dir / ADDRESS).read_bytes())
    except (OSError, ValueError):
        return ""
    told = written.get("address") if isinstance(written, dict) else None
    return told if isinstance(told, str) else ""
