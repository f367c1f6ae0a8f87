"""docs/cli.md has every command, option, variable and form of the program, and no other."""

from __future__ import annotations

import re
from typing import TypeAlias

import click
import pytest

from syncer.cli import exits
from syncer.cli.main import BROKEN_PIPE
from syncer.documents import schemas
from syncer.errors import UsageError
from tests.docs import pages

PAGE = (pages.DOCS / "cli.md").read_text("utf-8")
README = (pages.ROOT / "README.md").read_text("utf-8")
INTERRUPTED = 130
Options: TypeAlias = "dict[tuple[str, ...], str]"
"""An option by its spellings, and its variable."""


def options_in(text: str) -> Options:
    """The options of every table in a text."""
    found: Options = {}
    for spelling, variable, *_ in pages.rows(text):
        names = tuple(part.split(" ")[0] for part in re.findall(r"`(-[^`]+)`", spelling))
        if names:
            found[names] = variable.strip("`")
    return found


def shared() -> dict[str, Options]:
    """The groups of options that several commands have, by the word that opens them."""
    text = pages.section(PAGE, "Options that commands share")
    parts = re.split(r"^\*\*(\w+)\*\*:", text, flags=re.MULTILINE)[1:]
    return {name.lower(): options_in(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def documented(name: str) -> Options:
    text = pages.section(PAGE, f"`{name}`")
    found = options_in(text)
    groups = re.search(r"^Shares: (.*)\.$", text, re.MULTILINE)
    for group in groups[1].split(", ") if groups else ():
        found |= shared()[group]
    return found


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    headings = re.findall(r"^### `(syncer [a-z ]+)`$", PAGE, re.MULTILINE)
    assert headings == list(pages.commands())


@pytest.mark.parametrize("name", pages.commands())
def test_a_section_has_the_options_and_variables_of_its_command(name: str) -> None:
    actual = {
        tuple(option.opts): option.envvar
        for option in pages.commands()[name].params
        if isinstance(option, click.Option)
    }
    assert documented(name) == actual


@pytest.mark.parametrize("name", pages.commands())
def test_a_section_names_the_forms_of_its_command(name: str) -> None:
    told = re.search(r"Forms:((?:\s`[a-z]+`)+)\.", pages.section(PAGE, f"`{name}`"))
    forms = [option.type for option in pages.commands()[name].params if option.name == "form"]
    expected = [list(form.choices) for form in forms if isinstance(form, click.Choice)]
    assert ([re.findall(r"`(\w+)`", told[1])] if told else []) == expected


def test_every_schema_is_named() -> None:
    assert re.findall(r"`([a-z_/-]+)`", pages.section(PAGE, "`syncer schema`")) == list(schemas.names())


def test_exit_codes_are_those_of_the_program() -> None:
    codes = {exits.DONE, exits.FAILED, exits.COMMITS, exits.DRIFT, exits.HELD, exits.INVALID, UsageError.exit_code}
    readme = {int(cells[0]) for cells in pages.rows(README) if cells[0].isdecimal()}
    page = {int(cells[0]) for cells in pages.rows(pages.section(PAGE, "Exit codes")) if cells[0].isdecimal()}
    assert readme == codes
    assert page == codes | {INTERRUPTED, BROKEN_PIPE}
