"""Turns the YAML parser's complaints into sentences for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.documents.building import Fault
from syncer.documents.places import pack

if TYPE_CHECKING:
    from syncer.documents.events import Broken

QUOTE_IT: Final = "put the whole value in quotes"

SENTENCES: Final[tuple[tuple[str, str, str], ...]] = (
    # part of the parser's words, our sentence, our advice
    ("could not find expected ':'", "a key without a colon", "write `key: value`, with a space after the colon"),
    ("mapping values are not allowed", "a second `: ` on this line, or a wrong indent above", QUOTE_IT),
    ("did not find expected key", "this does not line up with the lines above", "indent it like its siblings"),
    ("did not find expected '-'", "this does not line up with the list above", "begin each entry with `- `"),
    ("did not find expected ',' or ']'", "a list in brackets is not closed or lacks a comma", "close it with `]`"),
    ("did not find expected ',' or '}'", "a mapping in braces is not closed or lacks a comma", "close it with `}`"),
    ("block sequence entries are not allowed", "a list can't begin here", "put `- ` on a line of its own"),
    ("unexpected end of stream", "the file ends inside a quoted text or bracket", "close the quote or bracket"),
    (
        "unknown escape character",
        "an unknown escape in double quotes",
        "use single quotes, or write the backslash twice",
    ),
    ("invalid unicode character", "an escape that is no character", "leave the escape out"),
    ("did not find expected", "YAML expects something else here", "check the line above, too"),
    ("expected", "YAML expects something else here", "check the line above, too"),
)


def explain(broken: Broken, text: str) -> Fault:
    """The fault for a syntax error, at its place."""
    at = pack(broken.line, broken.column, 1)
    char = _char_at(text, broken.line, broken.column)
    words = broken.problem.lower()
    if char == "\t" or "tab character" in words:
        return Fault("SY105", "a tab where YAML needs spaces", at, "indent with two spaces")
    if "cannot start any token" in words:
        return Fault("SY104", f"a value can't begin with `{char}`", at, QUOTE_IT)
    for part, sentence, advice in SENTENCES:
        if part in words:
            return Fault("SY104", sentence, at, advice)
    return Fault("SY104", f"not YAML: {broken.problem}", at, "check the line above, too")


def _char_at(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    return lines[line][column : column + 1] if line < len(lines) else ""
