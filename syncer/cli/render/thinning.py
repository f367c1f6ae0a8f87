"""Many apps with one trouble read as one thing: two thousand lines of the same would hide the one that differs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

NAMED: Final = 10
"""Apps that are named of those with one reason; JSON names all."""

T = TypeVar("T")


def thinned(rows: Sequence[T], reason: Callable[[T], Hashable]) -> Iterator[tuple[T, int]]:
    """The rows, at most NAMED for each reason; beside the last one kept stands how many like it were left out."""
    total, seen = Counter(map(reason, rows)), Counter[object]()
    for row in rows:
        why = reason(row)
        seen[why] += 1
        if seen[why] <= NAMED:
            yield row, total[why] - NAMED if seen[why] == NAMED else 0


def more(left_out: int) -> str:
    """What stands in the place of rows that were left out."""
    return f"and {left_out:,} more: `-o json` names all"
