"""Every keyword of every schema is needed: take it away, and some document of the corpus is judged differently.

A verdict is the set of rules and places found, so that a bound beside a pattern counts by the message it gives.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from syncer.documents import findings, schema, schemas
from tests.schemas import corpora

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.protocols import Validator

Location: TypeAlias = tuple[str | int, ...]
Verdict: TypeAlias = frozenset[tuple[str, Any]]

ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "examples", "writeOnly"}
OPEN = ("additionalProperties", True)  # says that an object is open on purpose, and changes nothing
MAPS_OF_SCHEMAS = {"properties", "$defs"}


@pytest.mark.parametrize("name", schemas.names())
def test_every_keyword_is_needed(name: str) -> None:
    root = json.loads(schemas.text(name))
    judged = _Judged(root, name)
    keywords = list(_keywords(root, ()))
    idle = ["/".join(map(str, location)) for location in keywords if not judged.changes_without(location)]
    assert idle == []


class _Judged:
    """The corpus under the whole schema, indexed by the keywords that spoke."""

    def __init__(self, root: dict[str, Any], name: str) -> None:
        self._root = root
        self._documents = [case.document for case in corpora.cases(name)]
        self._verdicts: list[Verdict] = []
        self._speakers: dict[Location, list[int]] = defaultdict(list)
        self._telling: dict[int, None] = {}  # documents that told a keyword's absence, the latest last
        validator = schema.build(root)
        for number, document in enumerate(self._documents):
            errors = list(_all_errors(validator.iter_errors(document)))
            self._verdicts.append(_verdict(validator, document))
            for location in {place for error in errors for place in _locations(root, error.absolute_schema_path)}:
                self._speakers[location].append(number)

    def changes_without(self, location: Location) -> bool:
        """Whether some document is judged differently without the keyword; those it spoke to are asked first."""
        *above, last = location
        node: Any = self._root
        for step in above:
            node = node[step]
        taken = node[last]
        spoken_to = self._speakers.get((*above, "then") if last == "if" else location, [])
        likely = (*spoken_to[:3], *reversed(self._telling), *reversed(range(len(self._documents))))
        shortened: Any = {} if last in MAPS_OF_SCHEMAS else None
        node[last] = shortened
        if shortened is None:
            del node[last]
        try:
            validator = schema.build(self._root)
            order = dict.fromkeys(likely)
            found = next((n for n in order if _verdict(validator, self._documents[n]) != self._verdicts[n]), None)
        finally:
            node[last] = taken
        if found is not None and location not in self._speakers:
            self._telling.pop(found, None)
            self._telling[found] = None
        return found is not None


def _verdict(validator: Validator, document: Any) -> Verdict:
    found = findings.translate(schema.mistake(error) for error in validator.iter_errors(document))
    return frozenset((finding.rule, finding.path) for finding in found)


def _all_errors(errors: Any) -> Iterator[Any]:
    for error in errors:
        yield error
        yield from _all_errors(error.context or ())


def _locations(root: dict[str, Any], path: Any) -> Iterator[Location]:
    """Every keyword on the way to an error, `$ref` followed to where the keyword really stands."""
    node: Any = root
    location: Location = ()
    for step in path:
        if isinstance(node, dict) and step not in node and "$ref" in node:  # the path of an error does not name it
            yield (*location, "$ref")
            location = ("$defs", node["$ref"].removeprefix("#/$defs/"))
            node = root["$defs"][location[1]]
        location = (*location, step)
        node = node[step]
        yield location


def _keywords(node: Any, here: Location) -> Iterator[Location]:
    """The location of every validating keyword, and of every property."""
    for keyword, value in node.items():
        at = (*here, keyword)
        if keyword in MAPS_OF_SCHEMAS:
            yield from ((*at, key) for key in value if keyword == "properties")
        elif keyword not in ANNOTATIONS and (keyword, value) != OPEN:
            yield at
        for step, below in _subschemas(keyword, value):
            yield from _keywords(below, (*at, *step))


def _subschemas(keyword: str, value: Any) -> list[tuple[Location, Any]]:
    if keyword in MAPS_OF_SCHEMAS:
        return [((key,), below) for key, below in value.items()]
    if keyword in {"oneOf", "allOf"}:
        return [((number,), below) for number, below in enumerate(value)]
    single = {"items", "additionalProperties", "propertyNames", "if", "then"}
    return [((), value)] if keyword in single and isinstance(value, dict) else []
