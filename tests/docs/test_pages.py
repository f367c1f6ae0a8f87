"""What the pages name exists, and what people must be able to look up is named."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from syncer.cli.main import cli
from syncer.desired import rules as desired_rules
from syncer.desired import screen
from syncer.documents import rules
from syncer.model.outcome import State
from syncer.model.planned import Rule
from syncer.settings import keys
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

README = (pages.ROOT / "README.md").read_text("utf-8")
RULES = {rule.id: rule for rule in (*rules.RULES, *desired_rules.RULES, *screen.RULES)}
RESERVED = re.compile(r"^(`\w+`(?:(?:,| and) `\w+`)*) (?:is|are) reserved", re.MULTILINE)
FENCE = re.compile(r"^```\w*\n([\s\S]*?)^```|^((?:    .*\n|\n)+)", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^]\n]*\]\((?!https?:)([^)\s]+)\)")

OF_TESTS = frozenset({"SYNCER_KUBE", "SYNCER_KUBE_IMAGE", "SYNCER_SOAK_LOG"})
SECRETS = ("SYNCER_TOKEN_", "SYNCER_SECRET_")
"""What files name for themselves begins so."""

PARENT = click.Context(cli, **cli.context_settings)
"""A command keeps the help option that its first context gave it, so it must be the program's own."""


def test_every_state_is_in_the_readme_and_no_other() -> None:
    told = {cells[0].strip("`") for cells in pages.rows(pages.section(README, "States and exit codes"))}
    reserved = RESERVED.search(README)
    told |= set(re.findall(r"\w+", reserved[1].replace(" and ", " "))) if reserved else set()
    assert {state.value for state in State} == {name for name in told if not name.isdecimal()} - {"State", "Exit code"}


def test_every_hold_is_on_its_page_and_no_other() -> None:
    page = (pages.DOCS / "states.md").read_text("utf-8")
    told = [cells[0].strip("`") for cells in pages.rows(pages.section(page, "Holds")) if cells[0].startswith("`")]
    assert sorted(told) == sorted(rule.value for rule in Rule)


def test_every_rule_is_listed_with_its_title_and_first_sentence() -> None:
    page = (pages.DOCS / "rules.md").read_text("utf-8")
    listed = {cells[0].strip("`"): tuple(cells[1:]) for cells in pages.rows(page) if cells[0].startswith("`")}
    expected = {rule.id: (rule.title, first_sentence(rule.explanation)) for rule in RULES.values()}
    assert listed == expected


def first_sentence(text: str) -> str:
    found = re.match(r".*?\.(?= |$)", text)
    return found[0] if found else text


def test_every_rule_id_in_the_code_can_be_explained() -> None:
    used = {
        found
        for path in (pages.ROOT / "syncer").rglob("*.py")
        for found in re.findall(r'"(SY[0-9]{3})"', path.read_text("utf-8"))
    }
    assert used <= set(RULES)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", sorted(pages.DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_readme_leads_to_every_page(page: Path) -> None:
    assert f"](docs/{page.name})" in pages.section(README, "More")


def test_every_variable_that_is_told_of_exists() -> None:
    options = (each for command in pages.commands().values() for each in command.params)
    known = {*keys.known(), keys.CONFIG, *(each.envvar for each in options), *OF_TESTS}
    places = (*pages.PAGES, *(pages.ROOT / "config").rglob("*.yaml"), *(pages.ROOT / ".github").rglob("*.yml"))
    for page in places:
        told = set(re.findall(r"\bSYNCER_[A-Z_]+[A-Z]\b", page.read_text("utf-8")))
        assert {name for name in told - known if not name.startswith(SECRETS)} == set(), page


def anchors(page: Path) -> set[str]:
    """The anchors that headings get: lower case, punctuation gone, spaces as hyphens."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def shown() -> Iterator[str]:
    """Every `syncer …` command line that a page shows, in code spans and in blocks."""
    for page in pages.PAGES:
        text = page.read_text("utf-8")
        blocks = ["".join(parts) for parts in FENCE.findall(text)]
        spans = re.findall(r"`((?:\.venv/bin/)?syncer [a-z][^`\n]*)`", text)
        lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
        for line in (*spans, *lines):
            told = line.partition(" #")[0].removeprefix(".venv/bin/").partition(" > ")[0].strip()
            if told.startswith("syncer ") and "COMMAND" not in told:
                yield told


@pytest.mark.parametrize("line", sorted(set(shown())))
def test_command_lines_parse(line: str) -> None:
    name, *arguments = shlex.split(line)
    command: click.Command = cli
    while isinstance(command, click.Group):
        if not arguments or arguments[0] in {"-h", "--help"}:
            return
        name = arguments.pop(0)
        found = command.get_command(PARENT, name)
        assert found is not None, line
        command = found
    parse(command, name, arguments)


def parse(command: click.Command, name: str, arguments: list[str]) -> None:
    """A page may leave out what must be given, as in `syncer approve`; unknown options and values may not stand."""
    try:
        command.make_context(name, arguments, parent=PARENT)
    except click.exceptions.Exit:  # --help
        return
    except click.MissingParameter:
        assert not arguments
