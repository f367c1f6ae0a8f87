"""What every schema must be: closed, bounded, anchored, self-contained, explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from syncer.documents import formats, schema, schemas
from syncer.errors import UsageError
from tests.schemas import corpora

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = schemas.names()
SINCE_DRAFT_2019 = {
    "dependentRequired",
    "dependentSchemas",
    "prefixItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "minContains",
    "maxContains",
    "$dynamicRef",
    "$anchor",
}


def nodes(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema with where it stands."""
    yield from _below(json.loads(schemas.text(name)), "#")


def _below(node: dict[str, Any], here: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield here, node
    for keyword in ("properties", "$defs"):
        for key, child in node.get(keyword, {}).items():
            yield from _below(child, f"{here}/{keyword}/{key}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(node.get(keyword), dict):
            yield from _below(node[keyword], f"{here}/{keyword}")
    for number, clause in enumerate(node.get("allOf", [])):
        yield from _below(clause["then"], f"{here}/allOf/{number}/then")


def types_of(node: dict[str, Any]) -> set[str]:
    types = node.get("type", [])
    return {types} if isinstance(types, str) else set(types)


def test_every_schema_of_the_product_is_there() -> None:
    webhooks = (
        "call_answered",
        "call_completed",
        "call_ringing",
        "incoming_call",
        "missed_call",
        "outbound_call",
        "recording_ready",
    )
    assert set(NAMES) == {
        *(
            "against",
            "apps",
            "audit-event",
            "config",
            "defaults",
            "history",
            "notice",
            "plan",
            "receivers",
            "report",
            "problems",
            "verification",
        ),
        "webhook-sent",
        *("vendor/settings-request", "vendor/settings-response"),
        *(f"webhooks/{event}" for event in webhooks),
    }


def test_a_schema_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UsageError) as caught:
        schemas.text("../pyproject")
    assert "apps" in caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema_of_draft_2020_12(name: str) -> None:
    root = json.loads(schemas.text(name))
    Draft202012Validator.check_schema(root)
    assert root["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_closed_or_say_why_not(name: str) -> None:
    open_ones = [
        where
        for where, node in nodes(name)
        if "object" in types_of(node) and node.get("additionalProperties") is not False and not _reasoned(node)
    ]
    assert open_ones == []


def _reasoned(node: dict[str, Any]) -> bool:
    keyed = isinstance(node.get("additionalProperties"), dict)  # a mapping whose values have a schema
    return keyed or (node.get("$comment", "").startswith("open") and "maxProperties" in node)


@pytest.mark.parametrize("name", NAMES)
def test_strings_are_bounded(name: str) -> None:
    unbounded = [
        where for where, node in nodes(name) if "string" in types_of(node) and not {"maxLength", "enum"} & set(node)
    ]
    assert unbounded == []


@pytest.mark.parametrize("name", NAMES)
def test_formats_have_a_check(name: str) -> None:
    assert {node["format"] for _, node in nodes(name) if "format" in node} <= set(formats.FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_patterns_are_anchored_at_both_ends(name: str) -> None:
    patterns = [node["pattern"] for _, node in nodes(name) if "pattern" in node]
    assert [one for one in patterns if not (one.startswith("^") and one.endswith("$"))] == []
    assert [one for one in patterns if "|" in one and "(" not in one] == []


@pytest.mark.parametrize("name", NAMES)
def test_references_stay_in_the_file_and_lead_somewhere(name: str) -> None:
    root = json.loads(schemas.text(name))
    used = {node["$ref"] for _, node in nodes(name) if "$ref" in node}
    assert used == {f"#/$defs/{key}" for key in root.get("$defs", {})}


@pytest.mark.parametrize("name", NAMES)
def test_references_carry_no_sibling_that_draft_07_would_drop(name: str) -> None:
    allowed = {"$ref", "title", "description", "examples"}
    assert [where for where, node in nodes(name) if "$ref" in node and set(node) - allowed] == []


@pytest.mark.parametrize("name", NAMES)
def test_properties_are_explained(name: str) -> None:
    unexplained = []
    root = json.loads(schemas.text(name))
    for where, node in nodes(name):
        if where.endswith("/then"):  # refines a property that is explained where it is declared
            continue
        for key, child in node.get("properties", {}).items():
            meant = {**_target(child, root), **child}
            if not {"title", "description", "examples"} <= set(meant):
                unexplained.append(f"{where}/{key}")
    assert unexplained == []


def _target(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return {}
    target: dict[str, Any] = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return target


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_valid_where_they_stand(name: str) -> None:
    root = json.loads(schemas.text(name))
    wrong = []
    for where, node in nodes(name):
        validator = schema.build({**{k: v for k, v in node.items() if k != "$id"}, "$defs": root.get("$defs", {})})
        wrong += [(where, example) for example in node.get("examples", []) if not validator.is_valid(example)]
    assert wrong == []


@pytest.mark.parametrize("name", ["apps", "defaults"])
def test_editors_with_draft_07_judge_the_same(name: str) -> None:
    root = json.loads(schemas.text(name))
    checker = FormatChecker(formats=())
    for form in formats.FORMATS:
        checker.checks(form)(lambda text, form=form: not isinstance(text, str) or not formats.fault(form, text))
    older = Draft7Validator(root, format_checker=checker)
    differing = [
        case.change
        for case in corpora.cases(name)
        if older.is_valid(case.document) != case.valid and "\\n" not in case.change  # their `$` lets a newline through
    ]
    assert differing == []
    assert not {keyword for _, node in nodes(name) for keyword in node} & SINCE_DRAFT_2019


def test_nothing_is_fetched() -> None:
    remote = schema.build({"$ref": "https://schemas.example/apps.json"})
    with pytest.raises(Exception, match="Unresolvable"):
        remote.is_valid({})


@pytest.mark.parametrize("text", ["app\n", "a" * 129, "", ".app", "a/b", "..", "\u0430pp"])
def test_an_id_is_one_plain_word(text: str) -> None:
    document = {"apiVersion": "syncer/v1", "kind": "Apps", "customer_id": text, "apps": {"a": {}}}
    assert schema.validate(document, "apps") != ()
