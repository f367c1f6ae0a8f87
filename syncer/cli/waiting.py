"""A bar on a terminal during long work; nothing at all where nobody looks."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from syncer.cli.render import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.parts import Progress

PATIENCE: Final = 0.5
"""Seconds of work before a bar appears: most commands are over by then."""
EVERY: Final = 0.1
"""Seconds between two drawings."""
CLEAR: Final = "\r\x1b[K"


class Line:
    """One line on a terminal, drawn over itself; nothing at all where nobody looks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False

    def tell(self, text: str) -> None:
        """What is under way."""
        if self._stream.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(CLEAR + text[:width])
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Leaves the line as if nothing had been there."""
        if self._shown:
            self._stream.write(CLEAR)
            self._stream.flush()


class Bar:
    """Draws the line over itself; each stage (reading, then writing) starts a new count."""

    def __init__(self, stream: TextIO, seconds: Callable[[], float], noun: str) -> None:
        self._line = Line(stream)
        self._noun = noun
        self._seconds = seconds
        self._begun = self._drawn = seconds()

    def tell(self, done: int, failed: int, total: int) -> None:
        """One more is done."""
        now = self._seconds()
        if done == 1:
            self._begun = now
        if now - self._begun >= PATIENCE and now - self._drawn >= EVERY:
            width = shutil.get_terminal_size().columns - 1
            self._line.tell(progress.line(done, failed, total, now - self._begun, width, self._noun))
            self._drawn = now

    def clear(self) -> None:
        """Leaves the line as if nothing had been there."""
        self._line.clear()


@contextmanager
def bar(stream: TextIO, seconds: Callable[[], float], noun: str = "app") -> Iterator[Progress]:
    """What work may tell its progress; drawn on a terminal only, and gone when it ends.

    `noun` is what is counted, in the singular.
    """
    drawn = Bar(stream, seconds, noun)
    try:
        yield drawn.tell if stream.isatty() else _silent
    finally:
        drawn.clear()


def _silent(_done: int, _failed: int, _total: int) -> None:
    """A pipe or a file wants the result alone."""
