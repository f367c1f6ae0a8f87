from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.cli.render import progress


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((120, 2, 240, 3.0, 80), "[###############...............] 120 of 240 apps, 2 failed, 40/s, 3.0 s left"),
        ((0, 0, 240, 0.0, 60), "[..............................] 0 of 240 apps"),
        ((240, 0, 240, 40.0, 60), "[##############################] 240 of 240 apps, 6.0/s"),
        ((120, 2, 240, 3.0, 40), "120 of 240 apps, 2 failed, 40/s"),
        ((0, 0, 0, 1.0, 80), "0 of 0 apps"),
    ],
)
def test_lines(values: tuple[int, int, int, float, int], expected: str) -> None:
    assert expected == progress.line(*values)


def test_what_is_counted_may_be_another_thing() -> None:
    assert progress.line(3, 0, 12, 1.5, 60, "megabyte").endswith("3 of 12 megabytes, 2.0/s, 4.5 s left")


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 10**6), st.integers(1, 200))
def test_it_never_wraps(done: int, total: int, elapsed: float, width: int) -> None:
    assert len(progress.line(done, done // 2, total, elapsed, width)) <= width
