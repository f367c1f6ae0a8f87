"""Reads checked values one key at a time. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from syncer.documents import formats
from syncer.model.desired import EnvToken, FileToken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from syncer.settings.layers import Entry
    from syncer.settings.tree import SecretRef


class Reader:
    """Reads one key at a time as what the schema says it is."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries

    def text(self, name: str) -> str:
        """A text; empty where nobody says anything."""
        entry = self._entries.get(name)
        return cast("str", entry.value) if entry is not None else ""

    def number(self, name: str) -> int:
        """A whole number."""
        return cast("int", self._entries[name].value)

    def flag(self, name: str) -> bool:
        """True or false."""
        return cast("bool", self._entries[name].value)

    def duration(self, name: str) -> timedelta:
        """A duration."""
        return formats.read_duration(self.text(name))

    def share(self, name: str) -> float:
        """A share as a fraction of 1."""
        return formats.read_share(self.text(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(cast("list[str]", self._entries[name].value))

    def choices(self, name: str) -> list[str | Mapping[str, object]]:
        """A list of texts and mappings."""
        return cast("list[str | Mapping[str, object]]", self._entries[name].value)

    def maps(self, name: str) -> list[Mapping[str, str]]:
        """A list of mappings."""
        return cast("list[Mapping[str, str]]", self._entries[name].value)

    def mapping(self, name: str) -> Mapping[str, object]:
        """A mapping that is one value; empty where there is none."""
        entry = self._entries.get(name)
        return cast("Mapping[str, object]", entry.value or {}) if entry is not None else {}

    def path(self, name: str) -> Path | None:
        """A path, relative ones to the current directory."""
        text = self.text(name)
        return Path(text) if text else None

    def secret(self, name: str) -> SecretRef | None:
        """Where a secret is kept."""
        return secret({last: self.text(f"{name}.{last}") for last in ("file", "env")})


def secret(written: Mapping[str, str]) -> SecretRef | None:
    """A secret's place from `{file: PATH}` or `{env: NAME}`; None for neither."""
    if written.get("file"):
        return FileToken(written["file"])
    return EnvToken(written["env"]) if written.get("env") else None
