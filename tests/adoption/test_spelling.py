"""A value is read back as it was written, in any position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.adoption.spelling import like, scalar
from syncer.documents import loading

TEXTS = st.text(
    st.characters(codec="utf-8", min_codepoint=32, exclude_categories=["C", "Z"]) | st.just(" "), max_size=30
)


@given(
    TEXTS | st.sampled_from(["no", "True", "1", "0x1", "~", "-", "a:", "a #b", "[", "''", '"', "on", ".", "...", "---"])
)
def test_text_is_text_wherever_it_stands(text: str) -> None:
    document = f"a: {scalar(text)} # c\nb: {{c: {scalar(text, flow=True)}, d: {scalar(text, flow=True)}}}\n"
    parsed = loading.parse("p", document.encode())
    assert (parsed.problems, parsed.value) == ((), {"a": text, "b": {"c": text, "d": text}})


@given(TEXTS, st.sampled_from(["'", '"', "x"]))
def test_quotes_are_kept(text: str, written: str) -> None:
    parsed = loading.parse("p", f"a: {like(written, text, flow=False)}\n".encode())
    assert (parsed.problems, parsed.value) == ((), {"a": text})


@pytest.mark.parametrize(("value", "expected"), [(None, "null"), (True, "true"), (False, "false")])
def test_other_values_have_one_spelling(value: bool | None, expected: str) -> None:
    assert scalar(value) == like("'", value, flow=True) == expected
