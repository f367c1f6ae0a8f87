"""One reading of a folder through descriptors, so that no link leads out of it and no special file blocks.

The folder itself may be reached through links: the path is the operator's own, and git-sync publishes by one. Below
it no link is followed, but for what the kubelet makes of a ConfigMap or Secret:

    ..data -> ..2025_06_01_10_00_00.1234        switched at once by renaming
    apps.yaml -> ..data/apps.yaml               read beneath the one target that ..data had
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.desired import screen
from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.model.problems import Problem

_DATA: Final = "..data"
_TARGET: Final = re.compile(r"\A\.\.[^/\0]*[^/.\0][^/\0]*\Z")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_GONE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE, errno.ENXIO})
_UNREAD: Final = "check the path, and that it is mounted; -C names another source, `syncer init` makes a first one"
_CHUNK: Final = 1024 * 1024


class MovedError(Exception):
    """Something changed during the reading: read again."""


@dataclass(frozen=True, slots=True)
class File:
    """One document: path relative to the folder, SHA-256 of its bytes, the bytes."""

    path: str
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """All documents sorted by path, and what may not be read; `switched`: published at once by `..data`."""

    files: tuple[File, ...]
    refused: tuple[Problem, ...]
    switched: bool


@dataclass(slots=True)
class _Walk:
    """What one reading has gathered so far."""

    shown: Callable[[str], str]
    caps: screen.Caps
    files: list[File] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    seen: int = 0
    total: int = 0


def take(folder: str, shown: Callable[[str], str], caps: screen.Caps) -> Reading:
    """Read a folder once; `shown` makes a relative path one for people.

    MovedError when it changed meanwhile, SourceError when it can't be read at all or is over the caps.
    """
    walk = _Walk(shown, caps)
    with _top(folder) as top:
        target = _data_target(top)
        if target:
            with _below(top, target) as data:
                _gather(walk, data, "")
        _gather(walk, top, "", published=bool(target))
        if _data_target(top) != target or _identity(folder) != _identity(top):
            raise MovedError
    files = tuple(sorted(walk.files, key=lambda file: file.path))
    return Reading(files, tuple(sorted(walk.refused, key=lambda problem: problem.at)), switched=bool(target))


def stale_mounts(mountinfo: str, folder: str) -> tuple[str, ...]:
    """Mount points at or below a folder that the kubelet made with `subPath`: they never see an update.

    `mountinfo` is the text of /proc/self/mountinfo. Such a mount's root lies inside one dated folder of the volume.
    """
    found = []
    for line in mountinfo.splitlines():
        parts = line.split()
        below = len(parts) > 4 and (parts[4] == folder or parts[4].startswith(folder.rstrip("/") + "/"))
        if below and re.search(r"/volumes/kubernetes\.io~\w+/[^/]+/\.\.\d{4}_", parts[3]):
            found.append(parts[4])
    return tuple(found)


@contextmanager
def _top(folder: str) -> Iterator[int]:
    try:
        top = os.open(folder, _FOLDER)
    except OSError as error:
        raise SourceError(f"folder {folder} can't be read: {error.strerror}", hint=_UNREAD) from error
    try:
        yield top
    finally:
        os.close(top)


@contextmanager
def _below(parent: int, name: str) -> Iterator[int]:
    """A folder in a folder, not through a link; MovedError when it is not there any more."""
    try:
        inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno in _GONE:
            raise MovedError from error
        raise
    try:
        yield inner
    finally:
        os.close(inner)


def _data_target(top: int) -> str:
    """Where `..data` leads, empty where it is no link to a folder beside it whose name begins with two dots."""
    try:
        target = os.readlink(_DATA, dir_fd=top)
    except OSError:
        return ""
    return target if _TARGET.match(target) else ""


def _identity(folder: str | int) -> tuple[int, int]:
    try:
        found = os.stat(folder)  # noqa: PTH116 -- a descriptor as well
    except OSError as error:
        raise MovedError from error
    return found.st_dev, found.st_ino


def _gather(walk: _Walk, folder: int, prefix: str, *, published: bool = False) -> None:
    """Gather what lies below an open folder; `published` leaves out the kubelet's links to what `..data` holds."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise MovedError from error
    for name in names:
        walk.seen += 1
        screen.within(walk.seen, walk.total, walk.caps)
        relative = f"{prefix}{name}"
        if screen.is_hidden(relative) or (published and _points_into_data(folder, name)):
            continue
        try:
            _visit(walk, folder, name, relative)
        except OSError as error:
            if error.errno in _GONE:
                raise MovedError from error
            walk.refused.append(screen.unreadable(walk.shown(relative), os.strerror(error.errno or 0)))


def _points_into_data(folder: int, name: str) -> bool:
    try:
        return os.readlink(name, dir_fd=folder) == f"{_DATA}/{name}"
    except OSError:
        return False


def _visit(walk: _Walk, folder: int, name: str, relative: str) -> None:
    kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    shown = walk.shown(relative)
    if stat.S_ISLNK(kind):
        walk.refused.append(screen.link(shown, relative, os.readlink(name, dir_fd=folder)))
    elif stat.S_ISDIR(kind):
        too_deep = screen.depth(shown, f"{relative}/", walk.caps)
        if too_deep:
            walk.refused.append(too_deep)
            return
        with _below(folder, name) as inner:
            _gather(walk, inner, f"{relative}/")
    elif screen.is_document(relative):
        problem = screen.name(shown, relative) or screen.depth(shown, relative, walk.caps)
        if not stat.S_ISREG(kind):
            problem = problem or screen.special(shown)
        if problem:
            walk.refused.append(problem)
        else:
            _document(walk, folder, name, relative)


def _document(walk: _Walk, folder: int, name: str, relative: str) -> None:
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        before = os.fstat(descriptor)
        too_large = screen.size(walk.shown(relative), before.st_size, walk.caps)
        if too_large or not stat.S_ISREG(before.st_mode):
            walk.refused.append(too_large or screen.special(walk.shown(relative)))
            return
        content = _content(descriptor, before.st_size)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(content) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise MovedError
    walk.total += len(content)
    screen.within(walk.seen, walk.total, walk.caps)
    walk.files.append(File(relative, hashlib.sha256(content).hexdigest(), content))


def _content(descriptor: int, size: int) -> bytes:
    """At most one byte more than was announced: a growing file shows itself, and never fills the memory."""
    parts = bytearray()
    while len(parts) <= size and (chunk := os.read(descriptor, min(_CHUNK, size + 1 - len(parts)))):
        parts += chunk
    return bytes(parts)
