"""Text in columns: how wide it is on a terminal, and how it is broken into lines without losing a character."""

from __future__ import annotations

import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINE: Final = 100
"""The widest line, in terminal columns. Only a URL that is longer by itself goes past it: it must stay copyable."""
ELLIPSIS: Final = "…"


def width(text: str) -> int:
    """Terminal columns of one line: two for wide characters, none for combining marks."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def padded(text: str, columns: int) -> str:
    """The text with spaces behind it up to a width."""
    return text + " " * (columns - width(text))


def pieces(text: str, room: int) -> list[str]:
    """The text cut every `room` columns, nothing added or lost."""
    if width(text) <= room:
        return [text]
    found, current, used = [], "", 0
    for char in text:
        if current and used + _columns(char) > room:
            found.append(current)
            current, used = "", 0
        current += char
        used += _columns(char)
    return [*found, current]


def wrapped(text: str, room: int) -> list[str]:
    """The words of a text on lines of at most `room` columns; a word that is longer is cut into pieces."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(lines[-1]) + 1 + width(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.extend(pieces(word, room))
    return lines


def shortened(text: str, room: int) -> str:
    """The text on one line of at most `room` columns, with an ellipsis where it was cut."""
    if width(text) <= room:
        return text
    first = pieces(text, room - 1)[0]
    return (first if width(first) < room else "") + ELLIPSIS


WAY_OUT: Final = "to release: "


def hanging(label: str, text: str, indent: int, line: int = LINE) -> list[str]:
    """A label at `indent` and the text behind it, wrapped under its own beginning; a command stays whole."""
    start = " " * indent + label
    room = line - width(start)
    return (
        [f"{start}{text}"]
        if width(text) <= room or text.removeprefix(WAY_OUT).startswith("syncer ")
        else _hung(start, wrapped(text, room))
    )


def _hung(start: str, lines: Sequence[str]) -> list[str]:
    return [start + lines[0], *(" " * width(start) + rest for rest in lines[1:])]


def spread(parts: Iterable[str], indent: int, line: int = LINE) -> list[str]:
    """Parts side by side, two spaces apart, as many as fit on a line; the next lines are indented."""
    lines = [""]
    for part in parts:
        first, *rest = pieces(part, line - indent)
        joined = f"{lines[-1]}  {first}" if lines[-1] else first
        if width(joined) <= line:
            lines[-1] = joined
        else:
            lines.append(" " * indent + first)
        lines.extend(" " * indent + piece for piece in rest)
    return lines


def summed(told: str, made_of: str) -> list[str]:
    """A summary on one line, or its two halves below each other."""
    whole = f"{told} · {made_of}"
    return [whole] if width(whole) <= LINE else [*wrapped(told, LINE), *wrapped(made_of, LINE)]


def table(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows with every column but the last as wide as its widest cell."""
    widths = [max(map(width, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        gap.join(padded(cell, columns) for cell, columns in zip(row, widths, strict=False)).rstrip() for row in rows
    ]
