"""What the query of an address asks of a page; what can't be meant is left out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST: Final = 200
"""Characters of a text that is searched for."""


def texts(query: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Each by its name, empty where it is not asked for."""
    return {name: query.get(name, "").strip()[:LONGEST] for name in names}


def page(query: Mapping[str, str]) -> int:
    """The number of the page, from 1 on."""
    number = query.get("page", "1")
    return max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 7 else 1
