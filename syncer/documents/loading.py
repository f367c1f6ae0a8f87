"""Reads a YAML file into plain values with the place of every key and value; never raises, whatever the bytes.

YAML 1.2 core typing of our own: `true`, `false`, whole numbers, and `null`, `~` or nothing for null. Everything else is
text, so that what a reviewer reads is what is sent. Anchors, aliases, merge keys, tags, a second document, duplicate
keys and keys that are not text are problems; size, depth and count have limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.documents import building, events, syntax
from syncer.documents.places import Places, pack
from syncer.model.problems import Problem

if TYPE_CHECKING:
    from syncer.documents.building import Value

MAX_BYTES: Final = 8 * 1024 * 1024

MAX_PERCENT: Final = 16
"""Lines that begin with %: libyaml compares each TAG directive with all before it, before any event comes."""

HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
"""C0 and C1 controls but tab and newline, bidirectional controls, line separators, byte order marks, non-characters."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file as read. `value` is None and `whole` False where the text could not be read to its end."""

    path: str
    value: Value
    places: Places
    problems: tuple[Problem, ...] = ()
    whole: bool = True


def parse(path: str, data: bytes, *, pure: bool = False) -> Parsed:
    """The document in `data` with all its problems; `path` is only a name for places.

    `pure` reads without libyaml; that happens by itself where PyYAML was built without it.
    """
    if len(data) > MAX_BYTES:
        return _unread(path, "", 0, ("SY102", f"the file has {len(data):,} bytes; {MAX_BYTES:,} are allowed"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        text = data.decode("utf-8", "replace")
        return _unread(path, text, _end_of(before), ("SY101", "this is not UTF-8"), "save it as UTF-8")
    text = text.replace("\r\n", "\n")
    found = HIDDEN.search(text)
    if found is not None:
        return _hidden(path, text, found)
    if text.count("\n%") > MAX_PERCENT:
        where = _end_of(text[: text.index("\n%") + 1])
        return _unread(path, text, where, ("SY108", "directives are not read"), "delete the lines that begin with %")
    return _read(path, text, pure=pure)


def _read(path: str, text: str, *, pure: bool) -> Parsed:
    builder = building.Builder()
    try:
        builder.run(events.open_stream(text, pure=pure))
    except events.Broken as broken:
        faults = (*builder.faults, syntax.explain(broken, text))
        whole = False
    else:
        faults = tuple(builder.faults)
        whole = builder.whole
    places = Places(path, text, builder.root)
    problems = tuple(fault.problem(places) for fault in faults)
    return Parsed(path, builder.value if whole else None, places, problems, whole)


def _hidden(path: str, text: str, found: re.Match[str]) -> Parsed:
    char = found[0]
    where = _end_of(text[: found.start()])
    if char == "\ufeff" and found.start() == 0:
        return _unread(path, text, where, ("SY101", "the file begins with a byte order mark"), "save it without BOM")
    name = f"U+{ord(char):04X}"
    return _unread(path, text, where, ("SY103", f"the hidden character {name}"), "delete it and type the text again")


def _end_of(text: str) -> int:
    return pack(text.count("\n"), len(text) - text.rfind("\n") - 1, 1)


def _unread(path: str, text: str, where: int, fault: tuple[str, str], advice: str = "") -> Parsed:
    places = Places(path, text)
    problem = Problem(fault[0], fault[1], places.place(where), help=advice)
    return Parsed(path, None, places, (problem,), whole=False)
