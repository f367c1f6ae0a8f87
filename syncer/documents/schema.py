"""Checks documents against the schemas in `schemas/`: every mistake at once, each at its place."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import NoSuchResource

from syncer.documents import advice, findings, formats, schemas
from syncer.documents.findings import Finding, Mistake
from syncer.model.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator
    from referencing import Resource

    from syncer.documents.loading import Parsed
    from syncer.documents.places import Places

_APART: Final = "keep it outside of the folder that holds the apps, or name that folder alone"


def check(parsed: Parsed, name: str) -> tuple[Problem, ...]:
    """Every problem of a file: those of its YAML, then those against the schema of that name, in the file's order."""
    if not parsed.whole:
        return parsed.problems
    found = tuple(problem(finding, parsed.places) for finding in validate(parsed.value, name))
    return tuple(sorted((*parsed.problems, *found), key=lambda one: one.at))


def check_kind(parsed: Parsed, kinds: Mapping[str, str]) -> tuple[Problem, ...]:
    """The same where `kind` decides: `kinds` names the schema of each kind. An unknown kind is a problem."""
    if not parsed.whole:
        return parsed.problems
    value = parsed.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in kinds:
        return check(parsed, kinds[kind])
    if value is None and parsed.problems:
        return parsed.problems  # an empty file: that it is no mapping either goes without saying
    return (*parsed.problems, problem(_unknown_kind(value, kind, list(kinds)), parsed.places))


def validate(value: Any, name: str) -> tuple[Finding, ...]:
    """Every mistake in a plain value, without places: for what did not come from a file."""
    errors: Iterator[Any] = validator(name).iter_errors(value)
    return findings.translate(mistake(error) for error in islice(errors, findings.MAX_FINDINGS))


def problem(finding: Finding, places: Places) -> Problem:
    """A finding at its place; the line of a secret is not shown."""
    at = places.key(finding.path) if finding.on_key else places.value(finding.path)
    if finding.secret:
        at = type(at)(at.path, at.line, at.column)
    return Problem(finding.rule, finding.message, at, help=finding.help)


@cache
def validator(name: str) -> Validator:
    """The validator of one schema, built once."""
    root = json.loads(schemas.text(name))
    return build(_inlined(root, root.get("$defs", {})))


def build(schema: Mapping[str, Any]) -> Validator:
    """A strict validator: formats checked, patterns over the whole text, nothing fetched from anywhere."""
    strict: Validator = _STRICT(schema, registry=_REGISTRY, format_checker=_CHECKER)
    return strict


def _inlined(node: Any, shared: Mapping[str, Any]) -> Any:
    """The same schema with its own shared shapes in place: following a `$ref` costs more than the check behind it."""
    if isinstance(node, list):
        return [_inlined(child, shared) for child in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name in shared:
        node = {**shared[name], **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: _inlined(child, shared) for key, child in node.items() if key != "$defs"}


def mistake(error: Any) -> Mistake:
    """One error of jsonschema as a value of ours."""
    return Mistake(
        str(error.validator),
        error.validator_value,
        error.instance,
        tuple(error.absolute_path),
        error.schema,
        of_name="propertyNames" in error.absolute_schema_path,
        branches=_branches(error),
    )


def _branches(error: Any) -> tuple[tuple[Mistake, ...], ...]:
    if not error.context:
        return ()
    grouped: list[list[Mistake]] = [[] for _ in error.validator_value]
    for inner in error.context:
        grouped[inner.schema_path[0]].append(mistake(inner))
    return tuple(map(tuple, grouped))


def _unknown_kind(value: object, kind: object, known: list[str]) -> Finding:
    if not isinstance(value, dict):
        return Finding("SY203", "expected a mapping at the top of the file", (), "begin with apiVersion and kind")
    if "kind" not in value:
        return Finding("SY202", "the key `kind` is missing", (), f"write kind: {' or '.join(known)}")
    if kind == "Config":
        return Finding("SY212", "the daemon's configuration is no part of a source", ("kind",), _APART)
    near = advice.nearest(str(kind), known)
    hint = f"did you mean `{near}`?" if near else f"write {' or '.join(known)}"
    return Finding("SY212", f"unknown kind `{advice.shown(kind)}`", ("kind",), hint)


def _pattern(_validator: object, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    r"""ECMA's `^…$` as \A…\Z: Python's `$` lets a newline slip through."""
    if isinstance(instance, str) and not _compiled(pattern).fullmatch(instance):
        yield ValidationError("pattern")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.removeprefix("^").removesuffix("$"))


def _retrieve_nothing(uri: str) -> Resource[Any]:
    raise NoSuchResource(uri)


def _checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, form in formats.FORMATS.items():
        checker.checks(name, raises=ValueError)(_only_text(form))
    return checker


def _only_text(form: formats.Form) -> Any:
    def is_in_order(value: object) -> bool:
        if isinstance(value, str):
            form.check(value)
        return True

    return is_in_order


_CHECKER: Final = _checker()
_REGISTRY: Final[Registry[Any]] = Registry(retrieve=_retrieve_nothing)  # type: ignore[call-arg]  # its stub hides the field
_STRICT: Final[Any] = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
