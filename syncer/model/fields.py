"""The seven fields of the vendor's settings resource, and the values they take."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterator


class Field(StrEnum):
    """A settings field, in the order of the vendor's document."""

    POPUP_URL = "popup_url"
    MISSED_CALL_URL = "missed_call_url"
    CALLBACK_URL = "callback_url"
    RECORDING_ENABLED = "recording_enabled"
    RECORDING_URL = "recording_url"
    STREAMING_ENABLED = "streaming_enabled"
    STREAMING_URL = "streaming_url"


FLAG_FIELDS: Final = frozenset({Field.RECORDING_ENABLED, Field.STREAMING_ENABLED})
URL_FIELDS: Final = tuple(f for f in Field if f not in FLAG_FIELDS)


class Undeclared(Enum):
    """The type of UNDECLARED: no layer says anything about a field, so it is not managed."""

    UNDECLARED = "undeclared"


UNDECLARED: Final = Undeclared.UNDECLARED
Value: TypeAlias = Url | bool | None
Setting: TypeAlias = Value | Literal[Undeclared.UNDECLARED]


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The seven fields, each a value, null, or UNDECLARED."""

    popup_url: Setting = UNDECLARED
    missed_call_url: Setting = UNDECLARED
    callback_url: Setting = UNDECLARED
    recording_enabled: Setting = UNDECLARED
    recording_url: Setting = UNDECLARED
    streaming_enabled: Setting = UNDECLARED
    streaming_url: Setting = UNDECLARED

    def get(self, field: Field) -> Setting:
        """The setting of one field."""
        value: Setting = getattr(self, field.value)
        return value

    def with_setting(self, field: Field, value: Setting) -> AppSettings:
        """The same settings with one field replaced."""
        return replace(self, **{field.value: value})

    def declared(self) -> Iterator[tuple[Field, Value]]:
        """Fields that have a value (null included), in the vendor's order."""
        for field in Field:
            value = self.get(field)
            if value is not UNDECLARED:
                yield field, value

    def over(self, other: AppSettings) -> AppSettings:
        """`other` with every field that is declared here laid over it."""
        return replace(other, **{field.value: value for field, value in self.declared()})

    @property
    def complete(self) -> bool:
        """Whether every field has a value: the only shape that may become a PUT body."""
        return all(getattr(self, f.name) is not UNDECLARED for f in fields(self))


def plain(value: Setting) -> str | bool | None:
    """A setting as the vendor gets it: text, boolean or null. UNDECLARED has no such form and raises ValueError."""
    if isinstance(value, Url):
        return value.text
    if value is UNDECLARED:
        raise ValueError("an undeclared setting has no JSON form")
    return value


def shown(value: Setting) -> str | bool | None:
    """A setting for people and records: as JSON knows it, with what may be secret in a URL masked."""
    return value.shown if isinstance(value, Url) else plain(value)
