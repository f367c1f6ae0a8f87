"""Turns what jsonschema says into findings for people: one for each mistake, in the words of YAML. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from syncer.documents import advice, formats
from syncer.documents.veil import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncer.documents.places import KeyPath

MAX_FINDINGS: Final = 100
"""Of one file: one mistake of a schema can be a hundred thousand unknown keys."""

TYPES: Final = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What a schema says against a value: the keyword with what it demands, the value at its path, the schema around.

    `of_name` when the value is itself a key below `path`; `branches` has the mistakes within each alternative.
    """

    keyword: str
    wanted: Any
    given: Any
    path: KeyPath
    schema: Mapping[str, Any]
    of_name: bool = False
    branches: tuple[tuple[Mistake, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at a key path; `on_key` when the key itself is wrong, `secret` when its line must not be shown.

    `about` is the key that is missing or was meant.
    """

    rule: str
    message: str
    path: KeyPath
    help: str = ""
    about: str = ""
    on_key: bool = False
    secret: bool = False


def translate(errors: Iterable[Mistake]) -> tuple[Finding, ...]:
    """Every mistake once; a missing key is left out where an unknown one beside it was meant to be that key."""
    found = dict.fromkeys(islice((finding for error in errors for finding in _each(error)), MAX_FINDINGS))
    meant = {(f.path[:-1], f.about) for f in found if f.rule == "SY201"}
    return tuple(f for f in found if f.rule != "SY202" or (f.path, f.about) not in meant)


def _each(error: Mistake) -> Iterator[Finding]:
    if error.schema.get("writeOnly"):
        found = _near_secret(error)
    else:
        found = KEYWORDS.get(error.keyword, _other)(error, error.path)
    if error.of_name:
        found = (replace(finding, path=(*error.path, str(error.given)), on_key=True) for finding in found)
    return found


def _near_secret(error: Mistake) -> Iterator[Finding]:
    """Where a secret is named, somebody may have pasted it: neither the value nor its line is ever shown."""
    if not isinstance(error.given, str):
        for finding in KEYWORDS.get(error.keyword, _other)(error, error.path):
            yield replace(finding, secret=True)
    elif error.keyword == "type" or looks_secret(error.given):
        hint = "write {file: /absolute/path} or {env: NAME} here, and replace the secret: it was seen"
        yield Finding("SY401", "this looks like a secret itself", error.path, hint, secret=True)
    else:
        hint = f"for example {advice.example_of(error.schema)}"
        yield Finding("SY205", "this is not the name of a file or variable", error.path, hint, secret=True)


def _unknown(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    known = list(error.schema.get("properties", {}))
    for key in error.given:
        if key in known:
            continue
        near = advice.nearest(key, known)
        meant = _one_level_down(key, error.schema) or near
        hint = f"did you mean `{meant}`?" if meant else f"known here: {', '.join(known)}"
        yield Finding("SY201", f"unknown key `{advice.shown(key)}`", (*path, key), hint, near, on_key=True)


def _one_level_down(key: str, schema: Mapping[str, Any]) -> str:
    """`policy.suspend` for `suspend`: a key written one level too high, where it is known exactly once below."""
    below = [name for name, inner in schema.get("properties", {}).items() if key in inner.get("properties", {})]
    return f"{below[0]}.{key}" if len(below) == 1 else ""


def _missing(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    for key in error.wanted:
        if key not in error.given:
            example = advice.example_of(error.schema.get("properties", {}).get(key, {}))
            yield Finding("SY202", f"the key `{key}` is missing", path, f"write {key}: {example}", key, on_key=True)


def _type(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    wanted = [error.wanted] if isinstance(error.wanted, str) else list(error.wanted)
    given = error.given
    words = " or ".join(TYPES[name] for name in wanted)
    yield Finding(
        "SY203",
        f"expected {words}, found {advice.kind(given)}",
        path,
        advice.for_type(wanted, given, error.schema),
    )


def _choice(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    allowed = [error.wanted] if error.keyword == "const" else list(error.wanted)
    texts = [choice if isinstance(choice, str) else json.dumps(choice) for choice in allowed]
    given = advice.shown(error.given)
    if error.keyword == "enum" and "type" in error.schema and not isinstance(error.given, str):
        return  # the type is wrong as well, and that says it better
    near = advice.nearest(str(error.given), texts)
    hint = f"did you mean `{near}`?" if near and len(texts) > 1 else f"write {' or '.join(texts)}"
    yield Finding("SY204", f"`{given}` is not {'one of ' * (len(texts) > 1)}{', '.join(texts)}", path, hint)


def _format(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    name = str(error.wanted)
    reason = formats.fault(name, error.given)
    example = formats.FORMATS[name].example
    yield Finding("SY205", f"`{advice.shown(error.given)}`: {reason}", path, f"for example {example}")


def _pattern(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    form = error.schema.get("$comment", "")
    hint = f"{form}{'; ' if form else ''}for example {advice.example_of(error.schema)}"
    yield Finding("SY205", f"`{advice.shown(error.given)}` has not the right form", path, hint)


def _length(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    count = len(error.given)
    if count == 0:
        yield Finding("SY206", "an empty text", path, "write a text, or leave the key out")
        return
    yield Finding("SY206", f"a text of {count} characters", path, f"at {_bound(error)} characters are allowed")


def _range(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    yield Finding("SY207", f"{error.given} is out of range", path, f"at {_bound(error)} is allowed")


def _count(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    properties = error.schema.get("properties")
    if properties and error.wanted == 1:
        yield from _exactly_one(list(properties), error, path)
        return
    noun = "entry" if error.wanted == 1 else "entries"
    message = f"{len(error.given) or 'no'} entries"
    yield Finding("SY208", message, path, f"at {_bound(error)} {noun} may stand here", on_key=True)


def _exactly_one(names: list[str], error: Mistake, path: KeyPath) -> Iterator[Finding]:
    given = [key for key in names if key in error.given]
    if len(given) > 1:
        message = f"{' and '.join(f'`{key}`' for key in given)} exclude each other"
    elif error.keyword == "minProperties":
        message = "nothing is chosen"
    else:
        return  # one of them and an unknown key, which is told by itself
    yield Finding("SY209", message, path, f"write exactly one of {', '.join(names)}", on_key=True)


def _bound(error: Mistake) -> str:
    return f"{'least' if error.keyword.startswith('min') else 'most'} {error.wanted}"


def _twice(_error: Mistake, path: KeyPath) -> Iterator[Finding]:
    yield Finding("SY210", "the same entry twice", path, "delete one of the two")


def _dependent(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    for key, needed in error.wanted.items():
        for other in needed:
            if key in error.given and other not in error.given:
                yield Finding("SY211", f"`{key}` needs `{other}`", (*path, key), f"add {other}", on_key=True)


def _alternatives(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    """Only the branch that the writer meant is of interest; required-only branches are a choice of keys."""
    keys = [name for branch in error.wanted for name in branch.get("required", ())]
    if all(set(branch) == {"required"} for branch in error.wanted):
        if not isinstance(error.given, dict):
            return  # that it is no mapping is told by itself
        given = [key for key in keys if key in error.given]
        message = f"{' and '.join(f'`{key}`' for key in given)} exclude each other" if given else "nothing is chosen"
        yield Finding("SY209", message, path, f"write exactly one of {', '.join(keys)}", on_key=True)
        return
    for inner in min(error.branches, key=lambda branch: _distance(branch, len(path)), default=()):
        yield from _each(inner)


def _distance(branch: tuple[Mistake, ...], depth: int) -> tuple[bool, int]:
    """A branch whose type or discriminator does not fit was not meant."""
    foreign = any(
        error.keyword == "const" or (error.keyword == "type" and len(error.path) == depth) for error in branch
    )
    return foreign or not branch, len(branch)


def _other(error: Mistake, path: KeyPath) -> Iterator[Finding]:
    yield Finding("SY205", f"this does not fit the schema ({error.keyword})", path)


KEYWORDS: Final[dict[str, Callable[[Mistake, KeyPath], Iterator[Finding]]]] = {
    "additionalProperties": _unknown,
    "required": _missing,
    "type": _type,
    "enum": _choice,
    "const": _choice,
    "format": _format,
    "pattern": _pattern,
    "minLength": _length,
    "maxLength": _length,
    "minimum": _range,
    "maximum": _range,
    "minItems": _count,
    "maxItems": _count,
    "minProperties": _count,
    "maxProperties": _count,
    "uniqueItems": _twice,
    "dependentRequired": _dependent,
    "oneOf": _alternatives,
    "anyOf": _alternatives,
}
