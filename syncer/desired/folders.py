"""What the folders above a file say: Defaults files from the root down, laid over the operator's policy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from syncer.desired import layers
from syncer.desired.faults import Fault
from syncer.desired.filing import DEFAULTS_NAME
from syncer.desired.layers import Sheet, has_error, located
from syncer.model.desired import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.desired.filing import Read
    from syncer.desired.layers import Stack
    from syncer.documents.building import Value
    from syncer.model.problems import Problem

Chain: TypeAlias = tuple[tuple[str, str], ...]
"""Path and blob of every Defaults file from the root down: what a folder's layers are made of."""


@dataclass(frozen=True, slots=True)
class Base:
    """The layers under the files of one folder.

    `rejected`: a Defaults file of this chain is wrong, and all that it governs is rejected with it. `known`: each of
    them could be read, so it makes sense to look for more problems in the files above.
    """

    stack: Stack
    chain: Chain = ()
    problems: tuple[Problem, ...] = ()
    rejected: bool = False
    known: bool = True


def descend(parent: Base, defaults: Sequence[tuple[str, Read]]) -> Base:
    """One folder further down; `defaults` are the blobs and readings of its Defaults files, by path."""
    if not defaults:
        return parent
    problems: list[Problem] = []
    stack = parent.stack
    for position, (_, read) in enumerate(defaults):
        if read.sound and parent.known:
            laid, found = layers.lay(parent.stack, _sheet(read))
            stack = stack if position else laid
            problems += [*found, *_name(read)]
    problems += [_second(one, defaults[0][1]) for _, one in defaults[1:]]
    readable = all(read.sound for _, read in defaults)
    known = parent.known and readable and len(defaults) == 1
    rejected = parent.rejected or has_error(problems) or not readable
    chain = (*parent.chain, *((read.parsed.path, blob) for blob, read in defaults))
    return Base(stack, chain, tuple(problems), rejected, known)


def unreadable(parent: Base, path: str) -> Base:
    """A folder whose Defaults file may not even be read."""
    return Base(parent.stack, (*parent.chain, (path, "refused")), (), rejected=True, known=False)


def _sheet(read: Read) -> Sheet:
    return Sheet(Layer.FOLDER, cast("Mapping[str, Value]", read.parsed.value), read.parsed.places)


def _second(later: Read, first: Read) -> Problem:
    fault = Fault("SY308", "a second Defaults file in this folder", "this one", "move its contents into the first")
    return located(fault, later.parsed.places.key(("kind",)), first.parsed.places.key(("kind",)), "the first")


def _name(read: Read) -> tuple[Problem, ...]:
    if DEFAULTS_NAME.search(read.parsed.path):
        return ()
    advice = "call it _defaults.yaml: only then is it known for what it is when it breaks"
    fault = Fault.warning("SY505", "a Defaults file under another name", help=advice)
    return (located(fault, read.parsed.places.value(("kind",))),)
