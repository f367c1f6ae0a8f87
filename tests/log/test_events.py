"""The events are a closed set, and people can look each of them up."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from syncer.log import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "events.md"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
ROW = re.compile(r"^\| `([^`]+)` \| ([a-z, ]+) \| ((?:`[a-z_0-9]+` ?)*)\| (.+) \|$", re.MULTILINE)


def test_every_event_is_documented_once_and_no_other_is() -> None:
    rows = ROW.findall(DOCUMENT.read_text("utf-8"))
    assert [name for name, *_ in rows] == [event.value for event in Event]


def test_every_event_says_its_level_and_what_it_means() -> None:
    for _, levels, _, meaning in ROW.findall(DOCUMENT.read_text("utf-8")):
        assert set(levels.strip().split(", ")) <= {"debug", "info", "warning", "error"}
        assert meaning.endswith(".")


def test_event_names_are_dotted_constants() -> None:
    for event in Event:
        assert re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", event.value)


def calls() -> Iterator[tuple[Event, str, set[str]]]:
    """Every call in the package that logs an event by its name: the event, the method, the keys."""
    for path in sorted((ROOT / "syncer").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=called, args=[ast.Attribute(value=ast.Name(id="Event"), attr=name)], keywords=keywords
                ):
                    method = called.attr if isinstance(called, ast.Attribute) else ""
                    yield Event[name], method, {key.arg for key in keywords if key.arg} - {"exc_info"}


def test_every_call_uses_documented_keys_and_levels() -> None:
    rows = {name: (levels, keys) for name, levels, keys, _ in ROW.findall(DOCUMENT.read_text("utf-8"))}
    found = list(calls())
    assert found
    for event, method, keys in found:
        levels, documented = rows[event.value]
        assert keys <= set(documented.replace("`", "").split()), event
        assert LEVELS.get(method, "") in {"", *levels.strip().split(", ")}, event
