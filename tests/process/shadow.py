"""What a power cut would leave of a folder, worked out from a system call trace: the disk that lazy writes never reach.

Strictly by what POSIX promises: bytes are safe once fsync of their file has returned, a name (new, renamed or
removed) once fsync of its folder has. `left` tells what is there when nothing else made it, and other mixtures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = ("-y", "-xx", "-s", "20000")
"""With which strace tells enough."""
_HEX = r"((?:\\x[0-9a-f]{2})*)"
_CALL = re.compile(r"([a-z0-9_]+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$")
_STRING = re.compile(rf'"{_HEX}"')
_HANDLE = re.compile(rf"(\d+)<{_HEX}(?:\(deleted\))?>")


class Cut(StrEnum):
    """What had reached the disk by itself when the power went."""

    NOTHING = "nothing that was not synced"
    NAMES = "every name, and no byte that was not synced"
    ALL = "everything, as after kill -9"


@dataclass(slots=True)
class File:
    """One file or folder: what the process sees, and what is safe."""

    folder: bool = False
    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""


@dataclass(frozen=True, slots=True)
class Moment:
    """A call that changes what is safe, or that sends something: `sent` are its bytes."""

    name: str
    sent: bytes = b""


@dataclass(slots=True)
class Shadow:
    """The folder `root`, not there at first; SQLite's files are left out, for they are built again from the rest."""

    root: str
    names: dict[str, File] = field(default_factory=dict)
    safe_names: dict[str, File] = field(default_factory=dict)
    open: dict[int, File] = field(default_factory=dict)

    def replay(self, trace: Path) -> Iterator[Moment]:
        """Yields after each call that matters; the shadow is then as it was just after (a send: just before) it."""
        for line in trace.read_text(encoding="ascii", errors="replace").splitlines():
            if (call := _CALL.match(line)) and int(call[3]) >= 0:
                name, strings = call[1], [_bytes(found) for found in _STRING.findall(call[2])]
                if name in {"sendto", "sendmsg"}:
                    yield Moment(name, strings[0] if strings else b"")
                elif self._feed(name, call[2], strings, int(call[3])):
                    yield Moment(name)

    def left(self, cut: Cut) -> dict[str, bytes]:
        """Files by their path below the root."""
        names = self.safe_names if cut is Cut.NOTHING else self.names
        return {
            path.removeprefix(f"{self.root}/"): bytes(file.data) if cut is Cut.ALL else file.safe
            for path, file in names.items()
            if not file.folder and all(folder in names for folder in self._above(path))
        }

    def _above(self, path: str) -> Iterator[str]:
        """The folders that a name hangs on, the root among them."""
        while path != self.root:
            path = path.rpartition("/")[0]
            yield path

    def _feed(  # noqa: C901 -- one case for each call
        self, name: str, arguments: str, strings: list[bytes], result: int
    ) -> bool:
        handle = int(found[1]) if (found := _HANDLE.match(arguments)) else -1
        path = _bytes(found[2]).decode(errors="replace") if found else ""
        match name:
            case "openat":
                self._opened(strings[0].decode(errors="replace"), arguments, result)
            case "write" if handle in self.open:
                self.open[handle].data += strings[0][:result]
            case "ftruncate" if handle in self.open:
                del self.open[handle].data[int(arguments.rpartition(", ")[2]) :]
            case "mkdir" if f"{strings[0].decode()}/".startswith(f"{self.root}/"):
                self.names[strings[0].decode()] = File(folder=True)
            case "close":
                self.open.pop(handle, None)
            case "rename":
                before, after = (text.decode(errors="replace") for text in strings)
                if before in self.names:
                    self.names[after] = self.names.pop(before)
            case "unlink":
                self.names.pop(strings[0].decode(errors="replace"), None)
            case "fsync" | "fdatasync":
                self._synced(handle, path)
        return name in {"fsync", "fdatasync", "rename"} and self.root in path + "".join(map(repr, strings))

    def _opened(self, path: str, flags: str, handle: int) -> None:
        if not path.startswith(f"{self.root}/") or "sqlite" in path or "O_DIRECTORY" in flags:
            return
        if "O_CREAT" in flags and path not in self.names:
            self.names[path] = File()
        if path in self.names and ("O_WRONLY" in flags or "O_RDWR" in flags):
            if "O_TRUNC" in flags:
                self.names[path].data.clear()
            self.open[handle] = self.names[path]

    def _synced(self, handle: int, path: str) -> None:
        if handle in self.open:
            self.open[handle].safe = bytes(self.open[handle].data)
            return
        for name in {*self.names, *self.safe_names}:
            if name.rpartition("/")[0] == path:
                self.safe_names.pop(name, None)
                if name in self.names:
                    self.safe_names[name] = self.names[name]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
