from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.model.text import sanitize


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("ünïcödé 日本 मराठी 🎉", "ünïcödé 日本 मराठी 🎉"),
        ("a\nb\tc\rd", "a\\u{a}b\\u{9}c\\u{d}d"),
        ("\x1b]52;c;x\x07", "\\u{1b}]52;c;x\\u{7}"),
        ("\x7f\x85\x9b", "\\u{7f}\\u{85}\\u{9b}"),
        ("\u202eabc\u2069", "\\u{202e}abc\\u{2069}"),
        ("a\u200bb\u2060c\ufeff", "a\\u{200b}b\\u{2060}c\\u{feff}"),
        ("a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"),
        ("\ud800", "\\u{d800}"),
        ("\ue000", "\\u{e000}"),
        ("a\u3164b\u115f\u2800", "a\\u{3164}b\\u{115f}\\u{2800}"),
        ("x\ufe0f\U000e0041", "x\\u{fe0f}\\u{e0041}"),
        ("a\u00a0b", "a\\u{a0}b"),
    ],
)
def test_what_moves_or_hides_is_written_as_its_code(text: str, shown: str) -> None:
    assert sanitize(text) == shown


@given(st.text())
def test_the_result_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    once = sanitize(text)
    assert once.isprintable()
    assert sanitize(once) == once
