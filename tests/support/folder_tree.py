"""Folders of files as dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def tree(folder: Path, under: str = "") -> dict[str, str]:
    """Every YAML file below a folder: its path, with `under` put in front, and its text."""
    found = sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])
    return {f"{under}{path.relative_to(folder)}": path.read_text() for path in found}
