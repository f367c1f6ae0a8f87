"""One fetch at a time into a mirror, whatever process it is in, and nothing left of one that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Final

from syncer.desired import gitauth
from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.clock import Clock

_BETWEEN_TRIES: Final = 0.02  # seconds
_UNFINISHED: Final = ("*.lock", "tmp_*", "incoming-*", "gc.pid")


@contextmanager
def held(home: Path, seconds: float, clock: Clock, go_on: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Hold the lock of a mirror's folder, waiting so long for it; the descriptor is for children to inherit.

    `go_on` is called while it waits, and ends that with an error.

    A child that outlives its killed parent then holds the lock on, so nobody tidies up under its hands.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _no_folder(error) from error
    try:
        _wait_for(lock, seconds, clock, go_on)
        marker = home / "fetching"
        if marker.exists():
            _remove_leftovers(home)
        marker.touch()
        try:
            yield lock
        except SourceError:  # its children are gone: what they left is of no use, and may be large
            _remove_leftovers(home)
            marker.unlink()
            raise
        marker.unlink()
    except OSError as error:
        raise _no_folder(error) from error
    finally:
        os.close(lock)


def _wait_for(lock: int, seconds: float, clock: Clock, go_on: Callable[[], None]) -> None:
    until = clock.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if clock.monotonic() > until:
                raise SourceError(
                    "another process is fetching into the same mirror", hint="use one state folder each", retryable=True
                ) from error
            go_on()
            Event().wait(_BETWEEN_TRIES)
        else:
            return


def _remove_leftovers(home: Path) -> None:
    for name in ("mirror.new", "mirror.old", *(lent.name for lent in home.glob(f"{gitauth.PREFIX}*"))):
        shutil.rmtree(home / name, ignore_errors=True)
    for pattern in _UNFINISHED:
        for left in tuple((home / "mirror.git").rglob(pattern)):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _no_folder(error: OSError) -> SourceError:
    return SourceError(
        f"the git mirror's folder can't be written: {error.strerror}", hint="check the state folder", retryable=True
    )
