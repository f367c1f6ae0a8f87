"""Tokens and secrets of those who may ask something of the server, read again at every use so that rotation works.

A file (or variable) holds one key a line: the key alone, or a name, a space and the key. Two lines are two keys, for
people with a token each, and for the old and the new one while they are exchanged.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.model.desired import FileToken
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.settings.tree import SecretRef

SHORTEST: Final = 16
"""Characters: less can be guessed over the network."""
LARGEST: Final = 64 * 1024
_LINE: Final = re.compile(r"(?:(?P<name>[A-Za-z0-9][A-Za-z0-9@._-]{0,63})[ \t]+)?(?P<key>[!-~]+)")


@dataclass(frozen=True, slots=True)
class Key:
    """A key and whose it is."""

    name: str
    secret: Secret

    def is_bytes(self, given: bytes) -> bool:
        """Whether these bytes are the key, in a time that does not depend on how much of them is right."""
        return hmac.compare_digest(self.secret.reveal().encode(), given)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where keys are kept; None: nowhere. `unnamed` is the name of keys without one."""

    ref: SecretRef | None
    environ: Mapping[str, str]
    unnamed: str

    def all(self) -> tuple[Key, ...]:
        """The keys as they are now; none where the place can't be read, or holds something too short to be one."""
        found = (_LINE.fullmatch(line.strip()) for line in self._text().splitlines())
        return tuple(
            Key(line["name"] or self.unnamed, Secret(line["key"]))
            for line in found
            if line and len(line["key"]) >= SHORTEST
        )

    def whose(self, given: bytes) -> str:
        """The name of the key that these bytes are; empty for none. Every key is compared, whichever fits."""
        fitting = [key.name for key in self.all() if key.is_bytes(given)]
        return fitting[0] if fitting else ""

    def _text(self) -> str:
        if self.ref is None:
            return ""
        if not isinstance(self.ref, FileToken):
            return self.environ.get(self.ref.name, "")
        try:
            with Path(self.ref.path).open("rb") as file:
                return file.read(LARGEST).decode("ascii", "replace")
        except OSError:
            return ""
