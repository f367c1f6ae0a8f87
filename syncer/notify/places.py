"""Secrets of receivers, read again at every use, so that an exchanged one works at once."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.errors import SyncerError
from syncer.model import url
from syncer.model.desired import FileToken
from syncer.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.settings.tree import SecretRef

LARGEST: Final = 16 * 1024
_PRINTABLE: Final = re.compile(r"[!-~]+")


def read(ref: SecretRef, environ: Mapping[str, str]) -> Secret:
    """The secret that a place holds now; SyncerError where it holds none that could be sent."""
    named = f"file {ref.path}" if isinstance(ref, FileToken) else f"variable {ref.name}"
    text = (_from_file(ref.path) if isinstance(ref, FileToken) else environ.get(ref.name, "")).strip()
    if not _PRINTABLE.fullmatch(text):
        why = "has characters that no secret has" if text else "is empty or not set"
        raise SyncerError(f"{named} {why}", hint="put one line of printable ASCII without spaces there", retryable=True)
    return Secret(text)


def address(ref: str | SecretRef, environ: Mapping[str, str]) -> Secret:
    """A receiver's URL; SyncerError unless it is https, or http to this machine, without a user or password."""
    if isinstance(ref, str):
        return Secret(ref)  # checked with the configuration
    found = read(ref, environ)
    parsed = url.parse(found.reveal())
    authority = found.reveal().partition("://")[2].partition("/")[0]
    if "@" in authority or not (parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host))):
        where = f"file {ref.path}" if isinstance(ref, FileToken) else f"variable {ref.name}"
        raise SyncerError(
            f"{where} holds no https URL", hint="write https://… there, without user:password@", retryable=True
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _from_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(LARGEST).decode("ascii", "replace")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SyncerError(f"file {path} can't be read: {why}", hint="mount or create it", retryable=True) from error
