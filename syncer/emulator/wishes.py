"""The JSON bodies of the control endpoints, checked field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from syncer.emulator.fields import UNSET, InvalidError, Settings, check

if TYPE_CHECKING:
    from collections.abc import Mapping


class Wish:
    """One JSON object; every reader names the field that is wrong in an InvalidError."""

    def __init__(self, raw: bytes, known: tuple[str, ...]) -> None:
        try:
            document = orjson.loads(raw or b"{}")
        except orjson.JSONDecodeError as error:
            raise InvalidError("the body is not JSON") from error
        if not isinstance(document, dict):
            raise InvalidError("the body is not a JSON object")
        self._document: Mapping[str, object] = document
        for name in document:
            if name not in known:
                raise InvalidError(f"{name}: unknown; there are {', '.join(known)}", name)

    def text(self, name: str, default: str | None = None) -> str:
        """A string; required when there is no default."""
        value = self._document.get(name, default)
        if not isinstance(value, str):
            raise InvalidError(f"{name}: must be a string", name)
        return value

    def number(self, name: str, default: float) -> float:
        """A number that is not negative."""
        value = self._document.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidError(f"{name}: must be a number, not negative", name)
        return value

    def count(self, name: str) -> int | None:
        """A whole number from 0, or None when it is left out."""
        value = self._document.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise InvalidError(f"{name}: must be a whole number, not negative", name)
        return value

    def flag(self, name: str) -> bool:
        """True or false; false when it is left out."""
        value = self._document.get(name, False)
        if not isinstance(value, bool):
            raise InvalidError(f"{name}: must be true or false", name)
        return value

    def word(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of a few strings."""
        value = self.text(name, default)
        if value not in choices:
            raise InvalidError(f"{name}: must be one of {', '.join(choices)}", name)
        return value

    def settings(self, name: str) -> Settings:
        """Settings by their documented names and types."""
        value = self._document.get(name, {})
        if not isinstance(value, dict):
            raise InvalidError(f"{name}: must be an object", name)
        return {field: _setting(field, item) for field, item in value.items()}

    def items(self, name: str) -> list[bytes]:
        """A list of JSON objects, each as its own body; raises when it is no list."""
        value = self._document.get(name)
        if not isinstance(value, list):
            raise InvalidError(f"{name}: must be a list", name)
        return [orjson.dumps(item) for item in value]


def _setting(field: str, value: object) -> str | bool | None:
    if field not in UNSET:
        raise InvalidError(f"{field}: unknown setting", field)
    return check(field, value)
