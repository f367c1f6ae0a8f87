"""How values are written in YAML so that every reader takes them for the same. Pure."""

from __future__ import annotations

import json
import re
from typing import Final

PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./:@%~+-]*(?<!:)")
"""Texts that need no quotes outside of braces and brackets."""
WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What YAML 1.1, which some tools still read, takes for something else than text."""


def scalar(value: str | bool | None, *, flow: bool = False) -> str:
    """A value on one line; `flow` within braces or brackets, where a plain text ends sooner."""
    if not isinstance(value, str):
        return "null" if value is None else str(value).lower()
    if PLAIN.fullmatch(value) and value.lower() not in WORDS and not (flow and ":" in value):
        return value
    return json.dumps(value, ensure_ascii=False)


def like(written: str, value: str | bool | None, *, flow: bool) -> str:
    """A value in the quotes that another one has where it stands."""
    if isinstance(value, str) and written[:1] == "'":
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, str) and written[:1] == '"':
        return json.dumps(value, ensure_ascii=False)
    return scalar(value, flow=flow)
