"""Help: light, complete, examples first; every option has a variable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from syncer import settings
from syncer.cli import main, options
from syncer.settings import keys
from tests.support.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.running import Syncer

HEAVY = ("httpx", "aiohttp", "jsonschema", "yaml", "apscheduler", "starlette", "uvicorn", "sqlite3")
COMMON = {"config_file", "source", "ref", "vendor_url", "state_dir", "color"}


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands(below, (*path, name))


COMMANDS = dict(_commands(main.cli))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def test_help_of_no_command_loads_a_heavy_library() -> None:
    program = """
import json, sys
before = set(sys.modules)  # a measuring interpreter has some of its own
from syncer.cli import main
found = {}
for path in json.loads(sys.argv[1]):
    assert main.run([*path, "--help"]) == 0
    found[" ".join(path)] = [name for name in json.loads(sys.argv[2]) if name in set(sys.modules) - before]
print(json.dumps(found), file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, json.dumps(list(COMMANDS)), json.dumps(HEAVY)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {path: heavy for path, heavy in json.loads(ended.stderr).items() if heavy} == {}


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_has_a_variable_that_help_shows(path: tuple[str, ...], syncer: Syncer) -> None:
    shown = syncer(*path, "--help").out
    for option in _options(LEAVES[path]):
        assert isinstance(option.envvar, str), option.name
        assert option.envvar in "".join(shown.split()), option.name


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_command_has_at_most_ten_options_of_its_own(path: tuple[str, ...]) -> None:
    assert len([option for option in _options(LEAVES[path]) if option.name not in COMMON]) <= 10


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_examples_come_first(path: tuple[str, ...], syncer: Syncer) -> None:
    lines = [line.strip() for line in syncer(*path, "-h").out.splitlines() if line.strip()]
    if path != ("version",):
        assert lines[1].startswith("Example")
        assert lines[2].startswith("syncer ")


def test_help_lists_every_command_by_what_it_is_for(syncer: Syncer) -> None:
    shown = syncer("--help").out
    for path in COMMANDS:
        assert not path or f"  {path[0]} " in shown
    assert shown.index("Author:") < shown.index("Preview:") < shown.index("Apply:") < shown.index("Exit codes:")


def test_the_variable_of_every_option_is_accepted_by_the_settings() -> None:
    variables = frozenset(options.variables(main.cli))
    values = dict.fromkeys(variables, "") | {"SYNCER_OUTPUT": "json", "SYNCER_REASON": "x", "SYNCER_PLAN": "y"}
    assert settings.load({}, values, None, variables).settings.mode


def test_no_option_takes_the_variable_of_a_key_that_it_does_not_stand_for() -> None:
    twins = {
        f"SYNCER_{name}" for name in ("SOURCE", "SOURCE_REF", "VENDOR_URL", "STATE_DIR", "LOG_FORMAT", "METRICS_FILE")
    }
    assert set(options.variables(main.cli)) & set(keys.known()) == twins


def test_an_unknown_command_or_option_is_a_usage_error(syncer: Syncer) -> None:
    assert "No such command 'plam'" in syncer("plam", expect=64).err
    assert "No such option" in syncer("plan", "--exit-cod", expect=64).err
    assert syncer("plan", "-o", "xml", expect=64).out == ""


def test_one_variable_serves_commands_of_different_forms(syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCER_OUTPUT", "github")
    assert syncer("version").out.startswith("syncer ")
    monkeypatch.setenv("SYNCER_OUTPUT", "json")
    assert syncer("version").document["syncer"]
    monkeypatch.setenv("SYNCER_OUTPUT", "xml")
    assert "'xml' is not one of" in syncer("version", expect=64).err


def test_every_form_of_a_command_is_known_as_one() -> None:
    types = [option.type for path in LEAVES for option in _options(LEAVES[path]) if option.name == "form"]
    assert {str(name) for found in types if isinstance(found, click.Choice) for name in found.choices} == options.FORMS


def test_without_a_command_help_is_shown(syncer: Syncer) -> None:
    assert "Usage: syncer" in syncer(expect=64).err
