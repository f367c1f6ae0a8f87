"""Commands of the demo without their output."""

from __future__ import annotations

import io
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quietly() -> Iterator[io.StringIO]:
    """Keeps what is printed."""
    with redirect_stdout(io.StringIO()) as kept:
        yield kept
