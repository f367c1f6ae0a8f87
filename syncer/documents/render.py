"""Problems as text for people, the way rustc writes them: rule, place, the line with carets, help. Pure.

Every external string passes `sanitize`; a long line is cut around its caret; wide characters take two columns.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.model.problems import Severity
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.problems import Place, Problem

WIDTH: Final = 100
TAB: Final = "    "
BEFORE: Final = 40  # columns kept in front of a caret when a line is cut
RED: Final = "\x1b[1;31m"
YELLOW: Final = "\x1b[1;33m"
BLUE: Final = "\x1b[1;34m"
BOLD: Final = "\x1b[1m"
RESET: Final = "\x1b[0m"


def problems(found: Iterable[Problem], *, color: bool = False) -> str:
    """All problems, an empty line between them; each ends with a newline."""
    return "\n".join(problem(one, color=color) for one in found)


def problem(one: Problem, *, color: bool = False) -> str:
    """One problem; where two places disagree, the earlier one is drawn below the later."""
    paint = _Paint(color)
    gutter = len(str(max(one.at.line, one.other.line if one.other else 0)))
    bar = " " * gutter + paint(BLUE, " |")
    tone = RED if one.severity is Severity.ERROR else YELLOW
    lines = [paint(tone, f"{one.severity}[{one.rule}]") + paint(BOLD, f": {sanitize(one.message)}")]
    lines += _drawn(one.at, one.label, gutter, paint, tone)
    if one.other is not None:
        lines += _drawn(one.other, one.other_label, gutter, paint, BLUE)
    if one.help:
        lines += [bar, " " * gutter + paint(BLUE, " = ") + paint(BOLD, "help") + f": {sanitize(one.help)}"]
    return "\n".join(lines) + "\n"


def brief(one: Problem) -> str:
    """One problem on one line: `path:line:col: error[SY201]: message (help)`."""
    advice = f" ({sanitize(one.help)})" if one.help else ""
    return f"{_where(one.at)}: {one.severity}[{one.rule}]: {sanitize(one.message)}{advice}"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A line cut to fit, with the columns of its caret on the screen."""

    text: str
    indent: int
    length: int


def drawing(place: Place, width: int = WIDTH) -> Drawing:
    """The line of a place as it is drawn in at most `width` columns; `place.text` must not be empty."""
    cells = [_cell(char) for char in place.text]
    start = min(place.column - 1, len(cells))
    stop = max(min(start + place.length, len(cells)), start)
    widths = [_columns(cell) for cell in cells]
    indent = sum(widths[:start])
    length = max(1, sum(widths[start:stop]))
    if sum(widths) <= width:
        return Drawing("".join(cells), indent, length)
    first = _first_kept(widths, start)
    last = _last_kept(widths, first, width - 2)
    head, tail = "…" if first else "", "…" if last < len(cells) else ""
    shown = sum(widths[first : min(stop, last)]) - sum(widths[first:start])
    return Drawing(f"{head}{''.join(cells[first:last])}{tail}", sum(widths[first:start]) + len(head), max(1, shown))


class _Paint:
    """Colours a text, or leaves it."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, tone: str, text: str) -> str:
        return f"{tone}{text}{RESET}" if self._color else text


def _drawn(place: Place, label: str, gutter: int, paint: _Paint, tone: str) -> list[str]:
    arrow = " " * gutter + paint(BLUE, "--> ") + _where(place)
    if not place.text:
        return [arrow]
    drawn = drawing(place)
    bar = " " * gutter + paint(BLUE, " |")
    number = paint(BLUE, f"{place.line:>{gutter}} |")
    carets = paint(tone, "^" * drawn.length + (f" {sanitize(label)}" if label else ""))
    return [arrow, bar, f"{number} {drawn.text}".rstrip(), f"{bar} {' ' * drawn.indent}{carets}"]


def _where(place: Place) -> str:
    return f"{sanitize(place.path)}:{place.line}:{place.column}"


def _cell(char: str) -> str:
    return TAB if char == "\t" else sanitize(char)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _first_kept(widths: list[int], start: int) -> int:
    kept = 0
    first = start
    while first > 0 and kept + widths[first - 1] <= BEFORE:
        first -= 1
        kept += widths[first]
    return first


def _last_kept(widths: list[int], first: int, room: int) -> int:
    last = first
    while last < len(widths) and room >= widths[last]:
        room -= widths[last]
        last += 1
    return last
