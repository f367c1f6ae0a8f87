"""Keyed digests: whether two values are the same, without keeping either."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Final

from syncer.audit import files
from syncer.errors import JournalError
from syncer.model.fields import UNDECLARED, Field
from syncer.model.url import Url

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.fields import AppSettings, Setting

KEY_NAME: Final = "hmac.key"
KEY_BYTES: Final = 32


class Digests:
    """HMAC-SHA256 over field name, NUL and the normalised value's JSON text, as 64 hex digits.

    A URL is normalised as equality compares it; JSON text keeps null apart from a URL that reads `null`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def key_id(self) -> str:
        """Names the key without giving anything of it away."""
        return hmac.digest(self._key, b"syncer journal key", hashlib.sha256).hex()[:16]

    def of(self, field: Field, value: Setting) -> str:
        """The digest of one field's value; UNDECLARED raises ValueError."""
        if value is UNDECLARED:
            raise ValueError("an undeclared setting has no digest")
        normal = json.dumps(value.normal if isinstance(value, Url) else value)
        return hmac.digest(self._key, f"{field.value}\0{normal}".encode(), hashlib.sha256).hex()

    def all(self, settings: AppSettings) -> dict[str, str]:
        """Digests of every declared field by field name, in the vendor's order."""
        return {field.value: self.of(field, value) for field, value in settings.declared()}

    def __repr__(self) -> str:
        return f"Digests(key_id={self.key_id!r})"


def load(state_dir: Path, *, recorded: bool) -> Digests:
    """The key of a state folder for a reader.

    `recorded` says that a journal exists: then the key must too, or JournalError. Without a journal nothing is
    recorded to compare with, and a key for this process alone does.
    """
    path = state_dir / KEY_NAME
    try:
        key = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not recorded:
            return Digests(secrets.token_bytes(KEY_BYTES))
        raise JournalError(
            f"{path} is missing, and the journal beside it was written with it",
            hint="restore the key from where it was saved; a new key would make every app look changed",
        ) from error
    except OSError as error:
        raise JournalError(f"{path} can't be read: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise JournalError(f"{path} holds {len(key)} bytes, not {KEY_BYTES}", hint="restore the key that was saved")
    return Digests(key)


def load_or_create(state_dir: Path, *, recorded: bool) -> Digests:
    """The key of a state folder for the writer: made once, whole or not at all, mode 0600.

    Raises OSError where the folder can't be written; the journal's opener names it.
    """
    path = state_dir / KEY_NAME
    if not recorded and not path.exists():
        files.write_whole(path, secrets.token_bytes(KEY_BYTES))
    return load(state_dir, recorded=recorded)
