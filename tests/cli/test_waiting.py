"""The bar of long work: on a terminal, after a while, and gone at the end."""

from __future__ import annotations

from io import StringIO
from itertools import count

from syncer.cli.waiting import CLEAR, bar


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_on_a_terminal_shows_how_far_it_is_and_leaves_nothing_behind() -> None:
    stream, ticks = Terminal(), count()
    with bar(stream, lambda: next(ticks) * 1.0) as progress:
        for done in range(1, 5):
            progress(done, done // 4, 4)
    drawings = stream.getvalue().split(CLEAR)
    assert [text.rpartition("] ")[2].split(",")[0] for text in drawings if text] == [
        "2 of 4 apps",
        "3 of 4 apps",
        "4 of 4 apps",
    ]
    assert "1 failed" in drawings[-2]
    assert stream.getvalue().endswith(CLEAR)


def shown(stream: StringIO, step: float) -> str:
    ticks = count()
    with bar(stream, lambda: next(ticks) * step) as progress:
        for done in range(1, 5):
            progress(done, 0, 4)
    return stream.getvalue()


def test_short_work_and_a_pipe_show_nothing() -> None:
    assert shown(Terminal(), 0.0) == ""
    assert shown(StringIO(), 1.0) == ""
