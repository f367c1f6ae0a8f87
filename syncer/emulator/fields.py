"""The seven settings of an app, and what a PUT may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = str | bool | None
Settings: TypeAlias = dict[str, Value]

URL_FIELDS = ("popup_url", "missed_call_url", "callback_url", "recording_url", "streaming_url")
FLAG_FIELDS = ("recording_enabled", "streaming_enabled")
FIELDS = (
    "popup_url",
    "missed_call_url",
    "callback_url",
    "recording_enabled",
    "recording_url",
    "streaming_enabled",
    "streaming_url",
)
UNSET: Mapping[str, Value] = {name: (False if name in FLAG_FIELDS else None) for name in FIELDS}

MAX_BODY = 64 * 1024
MAX_URL = 2048
SCHEMES = frozenset({"http", "https", "ws", "wss"})


class InvalidError(Exception):
    """A request that the vendor answers with 400; `field` is empty when the whole body is wrong."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def parse_put(body: bytes, *, ignore_unknown: bool = False) -> Settings:
    """The settings in the body of a PUT, only those it names.

    Unknown names are refused, or dropped without a word when `ignore_unknown`. Raises InvalidError.
    """
    document = _document(body)
    settings: Settings = {}
    for name, value in document.items():
        if name in UNSET:
            settings[name] = check(name, value)
        elif not ignore_unknown:
            raise InvalidError(f"{name[:64]}: unknown setting", name[:64])
    return settings


def _document(body: bytes) -> dict[str, object]:
    if len(body) > MAX_BODY:
        raise InvalidError(f"the body is longer than {MAX_BODY} bytes")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidError("the body is not a JSON object")
    return document


def check(name: str, value: object) -> Value:
    """The value when it is one that setting `name` can hold; raises InvalidError that names the setting."""
    if name in FLAG_FIELDS:
        if not isinstance(value, bool):
            raise InvalidError(f"{name}: must be true or false", name)
        return value
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidError(f"{name}: must be a string or null", name)
    if len(value) > MAX_URL:
        raise InvalidError(f"{name}: longer than {MAX_URL} characters", name)
    if not _is_url(value):
        raise InvalidError(f"{name}: must be an absolute http, https, ws or wss URL", name)
    return value


def _is_url(text: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname)
