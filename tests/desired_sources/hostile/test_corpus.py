"""What hostile repositories come to: a named refusal or a reading of plain bytes, and never less than was in force."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.desired_sources.hostile.corpus import FULL, ROWS, Row
from tests.desired_sources.hostile.making import CANARY, MEBIBYTE, RAN, TEXT
from tests.desired_sources.hostile.taking import Taken, take
from tests.support.documents_text import one_app

if TYPE_CHECKING:
    from pathlib import Path


def judge(row: Row, came: Taken, home: Path) -> None:
    error = "" if came.error is None else came.error.message
    assert re.search(row.fails, error) if row.fails else not error
    assert came.named == set(row.problems)
    assert CANARY not in came.said
    assert not (home / RAN).exists()
    assert came.in_force is not None
    settings = {app.ref.app_id: app.settings.popup_url for app in came.in_force.apps}
    assert str(settings["desk"]) == "https://h.example/x"
    assert "evil" not in settings


def bytes_are_those_of_the_server(row: Row, came: Taken) -> None:
    """No filter, keyword, line ending or link had a hand in what was read."""
    snapshot = came.git.at(came.repository.git("rev-parse", f"{row.ref}^{{commit}}"))
    read = came.git.read(snapshot, snapshot.entries)
    assert {entry.path for entry in snapshot.entries} == set(row.reads)
    for entry in snapshot.entries:
        assert read[entry.blob] == came.repository.run("cat-file", "blob", entry.blob)


def no_canary_below(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_hostile_repository(row: Row, tmp_path: Path) -> None:
    came = take(row, tmp_path)
    judge(row, came, tmp_path)
    if not row.fails:
        bytes_are_those_of_the_server(row, came)
    no_canary_below(tmp_path / "state")


@pytest.mark.soak
@pytest.mark.parametrize("row", FULL, ids=lambda row: row.name)
def test_a_huge_repository_is_refused_by_its_list_and_leaves_little_behind(row: Row, tmp_path: Path) -> None:
    came = take(row, tmp_path)
    judge(row, came, tmp_path)
    assert sum(path.stat().st_size for path in (tmp_path / "state").rglob("*") if path.is_file()) < 32 * MEBIBYTE


def test_there_are_many_rows_each_with_a_name_of_its_own() -> None:
    assert len({row.name for row in (*ROWS, *FULL)}) == len(ROWS) + len(FULL) >= 90


def test_the_good_document_is_what_is_looked_for() -> None:
    assert one_app("desk").encode() == TEXT
