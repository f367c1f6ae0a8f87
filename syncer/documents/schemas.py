"""The schema texts: inside the installed package, or in the `schemas` folder of a checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SUFFIX: Final = ".schema.json"


def names() -> tuple[str, ...]:
    """Every schema's name, such as `apps` or `vendor/settings-request`, sorted."""
    return tuple(sorted(_names(_root(), "")))


def text(name: str) -> str:
    """The text of one schema, self-contained; UsageError for a name that does not exist."""
    if name not in names():
        raise UsageError(f"there is no schema {name!r}", hint=f"one of: {', '.join(names())}")
    return _root().joinpath(f"{name}{SUFFIX}").read_text(encoding="utf-8")


def _root() -> Traversable:
    installed = resources.files("syncer").joinpath("_schemas")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "schemas"


def _names(folder: Traversable, prefix: str) -> list[str]:
    found: list[str] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _names(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found.append(prefix + entry.name.removesuffix(SUFFIX))
    return found
