"""One value in one file set to another, everything else kept byte for byte. Pure.

The edit is made in the text, at the place that the reader gives; reading again proves that it is the one meant.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from syncer.adoption.spelling import like, scalar
from syncer.documents import loading
from syncer.errors import SyncerError

if TYPE_CHECKING:
    from syncer.documents.loading import Parsed
    from syncer.documents.places import KeyPath
    from syncer.model.fields import Field

STEP: Final = "  "
"""What a new mapping is indented by."""


class _Text:
    """A file by lines, each with its end, and what the reader found in it."""

    def __init__(self, path: str, data: bytes) -> None:
        self.parsed = loading.parse(path, data)
        self._lines = _lines(data)

    def spot(self, where: KeyPath) -> tuple[int, int]:
        """Line and column of a value, from 0."""
        place = self.parsed.places.value(where)
        return place.line - 1, place.column - 1

    def begins(self, where: KeyPath, *marks: str) -> bool:
        """Whether a value begins with one of these as it is written."""
        line, column = self.spot(where)
        return line < len(self._lines) and self._lines[line][column:].startswith(marks)

    def in_flow(self, where: KeyPath) -> bool:
        """Whether a value stands within braces or brackets."""
        return any(self.begins(where[:depth], "{", "[") for depth in range(len(where)))

    def replace(self, where: KeyPath, value: str | bool | None) -> None:
        """Write another value in the place of one, in the quotes that it had."""
        line, column = self.spot(where)
        flow = self.in_flow(where)
        if _at(self.parsed, where) is None and not self.begins(where, "null", "~"):
            gap = "" if self._lines[line][column - 1] == " " else " "
            self._splice(line, column, 0, gap + scalar(value, flow=flow))  # nothing stands there: it means null
            return
        length = self.parsed.places.value(where).length
        written = self._lines[line][column : column + length]
        self._splice(line, column, length, like(written, value, flow=flow))

    def add(self, above: KeyPath, *keys: str, value: str | bool | None) -> None:
        """Write a value under new keys, each within the one before, as the first of a mapping."""
        if self.begins(above, "{"):
            line, column = self.spot(above)
            new = f"{keys[-1]}: {scalar(value, flow=True)}"
            for key in reversed(keys[:-1]):
                new = f"{key}: {{{new}}}"
            self._splice(line, column + 1, 0, f"{new}, " if _at(self.parsed, above) else new)
            return
        first = next(iter(_at(self.parsed, above)))
        margin = " " * (self.parsed.places.key((*above, first)).column - 1)
        new_lines = [f"{margin}{STEP * depth}{key}:" for depth, key in enumerate(keys)]
        new_lines[-1] += f" {scalar(value)}"
        behind = self.parsed.places.key(above).line
        end = "\r\n" if self._lines[behind - 1].endswith("\r\n") else "\n"
        self._lines[behind:behind] = [line + end for line in new_lines]

    def _splice(self, line: int, column: int, length: int, new: str) -> None:
        old = self._lines[line]
        self._lines[line] = old[:column] + new + old[column + length :]

    @property
    def data(self) -> bytes:
        """The file as it is now."""
        return "".join(self._lines).encode()


def replaced(path: str, data: bytes, where: KeyPath, value: str | bool | None) -> bytes:
    """The file with the value at `where` set to another; SyncerError where that can't be done on its line."""
    text = _Text(path, data)
    text.replace(where, value)
    return _proved(text, where, value)


def overridden(path: str, data: bytes, app: str, field: Field, value: str | bool | None) -> bytes:
    """The file with a field declared at an app that had it from a weaker layer; SyncerError where that fails."""
    text = _Text(path, data)
    own: KeyPath = ("apps", app)
    if "settings" in _at(text.parsed, own):
        text.add((*own, "settings"), field.value, value=value)
    else:
        text.add(own, "settings", field.value, value=value)
    return _proved(text, (*own, "settings", field.value), value)


def _lines(data: bytes) -> list[str]:
    """By line feeds alone, as the reader counts them."""
    parts = data.decode("utf-8").split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), parts[-1]]


def _at(parsed: Parsed, where: KeyPath) -> Any:
    found: Any = parsed.value
    for step in where:
        found = found[step]
    return found


def _proved(text: _Text, where: KeyPath, value: str | bool | None) -> bytes:
    """The new bytes, if reading them gives the old document with this one value in it."""
    data, old = text.data, text.parsed
    wanted = copy.deepcopy(old.value)
    inner: Any = wanted
    for step in where[:-1]:
        inner = inner.setdefault(step, {})
    inner[where[-1]] = value
    again = loading.parse(old.path, data)
    if again.problems or _form(again.value) != _form(wanted):
        place = old.places.key(where)
        raise SyncerError(
            f"{place} is not written in a way that can be edited here", hint="change it by hand; nothing was written"
        )
    return data


def _form(value: object) -> str:
    """A document as text: in Python alone true would equal 1; the order of keys is nobody's matter."""
    return json.dumps(value, sort_keys=True)
