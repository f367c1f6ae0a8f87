"""The file of those whose signatures count: lines as ssh-keygen reads them, and armored OpenPGP public keys. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

_BLOCK: Final = re.compile(
    r"^-----BEGIN PGP (?P<kind>[A-Z ]+)-----[ \t]*\n(?P<body>.*?)^-----END PGP (?P=kind)-----[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_BEGINNING: Final = "-----BEGIN PGP"
_PUBLIC: Final = "PUBLIC KEY BLOCK"


class UnreadableSignersError(ValueError):
    """The file can't be made sense of; the text completes a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Signers:
    """`ssh` is the text of an allowed-signers file, `openpgp` a keyring as gpg keeps it; either may be empty."""

    ssh: str
    openpgp: bytes


def parse(text: str) -> Signers:
    """Both kinds of keys; UnreadableSignersError where a block is not one, or there is no key at all."""
    text = text.replace("\r\n", "\n")
    keyring = b"".join(_dearmored(block["kind"], block["body"]) for block in _BLOCK.finditer(text))
    rest = _BLOCK.sub("", text)
    if _BEGINNING in rest:
        raise UnreadableSignersError("holds an OpenPGP block without an end")
    lines = [line for line in rest.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not lines and not keyring:
        raise UnreadableSignersError("names no key")
    return Signers("".join(f"{line}\n" for line in lines), keyring)


def _dearmored(kind: str, body: str) -> bytes:
    """The packets of a block: after its headers and an empty line, before its checksum."""
    if kind != _PUBLIC:
        raise UnreadableSignersError(f"holds an OpenPGP {kind.lower()}, which is no public key")
    lines = [line.strip() for line in body.split("\n")]
    start = lines.index("") if "" in lines else -1
    packets = "".join(line for line in lines[start + 1 :] if not line.startswith("="))
    try:
        return base64.b64decode(packets, validate=True)
    except binascii.Error as error:
        raise UnreadableSignersError("holds a damaged OpenPGP block") from error
