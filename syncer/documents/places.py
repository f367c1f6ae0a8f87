"""Where every key and value of a document stands, kept small: one integer per scalar, two dictionaries per mapping."""

from __future__ import annotations

from typing import Final, TypeAlias

from syncer.documents.veil import veil
from syncer.model.problems import Place

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way from the document's root to a value: keys of mappings and indexes of lists."""

LONGEST_SHOWN: Final = 4_096
"""Characters of a line that is shown with a problem: the longest URL fits, a file on one line does not."""

_BITS: Final = 24
_MASK: Final = (1 << _BITS) - 1


def pack(line: int, column: int, length: int) -> int:
    """A stretch of one line as one integer; `line` and `column` count from 0."""
    return line << 2 * _BITS | column << _BITS | length


class Spot:
    """A mapping or list: where it starts, where its keys stand, and the spots (or packed scalars) of its values.

    `values` is keyed by the key of a mapping or the index of a list; `keys` stays empty for a list.
    """

    __slots__ = ("keys", "start", "values")

    def __init__(self, start: int) -> None:
        self.start = start
        self.keys: dict[str | int, int] = {}
        self.values: dict[str | int, int | Spot] = {}


class Places:
    """Looks up places by key path. Total: a path that leads nowhere gives the nearest place on its way."""

    __slots__ = ("_lines", "_root", "_text", "path")

    def __init__(self, path: str, text: str, root: int | Spot = 0) -> None:
        self.path = path
        self._text = text
        self._root = root
        self._lines: list[str] | None = None

    def key(self, path: KeyPath) -> Place:
        """Where the last key of the path stands; for an index of a list, its value."""
        return self.place(self._packed_key(path))

    def value(self, path: KeyPath) -> Place:
        """Where the value stands: the whole scalar, or the first line of a mapping or list."""
        return self.place(self._packed_value(path))

    def position(self, path: KeyPath) -> tuple[int, int]:
        """Line and column of the key, from 1: what an origin needs, without the line's text."""
        packed = self._packed_key(path)
        return (packed >> 2 * _BITS) + 1, (packed >> _BITS & _MASK) + 1

    def place(self, packed: int) -> Place:
        """A packed stretch as a place, its line veiled."""
        line, column = packed >> 2 * _BITS, packed >> _BITS & _MASK
        text = self.shown(line)
        length = packed & _MASK
        rest = len(self.line(line)) - column
        if length == _MASK:
            length = rest
        return Place(self.path, line + 1, column + 1, max(1, min(length, rest)), text)

    def shown(self, number: int) -> str:
        """The line, veiled; empty for one so long that nobody reads it, because each problem carries its own copy."""
        text = self.line(number)
        return veil(text) if len(text) <= LONGEST_SHOWN else ""

    def line(self, number: int) -> str:
        """One line as it stands in the file, unveiled, counted from 0; empty beyond the end."""
        if self._lines is None:
            self._lines = self._text.split("\n")
        return self._lines[number].rstrip("\r") if number < len(self._lines) else ""

    def _walk(self, path: KeyPath) -> tuple[Spot | None, int | Spot, int]:
        """The last container on the way, what the path leads to, and how many steps were possible."""
        above: Spot | None = None
        here = self._root
        for taken, step in enumerate(path):
            below = here.values.get(step) if isinstance(here, Spot) else None
            if below is None or isinstance(here, int):
                return above, here, taken
            above, here = here, below
        return above, here, len(path)

    def _packed_key(self, path: KeyPath) -> int:
        above, here, taken = self._walk(path)
        last = path[taken - 1] if taken else None
        if above is not None and last in above.keys:
            return above.keys[last]
        return here.start if isinstance(here, Spot) else here

    def _packed_value(self, path: KeyPath) -> int:
        _, here, taken = self._walk(path)
        if taken < len(path):
            return self._packed_key(path)
        return here.start if isinstance(here, Spot) else here


REST_OF_LINE: Final = _MASK
"""The length of a stretch that goes on to the end of its line."""
