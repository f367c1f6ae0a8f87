"""Layers laid over each other, weakest first: mappings merge, single values and lists replace. Pure.

Two mappings are laid as one value, since half of each would say what nobody wrote: `token`, which is one of several
alternatives, and `suspend`, which is a reason with its own end. Two lists are never loosened by a stronger layer:
locks add up, and allowed hosts only narrow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from syncer.desired import checks
from syncer.desired.faults import Fault
from syncer.model.desired import Layer, Origin
from syncer.model.fields import URL_FIELDS, Field
from syncer.model.problems import Place, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.documents.building import Value
    from syncer.documents.places import KeyPath, Places

Key: TypeAlias = tuple[str, ...]
"""What a value is about, whatever layer says it: ("settings", "popup_url"), ("labels", "env"), ("token",)."""

Hosts: TypeAlias = "Mapping[Field, frozenset[str]]"
"""The hosts each URL field may have; a field that is not there is not restricted."""

ALL_HOSTS: Final = "all"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One layer as written: `data` has the keys labels, token, settings, policy, locked; `above` leads to it."""

    layer: Layer
    data: Mapping[str, Value]
    places: Places
    above: KeyPath = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """A value and the layer that says it. `faulty`: its fault is reported where it stands, and nowhere again.

    `places` is None for the operator's policy, which stands in no file of the source.
    """

    value: Value
    origin: Origin
    rank: int
    places: Places | None
    path: KeyPath
    faulty: bool = False

    @property
    def place(self) -> Place | None:
        """Where its value stands, for a caret."""
        return None if self.places is None else self.places.value(self.path)

    def problem(self, fault: Fault, *deeper: str | int) -> Problem:
        """The fault at this value, or at a part of it."""
        where = Place(self.origin.path) if self.places is None else self.places.value((*self.path, *deeper))
        return located(fault, where)


def located(fault: Fault, at: Place, other: Place | None = None, other_label: str = "") -> Problem:
    """A fault that has found its place."""
    return Problem(fault.rule, fault.message, at, fault.label, other, other_label, fault.help, fault.severity)


def has_error(problems: Iterable[Problem]) -> bool:
    """Whether any of them rejects a file; warnings do not."""
    return any(problem.severity is Severity.ERROR for problem in problems)


@dataclass(frozen=True, slots=True)
class Stack:
    """All that the layers so far say together."""

    declared: Mapping[Key, Declared] = field(default_factory=dict)
    locks: Mapping[Key, Place | None] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=dict)
    hosts_from: Mapping[Field, Place | None] = field(default_factory=dict)
    rank: int = 0

    def value(self, *key: str) -> Value:
        """What is declared, or None; null and nothing are told apart by `declared` alone."""
        found = self.declared.get(key)
        return None if found is None else found.value


def lay(stack: Stack, sheet: Sheet) -> tuple[Stack, tuple[Problem, ...]]:
    """The stack with one more layer on top, and what is wrong with that layer on its own or against those below."""
    problems: list[Problem] = []
    hosts, hosts_from = dict(stack.hosts), dict(stack.hosts_from)
    problems.extend(_narrow(sheet, hosts, hosts_from))
    declared = dict(stack.declared)
    rank = stack.rank + 1
    for key, path, value in _leaves(sheet):
        one = _declared(sheet, path, value, rank)
        wrong = [one.problem(fault, *deeper) for fault, deeper in checks.faults(key, value, hosts)]
        problems.extend(wrong)
        problems.extend(_unlocked(stack, key, one))
        declared[key] = replace(one, faulty=True) if has_error(wrong) else one
    locks = {**_locks(sheet), **stack.locks}
    return Stack(declared, locks, hosts, hosts_from, rank), tuple(problems)


def _declared(sheet: Sheet, path: KeyPath, value: Value, rank: int) -> Declared:
    whole = (*sheet.above, *path)
    line, column = sheet.places.position(whole)
    return Declared(value, Origin(sheet.places.path, line, column, sheet.layer), rank, sheet.places, whole)


def lock_key(name: str) -> Key:
    """What a name in `locked` stands for: a settings field, else a policy key."""
    return ("settings", name) if name in frozenset(Field) else ("policy", name)


def _leaves(sheet: Sheet) -> Iterator[tuple[Key, KeyPath, Value]]:
    for part in ("settings", "labels", "policy"):
        for name, value in cast("Mapping[str, Value]", sheet.data.get(part) or {}).items():
            yield (part, name), (part, name), value
    if "token" in sheet.data:
        yield ("token",), ("token",), sheet.data["token"]


def _locks(sheet: Sheet) -> Mapping[Key, Place | None]:
    names = cast("list[str]", sheet.data.get("locked") or [])
    return {lock_key(name): sheet.places.value((*sheet.above, "locked", index)) for index, name in enumerate(names)}


def _unlocked(stack: Stack, key: Key, one: Declared) -> Iterator[Problem]:
    """Saying again what is locked is no change; anything else is."""
    if key not in stack.locks:
        return
    below = stack.declared.get(key)
    if below is not None and below.value == one.value and type(below.value) is type(one.value):
        return
    where = stack.locks[key]
    by = "" if where is not None else " by the operator's policy"
    yield located(
        Fault("SY305", f"`{key[-1]}` is locked{by}", "declared again here", "remove it, or have the lock removed"),
        one.place or Place(one.origin.path),
        where,
        "locked here",
    )


def _narrow(sheet: Sheet, hosts: dict[Field, frozenset[str]], froms: dict[Field, Place | None]) -> Iterator[Problem]:
    """Take this layer's allow-list into `hosts`; a list with a host that the layers below do not allow is left out.

    In one layer, a field's own list stands instead of `all`; between layers both must allow a host.
    """
    policy = cast("Mapping[str, Value]", sheet.data.get("policy") or {})
    listed = cast("Mapping[str, list[str]]", policy.get("allowed_hosts") or {})
    for name, entries in listed.items():
        fields = tuple(field for field in URL_FIELDS if name in {field, ALL_HOSTS if field not in listed else field})
        path: KeyPath = (*sheet.above, "policy", "allowed_hosts", name)
        wrong = [
            located(_WIDER, sheet.places.value((*path, index)), _first(froms, fields), "allowed here")
            for index, entry in enumerate(entries)
            if not any(field not in hosts or entry in hosts[field] for field in fields)
        ]
        yield from wrong
        for one in () if wrong else fields:
            hosts[one] = hosts[one].intersection(entries) if one in hosts else frozenset(entries)
            froms[one] = sheet.places.key(path)


def _first(froms: Mapping[Field, Place | None], fields: Iterable[Field]) -> Place | None:
    return next((place for field in fields if (place := froms.get(field)) is not None), None)


_WIDER: Final = Fault("SY306", "this host is not among those allowed below", help="a list may only narrow")
