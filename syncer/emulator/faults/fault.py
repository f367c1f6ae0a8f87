"""What a fault is, and how it is written: `name`, `name(argument, …)`, `METHOD:name(…)`, several with commas."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from syncer.emulator.exchange import Exchange, Proceed
from syncer.emulator.replies import Reply

FAULT = re.compile(r"\s*(?:(?P<method>[A-Z]+):)?(?P<name>[a-z0-9_]+)(?:\((?P<arguments>[^()]*)\))?\s*")

BEFORE_AFTER = ("before", "after")
REPEATED = frozenset({"rule"})


class FaultError(ValueError):
    """A fault that can't be: unknown name, or an argument that does not fit."""


@dataclass(frozen=True, slots=True)
class Picked:
    """One fault as asked for. `ordinal` counts the requests that it has met, from 1."""

    fault: Fault
    arguments: tuple[str, ...]
    text: str
    method: str
    ordinal: int = 1

    def number(self, index: int = 0) -> float:
        """An argument as a number."""
        return float(self.arguments[index])

    def word(self, index: int = 0) -> str:
        """An argument as it was written."""
        return self.arguments[index]

    def meets(self, method: str) -> bool:
        """Whether requests with that method are concerned: the prefix decides, else the fault's own methods."""
        if self.method:
            return method == self.method
        return not self.fault.methods or method in self.fault.methods


Run: TypeAlias = Callable[[Exchange, Picked, Proceed], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to go wrong.

    summary: one line for the index and the documentation.
    arguments: name → default; a default that is a number takes only numbers;
        `when` is before or after the commit, `rule` may be repeated.
    methods: the requests it concerns when no method is given; empty for all.
    choices: argument name → the words it takes.
    """

    run: Run
    summary: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fill(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """The arguments with defaults for the missing ones; raises FaultError."""
        names = list(self.arguments)
        if len(given) > len(names) and not (names and names[-1] in REPEATED):
            raise FaultError(f"takes at most {len(names)} arguments")
        for index, value in enumerate(given):
            self._check(names[min(index, len(names) - 1)], value)
        return given + tuple(self.arguments[name] for name in names[len(given) :])

    def _check(self, name: str, value: str) -> None:
        choices = BEFORE_AFTER if name == "when" else self.choices.get(name, ())
        if choices and value not in choices:
            raise FaultError(f"argument {name} must be one of {', '.join(choices)}")
        if _is_number(self.arguments[name]) and not _is_number(value):
            raise FaultError(f"argument {name} must be a number")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,12}(?:\.\d{1,6})?", text) is not None


def parse_faults(text: str, table: Mapping[str, Fault]) -> tuple[Picked, ...]:
    """Read one or several faults; raises FaultError that names the one that is wrong."""
    picked: list[Picked] = []
    position = 0
    while position < len(text):
        match = FAULT.match(text, position)
        if match is None or text[match.end() : match.end() + 1] not in {"", ","}:
            raise FaultError(f"can't read a fault at {text[position : position + 40]!r}")
        picked.append(_pick(match, table))
        position = match.end() + 1
    return tuple(picked)


def _pick(match: re.Match[str], table: Mapping[str, Fault]) -> Picked:
    name = match["name"]
    if name not in table:
        raise FaultError(f"unknown fault {name!r}")
    given = tuple(part.strip() for part in match["arguments"].split(",")) if match["arguments"] else ()
    try:
        arguments = table[name].fill(given)
    except FaultError as error:
        raise FaultError(f"fault {name!r}: {error}") from error
    return Picked(table[name], arguments, match[0].strip(), match["method"] or "")
