"""Text from outside, made safe to show: the one escape that terminals, logs and pages rely on."""

from __future__ import annotations

import re
from typing import Final

BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters that count as printable and yet show nothing (fillers, joiners, variation selectors)."""


_NOT_PLAIN: Final = re.compile(r"[^ -~\n]")


def json_safe(document: str) -> str:
    r"""JSON as text with the characters that `sanitize` escapes written as `\uXXXX`: to a parser it is the same.

    Line breaks between its parts stay; within a string JSON has none.
    """
    return _NOT_PLAIN.sub(lambda found: found[0] if _shows(found[0]) else _units(found[0]), document)


def _shows(char: str) -> bool:
    return char.isprintable() and not BLANK.match(char)


def _units(char: str) -> str:
    """One code point as JSON escapes: two of them beyond the first plane."""
    code = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{code[at : at + 2].hex()}" for at in range(0, len(code), 2))


def sanitize(text: str) -> str:
    r"""The same text with every character that moves, hides or breaks a line written as `\u{…}`.

    That is all of C0 (newline and tab included), DEL, C1, bidirectional controls, zero-width and invisible characters,
    line separators, surrogates, private and unassigned code points. The result stands on one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _shows(char) else f"\\u{{{ord(char):x}}}" for char in text)
