"""What is wrong with one declared value on its own, before it is known which apps it reaches. Pure.

The schema has had its say: types, forms and sizes are right here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from syncer.desired import placeholders, urls
from syncer.desired.faults import Fault
from syncer.model.desired import EnvToken, FileToken, MintedToken, TokenRef
from syncer.model.fields import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.documents.building import Value
    from syncer.documents.places import KeyPath

Found: TypeAlias = "tuple[Fault, KeyPath]"
"""A fault, and the way from the value to the part that it is about."""

_VARIABLE: Final = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_DOTS: Final = re.compile(r"(?:\A|/)\.{1,2}(?:/|\Z)")


def faults(key: tuple[str, ...], value: Value, hosts: Mapping[Field, frozenset[str]]) -> Iterator[Found]:
    """Every fault of a value that does not depend on an app; with placeholders, only what no app could mend."""
    if key[0] == "settings" and isinstance(value, str):
        yield from ((fault, ()) for fault in url(Field(key[1]), value, hosts))
    elif key == ("token",):
        path, text = token_text(cast("Mapping[str, Value]", value))
        wrong = placeholders.unknown(text) if placeholders.used(text) else token_faults(path[-1], text)
        yield from ((fault, path) for fault in wrong)


def url(field: Field, text: str, hosts: Mapping[Field, frozenset[str]]) -> tuple[Fault, ...]:
    """Faults, or else advice, about a URL."""
    if placeholders.used(text):
        return placeholders.unknown(text)
    return urls.faults(field, text, hosts.get(field)) or urls.lints(text)


def token_text(token: Mapping[str, Value]) -> tuple[tuple[str, ...], str]:
    """The one text of a token reference, and the way to it: ("file",), ("env",), ("mint", "secret", "file")."""
    path: tuple[str, ...] = ()
    inner: Value = cast("Value", token)
    while isinstance(inner, dict):
        step, inner = next(iter(inner.items()))
        path = (*path, step)
    return path, cast("str", inner)


def token_faults(kind: str, text: str) -> tuple[Fault, ...]:
    """What is wrong with the path or variable of a token once its placeholders are filled in."""
    if kind == "file" and _DOTS.search(text):
        return (Fault("SY402", "a token path with `.` or `..` in it", help="write the path without detours"),)
    if kind == "env" and not _VARIABLE.match(text):
        advice = "letters, digits and underscores: a name with - or . in it needs {file: …} instead"
        return (Fault("SY403", "this is not the name of a variable", help=advice),)
    return ()


def token_ref(path: tuple[str, ...], text: str) -> TokenRef:
    """The reference itself."""
    plain = FileToken(text) if path[-1] == "file" else EnvToken(text)
    return MintedToken(plain) if path[0] == "mint" else plain
