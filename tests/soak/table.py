"""Writes what the last soak reached into docs/reliability.md; `make soak` ends with it."""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.soak.figures import GOALS, kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.soak.figures import Figure

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin, written by make soak -->", "<!-- soak: end -->"


def table(figures: Iterable[Figure], day: str) -> str:
    """The table in Markdown: every goal, also those that no soak has reached yet."""
    found: dict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        found[figure.key].append(figure)
    rows = [
        f"Of {day}. `make soak` runs them all; `make mutants` the mutants.",
        "",
        "| What | At least | Reached | Seeds | Result | Seconds |",
        "|---|---|---|---|---|---|",
    ]
    for key, (what, least) in GOALS.items():
        parts = found.get(key, [])
        reached = sum(part.reached for part in parts)
        seeds, result = (", ".join(dict.fromkeys(getattr(p, name) for p in parts)) for name in ("seeds", "result"))
        took = f"{sum(part.took for part in parts):.0f}"
        done = f"{reached:,}" if parts else "not run"
        rows.append(f"| {what} | {least:,} | {done} | {seeds} | {result} | {took} |")
    return "\n".join(rows)


def written(page: str, new: str) -> str:
    """The page with the table in its place; raises ValueError where the marks are missing."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE} has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main(folder: str) -> None:
    day = datetime.now(UTC).date().isoformat()
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(kept(Path(folder)), day)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
