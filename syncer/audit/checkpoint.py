"""Heads of the tree as C2SP tlog-checkpoints: origin, size and root on three lines, signed where there is a key."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from syncer.audit import note
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.audit.tree import Tree

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
ROOT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Head:
    """What is vouched for: the root over the first `size` records of the log called `origin`.

    `note` is the whole checkpoint as text: signed, or with nothing after its empty line.
    """

    origin: str
    size: int
    root: bytes
    note: str

    @property
    def signed(self) -> bool:
        """Whether there is any signature; whose, a verifier says."""
        return not self.note.endswith("\n\n")


def made(origin: str, tree: Tree, key: note.Signer | None) -> Head:
    """The head of a tree."""
    text = f"{origin}\n{tree.size}\n{shown(tree.root)}\n"
    return Head(origin, tree.size, tree.root, f"{text}\n" if key is None else key.sign(text))


def shown(root: bytes) -> str:
    """A root as checkpoints write it."""
    return base64.b64encode(root).decode()


def parse(text: str) -> Head:
    """The head of a note; JournalError where it is none. Lines after the root are allowed, as C2SP says."""
    body, _ = note.parts(text)
    origin, *rest = body.split("\n")
    if len(rest) < 3 or not origin or not _SIZE.fullmatch(rest[0]):
        raise JournalError("that is no checkpoint: origin, size and root on lines of their own are missing")
    try:
        root = base64.b64decode(rest[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise JournalError("that is no checkpoint: the root is no base64") from error
    if len(root) != ROOT_BYTES or shown(root) != rest[1]:
        raise JournalError("that is no checkpoint: the root is not 32 bytes in base64")
    return Head(origin, int(rest[0]), root, text)


def anchors(text: str) -> tuple[Head, ...]:
    """Every head in a text: checkpoints one after the other, or log lines (JSON) with one in `note`.

    Raises JournalError where there is none, or something else among them.
    """
    found = tuple(parse(each) for each in (_logged(text) if text.lstrip().startswith("{") else _notes(text)))
    if not found:
        raise JournalError("there is no checkpoint in it")
    return found


def _logged(text: str) -> Iterator[str]:
    for line in filter(str.strip, text.splitlines()):
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise JournalError("a line is not JSON") from error
        if isinstance(event, dict) and isinstance(event.get("note"), str):
            yield event["note"]


def _notes(text: str) -> Iterator[str]:
    """Paragraphs in turn: the three lines, then signatures if there are any."""
    bodies: list[str] = []
    for paragraph in filter(None, (each.strip("\n") for each in text.split("\n\n"))):
        if paragraph.startswith("— ") and bodies:
            yield f"{bodies.pop()}\n\n{paragraph}\n"
            continue
        yield from (f"{body}\n\n" for body in bodies)
        bodies = [paragraph]
    yield from (f"{body}\n\n" for body in bodies)
