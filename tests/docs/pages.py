"""The pages for people, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENTRANCE = tuple(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))
PAGES = (*ENTRANCE, *sorted(DOCS.rglob("*.md")))


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(?P<body>[\s\S]*?)(?=^#|\Z)", text, re.MULTILINE)
    assert found is not None, heading
    return found["body"]


def fenced(page: Path, heading: str, language: str) -> list[str]:
    """The blocks of a language under a heading."""
    return re.findall(rf"^```{language}\n([\s\S]*?)^```$", section(page.read_text("utf-8"), heading), re.MULTILINE)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row but heads and rules; an escaped bar is part of its cell."""
    for line in re.findall(r"^\|.*\|\n(?=\|)|^\|.*\|$", text, re.MULTILINE):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not set(cells[0]) <= set("-: "):
            yield cells


def commands() -> dict[str, click.Command]:
    """Every command that does something, by its full name."""
    return dict(_below("syncer", cli))


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for each in command.commands.values():
        yield from _below(f"{name} {each.name}", each)
