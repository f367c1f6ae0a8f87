from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncer.cli.render import columns

LINES = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "))


def test_wide_characters_count_twice_and_combining_marks_not_at_all() -> None:
    assert [columns.width("ab"), columns.width("日本"), columns.width("e\u0301")] == [2, 4, 1]


@given(LINES, st.integers(2, 40))
def test_pieces_lose_nothing_and_fit(text: str, room: int) -> None:
    found = columns.pieces(text, room)
    assert text == "".join(found)
    assert all(columns.width(piece) <= room for piece in found)


@given(LINES, st.integers(2, 40))
def test_wrapping_keeps_every_character_and_fits(text: str, room: int) -> None:
    found = columns.wrapped(text, room)
    assert text.replace(" ", "") == "".join(found).replace(" ", "")
    assert all(columns.width(line) <= room for line in found)


@given(LINES, st.integers(2, 40))
def test_shortened_text_fits(text: str, room: int) -> None:
    assert columns.width(columns.shortened(text, room)) <= room


@given(st.lists(LINES.filter(bool), min_size=1))
def test_parts_are_spread_over_lines_that_fit(parts: list[str]) -> None:
    found = columns.spread(parts, 4, 30)
    assert "".join(parts).replace(" ", "") == "".join(found).replace(" ", "")
    assert all(columns.width(line) <= 30 for line in found)


def test_a_table_aligns_all_columns_but_the_last() -> None:
    assert columns.table([("a", "日"), ("日本", "x y")]) == ["a     日", "日本  x y"]


def test_a_table_without_rows_is_empty() -> None:
    assert columns.table([]) == []


def test_a_hanging_text_is_wrapped_under_its_beginning() -> None:
    assert columns.hanging("to: ", "one two", 2, 10) == ["  to: one", "      two"]
