"""Where things lie in a state folder, and how a file gets there durably."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from syncer.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_NUMBERED: Final = re.compile(r"[0-9]{8}\.jsonl")


def segment(state_dir: Path, number: int = 1) -> Path:
    """A segment of the journal: they are numbered from 1 on, and each goes on where the one before it was closed."""
    return state_dir / "journal" / segment_name(number)


def segment_name(number: int) -> str:
    """A segment's file name."""
    return f"{number:08d}.jsonl"


def last_segment(state_dir: Path) -> int:
    """The highest number of a segment with anything in it; 0 where there is none. Raises JournalError."""
    found = sorted(_numbers(segment(state_dir).parent), reverse=True)
    return next((number for number in found if size(segment(state_dir, number))), 0)


def first_segment(state_dir: Path) -> int:
    """The lowest number of a segment that is there; 0 where there is none. Raises JournalError."""
    return min(_numbers(segment(state_dir).parent), default=0)


def torn_copies(path: Path, offset: int) -> list[Path]:
    """Copies of torn bytes that stood at an offset of a segment."""
    return sorted(path.parent.glob(f"{path.stem}.torn-{offset}-*"))


def torn_copy(path: Path, offset: int, sha256: str) -> Path:
    """Where torn bytes of a segment are kept."""
    return path.with_name(f"{path.stem}.torn-{offset}-{sha256[:16]}")


def recorded(state_dir: Path) -> bool:
    """Whether the folder holds a journal with anything in it; JournalError where that can't be known."""
    return last_segment(state_dir) > 0


def _numbers(folder: Path) -> list[int]:
    try:
        return [int(path.stem) for path in folder.iterdir() if _NUMBERED.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def size(path: Path) -> int:
    """Bytes in a file; 0 where there is none. Raises JournalError where that can't be known."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> JournalError:
    hint = "run as the user of the daemon, or name another folder with --state-dir"
    return JournalError(f"{path} can't be read: {error.strerror}", hint=hint)


def make_folder(path: Path) -> None:
    """A folder that only its owner can enter, durable with those it lies in; one that exists is left as it is."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE if folder == path else 0o777, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make names that were created or renamed in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place, mode 0600, complete and durable or not at all; one that is there is replaced."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
