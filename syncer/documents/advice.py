"""The words of a help line: what to write instead, what was probably meant, and values fit to be shown. Pure."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, Final

from syncer.documents.veil import looks_secret, veil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

TRUE_WORDS: Final = frozenset({"yes", "on", "true", "y", "1"})
FALSE_WORDS: Final = frozenset({"no", "off", "false", "n", "0"})


def for_type(wanted: Sequence[str], given: object, schema: Mapping[str, Any]) -> str:
    """How to write a value of the wanted JSON types instead of the given one."""
    for name, advise in TYPE_HELP:
        advice = advise(given) if name in wanted else ""
        if advice:
            return advice
    return f"for example {example_of(schema)}" if "examples" in schema else ""


def _for_text(given: object) -> str:
    if isinstance(given, (bool, int)):
        return f'write "{json.dumps(given)}" in quotes'
    return "write a text, or leave the key out" if given is None else ""


def _for_flag(given: object) -> str:
    word = str(given).lower()
    if word in TRUE_WORDS:
        return "write `true`"
    return "write `false`" if word in FALSE_WORDS else "write `true` or `false`"


def _for_number(given: object) -> str:
    return f"write {given} without quotes" if isinstance(given, str) and given.isdecimal() else ""


def _for_list(given: object) -> str:
    return f"write [{shown(given)}]" if isinstance(given, str) and given.isprintable() else "write [first, second]"


def _for_mapping(given: object) -> str:
    return "write {}, or leave the key out" if given is None else ""


TYPE_HELP: Final[tuple[tuple[str, Callable[[object], str]], ...]] = (
    ("string", _for_text),
    ("boolean", _for_flag),
    ("integer", _for_number),
    ("array", _for_list),
    ("object", _for_mapping),
)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice that was probably meant, or an empty text."""
    known = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower()[:64], known, n=1, cutoff=0.7)
    return known[found[0]] if found else ""


def shown(value: object) -> str:
    """A value for a message: short, and covered where it looks like a secret."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if looks_secret(text):
        return "***"
    text = veil(text)
    return text if len(text) <= 60 else f"{text[:57]}…"


def kind(value: object) -> str:
    """What a value is, in the words of YAML."""
    if isinstance(value, str):
        return "text"
    if value is None or isinstance(value, (bool, int, float)):
        return f"`{json.dumps(value)}`"
    return "a list" if isinstance(value, list) else "a mapping"


def example_of(schema: Mapping[str, Any]) -> str:
    """The first example of a schema as it would be written."""
    examples = schema.get("examples") or ([schema["const"]] if "const" in schema else [])
    if not examples:
        return "…"
    first = examples[0]
    return first if isinstance(first, str) else json.dumps(first)
