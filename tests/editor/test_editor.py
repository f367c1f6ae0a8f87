"""The published schemas in a real language server: they complete, explain and flag as people type."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from syncer.model.fields import Field
from tests.editor.server import PROGRAM, Editor, editor
from tests.support.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("node", PROGRAM)

HEAD = "# yaml-language-server: $schema=SCHEMA\napiVersion: syncer/v1\nkind: Apps\ncustomer_id: acme\napps:\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    with editor(tmp_path_factory.mktemp("editor")) as found:
        yield found


def written(folder: Path, text: str, schema: str = "apps") -> Path:
    path = folder / "typed.yaml"
    path.write_text(text.replace("SCHEMA", str(ROOT / "schemas" / f"{schema}.schema.json")), "utf-8")
    return path


def test_the_files_that_we_ship_are_without_fault(session: Editor, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    paths = [*(tmp_path / "config" / "apps").rglob("*.yaml"), tmp_path / "config" / "syncer.yaml"]
    assert len(paths) > 5
    assert {path.name: session.open(path) for path in paths if session.open(path)} == {}


@pytest.mark.parametrize(
    ("typed", "line", "said"),
    [
        ("  desk:\n    settings:\n      popup_ulr: https://h.example/x\n", 7, "popup_ulr"),
        ("  desk:\n    settings:\n      recording_enabled: 'on'\n", 7, "boolean"),
        ("  desk:\n    polcy: {}\n", 6, "polcy"),
        ("  desk:\n    policy: {on_drift: corect}\n", 6, "correct"),
    ],
)
def test_a_mistake_is_flagged_at_its_line(session: Editor, tmp_path: Path, typed: str, line: int, said: str) -> None:
    found = session.open(written(tmp_path, HEAD + typed))
    assert [each["range"]["start"]["line"] for each in found] == [line]
    assert said in found[0]["message"]


def test_settings_are_offered_with_what_they_mean(session: Editor, tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "  desk:\n    settings:\n      \n")
    session.open(path)
    offered = session.completion(path, 7, 6)
    assert {field.value for field in Field} <= offered.keys()
    assert all(len(offered[field.value]) > 20 for field in Field)


def test_the_keys_and_values_of_an_app_are_offered(session: Editor, tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "  desk:\n    \n    policy:\n      on_drift: \n")
    session.open(path)
    assert {"app_id", "labels", "token", "settings"} <= session.completion(path, 6, 4).keys()
    assert {"correct", "report", "ignore"} <= session.completion(path, 8, 16).keys()


def test_a_key_explains_itself(session: Editor, tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "  desk:\n    settings:\n      recording_enabled: true\n")
    assert session.open(path) == []
    assert "record" in session.hover(path, 7, 10).lower()


def test_the_daemon_configuration_is_completed_and_checked(session: Editor, tmp_path: Path) -> None:
    head = "# yaml-language-server: $schema=SCHEMA\napiVersion: syncer/v1\nkind: Config\n"
    path = written(tmp_path, f"{head}source: {{path: x}}\nmode: aply\n\n", "config")
    [found] = session.open(path)
    assert found["range"]["start"]["line"] == 4
    assert {"schedule", "vendor", "audit", "state_dir"} <= session.completion(path, 5, 0).keys()
