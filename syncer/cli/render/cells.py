"""Markdown that outside text can't break out of, cut by whole apps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syncer.cli.render import words
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PLAIN: Final = re.compile(r"[^\\`|<>&\s](?:[^\\`|<>&]*[^\\`|<>&\s])?")
"""Text that a code span shows as it is; all other text is written with entities."""
MARKS: Final = re.compile(
    r"""[^\w\s,;/=?%'.:()+·…-]"""  # punctuation that means something inside a line
    r"""|(?<![^\W_])_|_(?![^\W_])"""  # underscores, but for those within a word
    r"""|:(?=//)|(?<=[wW]{3})\."""  # what would begin a bare link
)
"""Everything inside a line that Markdown or HTML may read as more than text, bare links among it."""


def prose(text: str) -> str:
    """Outside text as text: no markup, no link, no mention (forges look for those after entities are resolved)."""
    safe = sanitize(text)
    return html_code(safe) if "@" in safe or "#" in safe else _entities(safe)


def _entities(text: str) -> str:
    return MARKS.sub(lambda mark: f"&#{ord(mark[0])};", text)


def code(text: str) -> str:
    """Outside text in fixed width, where forges look for neither mentions nor links."""
    safe = sanitize(text)
    if PLAIN.fullmatch(safe):
        return f"`{safe}`"
    return html_code(safe) if safe else ""


def html_code(text: str) -> str:
    """The same as HTML, for places where Markdown is not read, such as a summary line."""
    return f"<code>{_entities(sanitize(text))}</code>"


def row(cells: Sequence[str]) -> str:
    """One row of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    """A table of rows made by `row`."""
    return "\n".join([row(head), row(["---"] * len(head)), *rows])


def fitting(parts: Sequence[str], room: int) -> tuple[str, ...]:
    """The leading parts that fit into `room` characters with a blank line between; none is cut."""
    kept, used = 0, 0
    for part in parts:
        used += len(part) + 2
        if used > room:
            break
        kept += 1
    return tuple(parts[:kept])


def left_out(number: int, noun: str) -> str:
    """The line that owns up to what was cut."""
    return f"_{words.count(number, noun)} more left out to stay under the size limit; the text output shows all._"
