"""Builds plain values and their places from YAML events, and collects what is wrong on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.documents import events
from syncer.documents.places import REST_OF_LINE, Spot, pack
from syncer.model.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.documents.places import Places

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | bool | None"
"""What a document is made of; dictionaries keep the order of the file."""

MAX_DEPTH: Final = 12
MAX_NODES: Final = 250_000
MAX_SCALAR: Final = 65_536
MAX_FAULTS: Final = 100

PLAIN: Final[dict[str, bool | None]] = {"": None, "~": None, "null": None, "true": True, "false": False}
WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\Z")
ESCAPED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem whose place is still a packed number."""

    rule: str
    message: str
    at: int
    help: str = ""
    label: str = ""
    other: int | None = None
    other_label: str = ""

    def problem(self, places: Places) -> Problem:
        """The same with places looked up."""
        other = None if self.other is None else places.place(self.other)
        return Problem(self.rule, self.message, places.place(self.at), self.label, other, self.other_label, self.help)


class _Enough(Exception):  # noqa: N818 -- leaves the loop, never seen outside
    """A limit was passed; nothing after it is read."""


class _Open:
    """A mapping or list being read. `key` is None while a mapping waits for one; `dropped`: its value is not kept."""

    __slots__ = ("dropped", "key", "spot", "value")

    def __init__(self, value: dict[str, Value] | list[Value], spot: Spot) -> None:
        self.value = value
        self.spot = spot
        self.key: str | None = None
        self.dropped = False


class Builder:
    """One document: its `value`, the `root` of its places, its `faults`; `whole` unless a limit ended the reading."""

    def __init__(self) -> None:
        self.value: Value = None
        self.root: int | Spot = 0
        self.faults: list[Fault] = []
        self.whole = True
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0
        self._handlers: dict[type[events.Event], Callable[..., None]] = {
            events.ScalarEvent: self._scalar,
            events.MappingStartEvent: self._start,
            events.SequenceStartEvent: self._start,
            events.MappingEndEvent: self._end,
            events.SequenceEndEvent: self._end,
            events.AliasEvent: self._alias,
            events.DocumentStartEvent: self._document,
        }

    def run(self, following: Callable[[], events.Event]) -> None:
        """Read every event; events.Broken passes through."""
        handlers = self._handlers
        try:
            while True:
                event = following()
                handler = handlers.get(type(event))
                if handler is not None:
                    handler(event)
                elif type(event) is events.StreamEndEvent:
                    break
        except _Enough:
            self.whole = False
        if self.whole and self.value is None and not self.faults:
            self._fault("SY114", "the file holds no document", 0, "write apiVersion and kind, or delete the file")

    def _document(self, event: events.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop("SY111", "a second document begins here", _spot(event), "move it to a file of its own")
        if event.version or event.tags:
            self._fault("SY108", "directives are not read", _spot(event), "delete the lines that begin with %")

    def _scalar(self, event: events.ScalarEvent) -> None:
        start, end = events.marks(event)
        line = start.line
        at = pack(line, start.column, end.column - start.column if end.line == line else REST_OF_LINE)
        text = event.value
        plain = event.implicit[0]
        if event.anchor is not None or event.tag is not None:
            self._decorated(event, at)
            plain = False
        if not text.isprintable() or len(text) > MAX_SCALAR:
            self._odd(text, at)
        here = self._open[-1] if self._open else None
        if here is not None and here.key is None and type(here.value) is dict:
            self._key(here, text, at, plain=plain)
            return
        self._count(at)
        self._put(typed(text) if plain else text, at)

    def _key(self, here: _Open, text: str, at: int, *, plain: bool) -> None:
        self._count(at)
        if plain and text == "<<":
            self._fault("SY107", "merge keys are not read", at, "write the values out, or put them into `defaults:`")
            here.dropped = True
        elif plain and not isinstance(typed(text), str):
            self._bad_key(here, at, text)
        elif text in here.spot.keys:
            first = here.spot.keys[text]
            advice = "delete one of the two"
            self._add(Fault("SY112", "the same key twice", at, advice, "again", first, "first here"))
            here.dropped = True
        else:
            text = intern(text)
            here.spot.keys[text] = at
        here.key = text

    def _bad_key(self, here: _Open, at: int, text: str) -> None:
        advice = f'write "{text}" in quotes' if text else "write a text as the key"
        self._fault("SY113", "a key must be text", at, advice)
        here.dropped = True
        here.key = text

    def _start(self, event: events.MappingStartEvent | events.SequenceStartEvent) -> None:
        at = _spot(event)
        self._count(at)
        if event.anchor is not None or event.tag is not None:
            self._decorated(event, at)
        if len(self._open) >= MAX_DEPTH:
            self._stop("SY109", f"more than {MAX_DEPTH} levels", at, "check the brackets and indents around here")
        spot = Spot(at)
        value: dict[str, Value] | list[Value] = {} if type(event) is events.MappingStartEvent else []
        here = self._open[-1] if self._open else None
        if here is not None and here.key is None and type(here.value) is dict:
            self._bad_key(here, at, "")
            self._open.append(_Open(value, spot))
            return
        self._put(value, spot)
        self._open.append(_Open(value, spot))

    def _end(self, event: events.Event) -> None:  # noqa: ARG002 -- the handlers share one shape
        self._open.pop()

    def _alias(self, event: events.AliasEvent) -> None:
        at = _spot(event)
        self._count(at)
        self._fault("SY106", "aliases are not read", at, "write the value out")
        here = self._open[-1] if self._open else None
        if here is not None and here.key is None and type(here.value) is dict:
            here.key, here.dropped = "", True
        else:
            self._put(None, at)

    def _put(self, value: Value, spot: int | Spot) -> None:
        """Give the innermost open mapping or list a value."""
        if not self._open:
            self.value, self.root = value, spot
            return
        here = self._open[-1]
        if isinstance(here.value, list):
            here.spot.values[len(here.value)] = spot
            here.value.append(value)
            return
        if not here.dropped:
            key = here.key or ""
            here.value[key] = value
            here.spot.values[key] = spot
        here.dropped = False
        here.key = None

    def _decorated(self, event: events.ScalarEvent | events.CollectionStartEvent, at: int) -> None:
        if event.anchor is not None:
            self._fault("SY106", "anchors are not read", at, "delete the word that begins with &")
        if event.tag is not None:
            self._fault("SY108", "tags are not read", at, "delete the word that begins with !, and quote a text")

    def _odd(self, text: str, at: int) -> None:
        if len(text) > MAX_SCALAR:
            self._stop("SY110", f"a value of {len(text):,} characters; {MAX_SCALAR:,} are allowed", at, "shorten it")
        found = ESCAPED.search(text)
        if found is not None:
            self._fault("SY103", f"the hidden character U+{ord(found[0]):04X}", at, "leave the escape out")

    def _count(self, at: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop("SY110", f"more than {MAX_NODES:,} keys and values", at, "split the apps over several files")

    def _fault(self, rule: str, message: str, at: int, advice: str) -> None:
        self._add(Fault(rule, message, at, advice))

    def _add(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= MAX_FAULTS:
            raise _Enough

    def _stop(self, rule: str, message: str, at: int, advice: str) -> None:
        self.faults.append(Fault(rule, message, at, advice))
        raise _Enough


def _spot(event: events.Event) -> int:
    start, end = events.marks(event)
    length = max(1, end.column - start.column) if end.line == start.line else REST_OF_LINE
    return pack(start.line, start.column, length)


def typed(text: str) -> Value:
    """A plain scalar under YAML 1.2 core typing of our own."""
    if text in PLAIN:
        return PLAIN[text]
    if text[0] in "-0123456789" and WHOLE_NUMBER.match(text):
        return int(text)
    return text
