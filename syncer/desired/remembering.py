"""What outlives a restart: the revision in force, and for each broken file the revision at which it was last good.

One file remembers several origins (repositories at a ref), so that a single run on another branch does not make the
daemon forget what it has in force.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = 16
"""Origins remembered; the one that was written longest ago goes first."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """`good` is a revision id, `files` pairs of a rejected path and the revision id of its last good reading."""

    good: str
    files: tuple[tuple[str, str], ...] = ()


def read(path: Path, origin: str) -> Remembered | None:
    """What was written last of an origin; None when there is nothing, or nothing that can be made sense of."""
    try:
        found = _origins(path)[origin]
        good, files = found["good"], found["files"]
        pairs = tuple(sorted((str(name), str(revision)) for name, revision in files.items()))
    except (TypeError, KeyError, AttributeError):
        return None
    return Remembered(good, pairs) if isinstance(good, str) else None


def write(path: Path, origin: str, remembered: Remembered) -> None:
    """Replace the file in one step, so that a crash leaves the old or the new; OSError when the disk is full."""
    others = [(name, told) for name, told in _origins(path).items() if name != origin]
    told = {"good": remembered.good, "files": dict(remembered.files)}
    text = json.dumps({"origins": dict([*others[1 - KEPT :], (origin, told)])}, indent=1)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # a crash, or a version that left it readable for everybody
    private = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(private, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _origins(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())["origins"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
