from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak import figures, table

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_test_reached_stands_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(figures.LOG, str(tmp_path))
    figures.Recorder("a::one")("kill-loop", 300, seeds="1", result="0 lost")
    figures.Recorder("b::two")("kill-loop", 250, seeds="2", result="0 lost")
    rows = table.table(figures.kept(tmp_path), "2026-01-02")
    assert "| kill -9 at random moments | 500 | 550 | 1, 2 | 0 lost | 0 |" in rows


def test_a_goal_without_a_run_says_so() -> None:
    assert "| not run |" in table.table((), "2026-01-02")


def test_a_figure_needs_a_goal() -> None:
    with pytest.raises(KeyError):
        figures.Recorder("a::one")("something", 1, seeds="", result="")


def test_the_table_takes_the_place_of_the_last_one() -> None:
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.written(page, "new") == f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n"


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        table.written("no marks", "new")


def test_the_page_has_a_place_for_it() -> None:
    assert table.BEGIN in table.PAGE.read_text(encoding="utf-8")
