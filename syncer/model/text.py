"""Text from outside, made safe to show: the one escape that terminals, logs and pages rely on."""

from __future__ import annotations

import re
from typing import Final

BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters that count as printable and yet show nothing (fillers, joiners, variation selectors)."""


def sanitize(text: str) -> str:
    r"""The same text with every character that moves, hides or breaks a line written as `\u{…}`.

    That is all of C0 (newline and tab included), DEL, C1, bidirectional controls, zero-width and invisible characters,
    line separators, surrogates, private and unassigned code points. The result stands on one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() and not BLANK.match(char) else f"\\u{{{ord(char):x}}}" for char in text)
