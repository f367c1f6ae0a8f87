"""Builders of sealed journals: a key, where heads go, small segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncer.audit import note
from syncer.audit.sealing import Sealing

if TYPE_CHECKING:
    from syncer.audit.checkpoint import Head

KEY = note.Signer("acme/prod", bytes(range(32)))
OTHER_KEY = note.Signer("acme/prod", bytes(32))
LARGE = 64 << 20


@dataclass
class Shown:
    """Every head that was shown outside."""

    heads: list[Head] = field(default_factory=list)

    @property
    def sizes(self) -> list[int]:
        return [head.size for head in self.heads]


def a_sealing(shown: Shown | None = None, *, rotate: int = LARGE, key: note.Signer | None = KEY) -> Sealing:
    return Sealing("acme/prod", rotate, (shown or Shown()).heads.append, key)
