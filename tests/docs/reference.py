"""Writes the reference tables of docs/ from the schemas; `make docs` runs it, a test compares."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from syncer import settings
from syncer.documents import schemas
from syncer.settings import keys
from tests.docs.pages import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Node = dict[str, Any]

MARKED = re.compile(r"(<!-- reference: (\w+), written by make docs -->\n)[\s\S]*?(<!-- reference: end -->)")


def updated(page: str) -> str:
    """The page with each of its reference parts made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", page)


def pages() -> Iterator[Path]:
    """The pages that have a reference part."""
    yield from (path for path in sorted(DOCS.glob("*.md")) if MARKED.search(path.read_text("utf-8")))


def _configuration() -> str:
    schema = json.loads(schemas.text("config"))
    built_in = {key: value for key, (value, _) in settings.load({}, {}).origins.items()}
    variables = {key.name: name for name, key in keys.known().items()}
    variables["source.url"] = variables["source.path"]
    parts = []
    for name, node in schema["properties"].items():
        if name in keys.NOT_SETTINGS:
            continue
        whole = _resolved(node, schema)
        parts.append(f"\n## `{name}`\n\n{whole['description']}\n\n{HEAD}")
        rows = _below(node, schema, name) if "properties" in whole else _list_rows(node, schema, name)
        parts += [_row(key, leaf, schema, built_in.get(key, ""), variables.get(key, "")) for key, leaf in rows]
    return "".join(parts) + "\n"


def _list_rows(node: Node, root: Node, name: str) -> Iterator[tuple[str, Node]]:
    items = _resolved(node, root).get("items")
    yield name, node
    if items and "properties" in _resolved(items, root):
        yield from _below(items, root, f"{name}[]")


def _row(key: str, leaf: Node, root: Node, built_in: str, variable: str) -> str:
    cells = (f"`{key}`", _takes(leaf, root), built_in and f"`{built_in}`", variable and f"`{variable}`")
    return f"| {' | '.join(_cell(cell) for cell in cells)} | {_cell(_described(leaf, root))} |\n"


def _file() -> str:
    """What stands in a file of kind Apps around its layers."""
    schema = json.loads(schemas.text("apps"))
    apps = schema["properties"]["apps"]
    own = {key: leaf for key, leaf in schema["properties"].items() if key != "apps"}
    app_id = schema["$defs"]["app"]["properties"]["app_id"]
    rows = [*own.items(), ("apps.NAME", {**apps, "type": "object"}), ("apps.NAME.app_id", app_id)]
    return _table(rows, schema)


def _layer() -> str:
    """What a Defaults file, the `defaults` of a file and an app may all say."""
    schema = json.loads(schemas.text("defaults"))
    return _table([row for row in _below(schema, schema, "") if row[0] not in keys.NOT_SETTINGS], schema)


def _table(rows: Iterable[tuple[str, Node]], root: Node) -> str:
    lines = [f"| `{key}` | {_cell(_takes(leaf, root))} | {_cell(_described(leaf, root))} |\n" for key, leaf in rows]
    return "\n| Key | Takes | |\n|---|---|---|\n" + "".join(lines) + "\n"


def _below(node: Node, root: Node, name: str) -> Iterator[tuple[str, Node]]:
    """Every key below a mapping in the schema's order: those with keys of their own are opened, not listed."""
    whole = _resolved(node, root)
    for key, child in whole.get("properties", {}).items():
        there, opened = f"{name}.{key}" if name else key, _resolved(child, root)
        if "properties" in opened:
            yield from _below(child, root, there)
            continue
        yield there, _told_with(whole, child, root) if key in WHERE else child
        if "properties" in _resolved(opened.get("items", {}), root):
            yield from _below(opened["items"], root, f"{there}[]")


def _told_with(parent: Node, leaf: Node, root: Node) -> Node:
    """A `file` or `env` says only how; what it is for stands at its parent."""
    return {**leaf, "description": f"{parent.get('description', '')} {_described(leaf, root)}".strip()}


def _resolved(node: Node, root: Mapping[str, Any]) -> Node:
    """The node with what it refers to under its own words."""
    while "$ref" in node:
        own = {key: value for key, value in node.items() if key != "$ref"}
        node = {**root["$defs"][node["$ref"].removeprefix("#/$defs/")], **own}
    return node


def _described(node: Node, root: Node) -> str:
    return str(_resolved(node, root).get("description", ""))


def _takes(node: Node, root: Node) -> str:
    whole = _resolved(node, root)
    if "const" in whole:
        return f"`{whole['const']}`"
    if "enum" in whole:
        return " ".join(f"`{value}`" for value in whole["enum"])
    kind = whole.get("type", "string")
    kinds = [kind] if isinstance(kind, str) else kind
    if "array" in kinds:
        named = _resolved(whole["items"], root).get("enum", ())
        return f"a list of {LISTS.get(named[0], _takes(whole['items'], root))}" if named else "a list"
    if "string" in kinds and "format" in whole:
        kinds = [whole["format"] if each == "string" else each for each in kinds]
    return " or ".join(WORDS.get(each, each) for each in kinds)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


HEAD = "| Key | Takes | Built-in | Variable | |\n|---|---|---|---|---|\n"
WHERE = frozenset({"file", "env"})
LISTS = {"popup_url": "fields", "Pending": "states"}
"""Closed sets that stand on another page, by their first member."""
WORDS = {"string": "text", "null": "nothing", "boolean": "`true` `false`", "integer": "number", "object": "mapping"}
PARTS = {"configuration": _configuration, "file": _file, "layer": _layer}

if __name__ == "__main__":
    for page in pages():
        page.write_text(updated(page.read_text("utf-8")), "utf-8")
