"""YAML's event stream, from the C parser where there is one: the only module that touches PyYAML.

Events do not recurse, so nothing in a file can exhaust the stack; the C composer, which crashes the process on deep
nesting, is never called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from yaml._yaml import CParser as _CParser
except ImportError:  # PyYAML built without libyaml
    _CParser = None  # type: ignore[assignment, misc]  # None stands for "not there"

__all__ = [
    "AliasEvent",
    "Broken",
    "CollectionStartEvent",
    "DocumentStartEvent",
    "Event",
    "MappingEndEvent",
    "MappingStartEvent",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "marks",
    "open_stream",
]


class Mark(Protocol):
    """A position in the text; both count from 0."""

    line: int
    column: int


class Broken(Exception):  # noqa: N818 -- it ends a stream, it is never shown as an error
    """The text is not YAML: the parser's own words and the place, from 0."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


class _PureParser(Reader, Scanner, Parser):
    """The same events without libyaml, some ten times slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def open_stream(text: str, *, pure: bool = False) -> Callable[[], Event]:
    """A function that gives one event after the other, and raises Broken where the text is not YAML."""
    try:
        parser = _PureParser(text) if pure or _CParser is None else _CParser(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _broken(error) from error
    take = parser.get_event

    def following() -> Event:
        try:
            return cast("Event", take())
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise _broken(error) from error

    return following


def marks(event: Event) -> tuple[Mark, Mark]:
    """Where an event starts and ends; every event of a parser has both."""
    return event.start_mark, event.end_mark  # type: ignore[return-value]  # None only for events made by hand


def _broken(error: Exception) -> Broken:
    context = str(getattr(error, "context", None) or "")
    marks_of = ("problem_mark", "context_mark")
    if "simple key" in context:  # the problem is only seen on a later line; the key stands where the scan began
        marks_of = ("context_mark", "problem_mark")
    mark = next((mark for mark in (getattr(error, name, None) for name in marks_of) if mark), None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "this can't be read"
    return Broken(str(problem), mark.line if mark else 0, mark.column if mark else 0)
