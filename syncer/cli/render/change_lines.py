"""One difference on one or more lines: the label, the two values, what makes it dangerous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.cli.render import columns, words
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cli.render.style import Style
    from syncer.model.planned import Danger
    from syncer.plan.against import Side

FIELD: Final = 4
"""The column where a field's name begins."""
VALUE: Final = 23
"""The column where values begin: all field names fit before it, and the arrow between two values."""


def difference(label: str, before: Side, after: Side, danger: Danger | None, style: Style) -> list[str]:
    """`label  before -> after` with its warnings below."""
    lines = arrow(label, before, after, style)
    if words.masked_alike(before, after):
        lines.append(f"{' ' * VALUE}(they differ where they are masked)")
    if danger:
        told = words.danger(danger, before, after)
        lines += [style.warn(line) for line in columns.hanging("! ", told, VALUE)]
    return lines


def arrow(label: str, before: Side, after: Side, style: Style) -> list[str]:
    """`label  before -> after`, below each other where both don't fit beside each other; never cut."""
    start = " " * FIELD + columns.padded(label, VALUE - FIELD)
    old, new = words.value(before), words.value(after)
    if columns.width(f"{start}{old} -> {new}") <= columns.LINE:
        return [f"{start}{style.removed(old)} -> {style.added(new)}"]
    return [
        *_under(start, setting_lines(before, columns.LINE - VALUE), style.removed),
        *_under(" " * (VALUE - 3) + "-> ", setting_lines(after, columns.LINE - VALUE), style.added),
    ]


def setting_lines(setting: Side, room: int) -> list[str]:
    """A setting on as many lines as it takes; a URL stays whole, so that it can be copied."""
    whole = isinstance(setting, Url) and setting.scheme
    return [words.value(setting)] if whole else columns.pieces(words.value(setting), room)


def _under(start: str, lines: list[str], paint: Callable[[str], str]) -> list[str]:
    return [(start if number == 0 else " " * columns.width(start)) + paint(line) for number, line in enumerate(lines)]


def single(label: str, side: Side, paint: Callable[[str], str]) -> list[str]:
    """`label  value`."""
    start = " " * FIELD + columns.padded(label, VALUE - FIELD)
    return _under(start, setting_lines(side, columns.LINE - VALUE), paint)
