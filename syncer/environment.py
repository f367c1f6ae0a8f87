"""The one home of the process environment: read once, handed on as a mapping."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def read() -> Mapping[str, str]:
    """The live environment mapping (a token in a variable may be changed by a parent only before start)."""
    return os.environ  # noqa: TID251 -- this is its home
