"""The corpus of documents for each schema: one full document, and changes to it that are allowed or forbidden.

A change sets the value `at` a path or drops it, after the named ones it is made `with`. Long values are written short:
`$text` [start, how much longer], `$items` [item, count], `$entries` [mapping, count], `$key` [start, length, value].
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from syncer.documents import schemas

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Case:
    """A document with its verdict, and the change that made it."""

    document: Any
    valid: bool
    change: str


def names() -> tuple[str, ...]:
    return schemas.names()


@cache
def cases(name: str) -> tuple[Case, ...]:
    """The full document, then every change to it."""
    corpus = json.loads((FOLDER / f"{name.replace('/', '.')}.json").read_text(encoding="utf-8"))
    made = [Case(corpus["base"], valid=True, change="base")]
    for verdict, changes in ((True, corpus["good"]), (False, corpus["bad"])):
        made += [Case(_changed(corpus, change), verdict, json.dumps(change)) for change in changes]
    return tuple(made)


def _changed(corpus: dict[str, Any], change: dict[str, Any]) -> Any:
    document = {"root": copy.deepcopy(corpus["base"])}
    for step in (*corpus.get("with", {}).get(change.get("with"), ()), change):
        target: Any = document
        path = ["root", *step["at"]]
        for key in path[:-1]:
            target = target[key]
        last = path[-1]
        if step.get("drop"):
            target.pop(last)
        else:
            target[last] = _expanded(copy.deepcopy(step["value"]))
    return document["root"]


def _expanded(value: Any) -> Any:
    match value:
        case {"$text": [start, more]}:
            return start + (start[-1] * more)
        case {"$items": [item, count]}:
            return [_numbered(item, number) for number in range(count)]
        case {"$entries": [mapping, count]}:
            example = next(iter(mapping.values()), 1)
            return {**mapping, **{f"k{number}": example for number in range(count)}}
        case {"$key": [start, length, inner]}:
            return {start.ljust(length, start[-1]): inner}
    return value


def _numbered(item: Any, number: int) -> Any:
    return f"h{number}.{item}" if isinstance(item, str) and "." in item else item
