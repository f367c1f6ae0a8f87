"""Signed notes with Ed25519 (C2SP signed-note), and the key texts that Go's `sumdb/note` writes.

    verifier key   NAME+HASH+BASE64            BASE64 of 0x01 and the 32-byte public key
    signing key    PRIVATE+KEY+NAME+HASH+BASE64   BASE64 of 0x01 and the 32-byte seed
    note           TEXT, an empty line, then lines of "— NAME BASE64", BASE64 of the 4 bytes of HASH and the signature

HASH is the beginning of the SHA-256 over NAME, a newline, 0x01 and the public key, as 8 hex digits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from syncer.errors import JournalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

SEED_BYTES: Final = 32
_ED25519: Final = b"\x01"
_KEY: Final = re.compile(r"(?P<name>[^\s+]+)\+(?P<hash>[0-9a-f]{8})\+(?P<data>[A-Za-z0-9+/]{44})")
_PRIVATE: Final = "PRIVATE+KEY+"
_SIGNATURE: Final = re.compile(r"— (?P<name>[^\s+]+) (?P<data>[A-Za-z0-9+/]+={0,2})")
_BREAK: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name."""

    name: str
    public: bytes

    @property
    def hash(self) -> bytes:
        """The 4 bytes that name key and name together."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{_encoded(_ED25519 + self.public)}"

    def signed(self, note: str) -> bool:
        """Whether the note bears this key's signature; JournalError for one that is this key's by name and is wrong."""
        text, signatures = parts(note)
        own = [data[4:] for name, data in signatures if name == self.name and data[:4] == self.hash]
        for signature in own:
            try:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
            except (InvalidSignature, ValueError) as error:
                raise JournalError(f"the signature of {self.name}+{self.hash.hex()} does not fit the note") from error
        return bool(own)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key.public_key().public_bytes_raw())

    @property
    def text(self) -> str:
        """The key as it is kept in a file: a secret."""
        return f"{_PRIVATE}{self.name}+{self.verifier.hash.hex()}+{_encoded(_ED25519 + self.seed)}"

    def sign(self, text: str) -> str:
        """The note: a text that ends in a newline, and this key's signature."""
        signature = self._key.sign(text.encode())
        return f"{text}\n— {self.name} {_encoded(self.verifier.hash + signature)}\n"

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def generate(name: str, random: Callable[[int], bytes]) -> Signer:
    """A new key; `random` gives that many random bytes."""
    return Signer(name, random(SEED_BYTES))


def signer(text: str) -> Signer:
    """The signing key of a text; UsageError where it is none. The message shows nothing of it."""
    name, key_hash, seed = _key(text.strip().removeprefix(_PRIVATE), "signing key")
    found = Signer(name, seed)
    if not text.strip().startswith(_PRIVATE) or found.verifier.hash != key_hash:
        raise UsageError("the signing key is not one", hint="make one with `syncer audit keygen FILE`")
    return found


def verifier(text: str) -> Verifier:
    """The verifier key of a text; UsageError where it is none."""
    if text.strip().startswith(_PRIVATE):
        raise UsageError("that is a signing key, which belongs to the daemon alone", hint="give the verifier key")
    name, key_hash, public = _key(text.strip(), "verifier key")
    found = Verifier(name, public)
    if found.hash != key_hash:
        raise UsageError("the verifier key is not one: its hash is that of another key or name", hint=_HINT)
    return found


def parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note with its last newline, and name and data of each signature; JournalError for no note."""
    text, found, signatures = note.rpartition(_BREAK)
    if not found or not note.endswith("\n"):
        raise JournalError("that is no signed note: an empty line and signatures after it are missing")
    matches = [_SIGNATURE.fullmatch(line) for line in signatures.removesuffix("\n").split("\n") if signatures]
    if not all(matches):
        raise JournalError("that is no signed note: a line after the text is no signature")
    return text + "\n", [(match["name"], _decoded(match["data"])) for match in matches if match]


_HINT: Final = "`syncer audit keygen` prints it: NAME+HASH+BASE64"


def _key(text: str, what: str) -> tuple[str, bytes, bytes]:
    match = _KEY.fullmatch(text)
    data = _decoded(match["data"]) if match else b""
    if match is None or data[:1] != _ED25519 or len(data) != 1 + SEED_BYTES:
        raise UsageError(f"the {what} is not one", hint=_HINT)
    return match["name"], bytes.fromhex(match["hash"]), data[1:]


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise JournalError("that is no base64") from error
