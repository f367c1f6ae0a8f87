"""The keys of the configuration as its schema lists them, with the variable that stands for each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from syncer.documents import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX: Final = "SYNCER_"
SOURCE: Final = "source"
"""Stands for source.path or source.url, whichever its value looks like."""

SPECIAL_TWINS: Final = {"vendor.base_url": "SYNCER_VENDOR_URL", "source.path": "SYNCER_SOURCE"}
OPTIONS: Final = {
    SOURCE: "--source",
    "source.ref": "--ref",
    "vendor.base_url": "--vendor-url",
    "state_dir": "--state-dir",
    "metrics.file": "--metrics-file",
}
NOT_SETTINGS: Final = frozenset({"apiVersion", "kind"})

_SECRETS: Final = re.compile(r"SYNCER_(?:TOKEN|SECRET)_\w+")
_SERVICE: Final = re.compile(r"(SYNCER(?:_[A-Z0-9_]+?)??)_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_\w+)?")


def is_foreign(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable is not ours to judge.

    That is a secret that files refer to, or what Kubernetes sets in every pod for a Service called syncer or
    syncer-something.
    """
    service = _SERVICE.fullmatch(variable)
    return _SECRETS.fullmatch(variable) is not None or (service is not None and f"{service[1]}_SERVICE_HOST" in environ)


@dataclass(frozen=True, slots=True)
class Key:
    """One single-valued key: its path with dots, its variable, the JSON types it takes."""

    name: str
    variable: str
    types: tuple[str, ...]


@cache
def known() -> Mapping[str, Key]:
    """Every single-valued key by its variable; source.path and source.url share one."""
    schema = json.loads(schemas.text("config"))
    keys = (
        Key(name, SPECIAL_TWINS.get(name, PREFIX + name.upper().replace(".", "_")), types)
        for name, types in _scalars(schema, schema, "")
        if name not in NOT_SETTINGS and name != "source.url"
    )
    return {key.variable: key for key in keys}


@cache
def typed_names() -> frozenset[str]:
    """Keys whose text is read as a flag or number."""
    return frozenset(key.name for key in known().values() if "string" not in key.types)


CONFIG: Final = f"{PREFIX}CONFIG"
"""Names the file; it is read before there are any settings."""


def is_url(text: str) -> bool:
    """Whether a source is meant as a URL (`git@host:path` too, so that the error can name the right form)."""
    return "://" in text or re.match(r"[\w.-]+@[\w.-]+:", text) is not None


def _scalars(node: Mapping[str, Any], root: Mapping[str, Any], name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    node = _resolved(node, root)
    if "properties" in node:
        for key, child in node["properties"].items():
            yield from _scalars(child, root, f"{name}.{key}" if name else key)
    elif node.get("type") not in {"array", "object"}:
        types = node.get("type", "string")
        yield name, (types,) if isinstance(types, str) else tuple(types)


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node
