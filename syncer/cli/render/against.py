"""Two desired states beside each other: text, a pull-request comment, and the document `syncer.against/v1`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from syncer import report
from syncer.cli.render import cells, change_lines, columns, words
from syncer.cli.render.plan_markdown import LIMIT, RESERVE
from syncer.model.fields import UNDECLARED, shown
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.cli.render.style import Style
    from syncer.model.desired import Commit, Origin, Revision
    from syncer.plan.against import DesiredChange, Side
    from syncer.report import JSON

SCHEMA: Final = "syncer.against/v1"
LEAVES: Final = "leaves git: no longer managed, nothing is written"
KEPT: Final = "no longer managed: the vendor keeps the value it has"


@dataclass(frozen=True, slots=True)
class AgainstView:
    """The differences from one revision to another; `apps` counts those of the later. `blame` as far as known."""

    before: Revision
    after: Revision
    changes: tuple[DesiredChange, ...]
    apps: int
    blame: Mapping[Origin, Commit]

    @property
    def by_app(self) -> tuple[tuple[DesiredChange, ...], ...]:
        """The changes of each app that differs."""
        return tuple(tuple(group) for _, group in groupby(self.changes, key=lambda change: change.ref))

    @property
    def counts(self) -> dict[str, int]:
        """How many apps are new, changed, and leave git."""
        firsts = [group[0] for group in self.by_app]
        added, removed = sum(c.added for c in firsts), sum(c.removed for c in firsts)
        return {"apps": self.apps, "added": added, "changed": len(firsts) - added - removed, "removed": removed}

    def summary(self) -> str:
        """`12 apps: 1 new, 2 changed, 1 leaves git`."""
        count = self.counts
        leaving = f"{count['removed']:,} {'leaves' if count['removed'] == 1 else 'leave'} git"
        told = (f"{count['added']:,} new", f"{count['changed']:,} changed", leaving)
        return f"{words.count(self.apps, 'app')}: {', '.join(told) if self.changes else 'no difference'}"

    def sides(self) -> str:
        """`commit 1a2b3c4 -> commit 5e6f7a8`."""
        return f"{words.revision(self.before)} -> {words.revision(self.after)}"


def text(view: AgainstView, style: Style) -> str:
    """A block per app that differs, then the counts."""
    lines: list[str] = []
    for group in view.by_app:
        lines += [*_block(group, view, style), ""]
    lines += [style.bold(line) for line in columns.summed(view.summary(), view.sides())]
    return "\n".join(lines) + "\n"


def _block(group: tuple[DesiredChange, ...], view: AgainstView, style: Style) -> list[str]:
    first = group[0]
    mark, note, paint = _sort(first, style)
    head = (f"{mark} {words.app(first.ref, first.name)}", _head_place(group), note)
    lines = [paint(line) for line in columns.spread(filter(None, head), change_lines.FIELD)]
    for change in group:
        if change.field is not None:
            lines += _change(change, change.field, new=first.added, style=style)
            why = columns.hanging("", words.where(change.origin, view.blame), change_lines.VALUE)
            lines += [style.dim(line) for line in why]
    return lines


def _sort(first: DesiredChange, style: Style) -> tuple[str, str, Callable[[str], str]]:
    """Mark, note and colour of an app's heading."""
    if first.added:
        return "+", "new app", style.added
    return ("-", LEAVES, style.removed) if first.removed else ("~", "", style.bold)


def _head_place(group: tuple[DesiredChange, ...]) -> str:
    """Where the app as a whole stands; for a changed app each change has its own place."""
    return sanitize(str(group[0].origin)) if group[0].field is None else ""


def _change(change: DesiredChange, field: str, *, new: bool, style: Style) -> list[str]:
    if new:
        return change_lines.single(field, change.after, style.added)
    lines = change_lines.difference(field, change.before, change.after, change.danger, style)
    if change.after is UNDECLARED:
        lines.append(" " * change_lines.VALUE + KEPT)
    return lines


def markdown(view: AgainstView, limit: int = LIMIT) -> str:
    """A heading and a table per app, cut by whole apps."""
    heading = f"### syncer plan --against: {cells.prose(view.summary())}\n\n{cells.prose(view.sides())}"
    blocks = [_table(group, view) for group in sorted(view.by_app, key=_urgency)]
    kept = cells.fitting(blocks, limit - len(heading) - RESERVE)
    left = len(blocks) - len(kept)
    return "\n\n".join([heading, *kept, *([cells.left_out(left, "app")] if left else [])]) + "\n"


def _urgency(group: tuple[DesiredChange, ...]) -> bool:
    """Apps with a dangerous change first; the order is stable."""
    return not any(change.danger for change in group)


def _table(group: tuple[DesiredChange, ...], view: AgainstView) -> str:
    first = group[0]
    note = "new app" if first.added else LEAVES if first.removed else words.count(len(group), "change")
    heading = f"#### {cells.html_code(words.app(first.ref, first.name))} · {note}"
    rows = [_row(change, change.field, view) for change in group if change.field is not None]
    return f"{heading}\n\n{cells.table(('Field', 'Before', 'After', 'Where'), rows)}" if rows else heading


def _row(change: DesiredChange, field: str, view: AgainstView) -> str:
    named, after = cells.code(field), cells.code(words.value(change.after))
    if change.danger:
        named += f"<br>**{cells.prose(words.danger(change.danger, change.before, change.after))}**"
    if words.masked_alike(change.before, change.after):
        after += "<br>(they differ where they are masked)"
    where = cells.prose(words.where(change.origin, view.blame))
    return cells.row([named, cells.code(words.value(change.before)), after, where])


def of_against(view: AgainstView) -> JSON:
    """The document; `before` and `after` are absent where git declares nothing, null where it declares null."""
    return {
        "schema": SCHEMA,
        "before": report.of_revision(view.before),
        "after": report.of_revision(view.after),
        "summary": view.counts,
        "changes": [_document(change) for change in view.changes],
    }


def _document(change: DesiredChange) -> JSON:
    return {
        "customer_id": change.ref.customer_id,
        "app_id": change.ref.app_id,
        "name": change.name,
        "kind": "added" if change.added else "removed" if change.removed else "changed",
        "field": change.field,
        **_side("before", change.before),
        **_side("after", change.after),
        "danger": change.danger.value if change.danger else None,
        "path": change.origin.path,
        "line": change.origin.line,
    }


def _side(key: str, side: Side) -> JSON:
    if side is UNDECLARED:
        return {}
    return {key: side if isinstance(side, str) else shown(side)}
