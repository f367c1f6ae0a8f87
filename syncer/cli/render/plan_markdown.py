"""A plan as a comment on a pull request: the dangerous first, cut by whole apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.cli.render import cells, unmanaged, words
from syncer.cli.render.view import Fate, causes, unchanged
from syncer.plan import orders
from syncer.report import of_unmanaged

if TYPE_CHECKING:
    from syncer.cli.render.view import PlanView
    from syncer.model.planned import AppPlan, FieldChange

LIMIT: Final = 60_000
"""Characters; a forge that refuses more (65,536) keeps room for what a bot adds."""
RESERVE: Final = 400
"""Room for the lines that say what was left out, and for the next command."""
HEAD: Final = ("Field", "Live", "Git", "Cause", "Where")


def markdown(view: PlanView, limit: int = LIMIT) -> str:
    """Heading, counts, one folded section per changing app, then what is not written and why."""
    fates = view.fates
    heading = _heading(view, tuple(fates.values()))
    notes = _notes(view)
    blocks = [_block(step, fates[step.ref], view) for step in _by_urgency(view)]
    room = limit - len(heading) - RESERVE
    kept_notes = cells.fitting(notes, room // 2 if blocks else room)
    kept_blocks = cells.fitting(blocks, room - sum(len(note) + 2 for note in kept_notes))
    parts = [heading, *kept_blocks]
    if left := len(blocks) - len(kept_blocks):
        parts.append(cells.left_out(left, "changing app"))
    if kept_notes:
        parts.append("**Not written**\n\n" + "\n".join(kept_notes))
    if left := len(notes) - len(kept_notes):
        parts.append(cells.left_out(left, "reason"))
    parts += [cells.prose(told) for told in unmanaged.summed(of_unmanaged(view.unmanaged))]
    if command := view.next_command():
        parts.append(f"Next: {cells.code(command)}")
    return "\n\n".join(parts) + "\n"


def _heading(view: PlanView, fates: tuple[Fate, ...]) -> str:
    title = "in sync" if view.settled else view.summary()
    counts = [cells.row([fate.value, f"{fates.count(fate):,}"]) for fate in Fate if fates.count(fate)]
    source = f" · {cells.code(view.source)}" if view.source else ""
    return "\n\n".join(
        [
            f"### syncer plan: {cells.prose(title)}",
            cells.table(("Apps", "Number"), counts),
            cells.prose(view.made_of()) + source,
        ]
    )


def _by_urgency(view: PlanView) -> list[AppPlan]:
    """Apps with a dangerous change first: a comment that is cut must not hide them."""
    return sorted(view.decision.plan.steps, key=lambda step: (not _dangerous(step), step.ref))


def _dangerous(step: AppPlan) -> bool:
    return any(change.danger for change in step.changes)


def _block(step: AppPlan, fate: Fate, view: PlanView) -> str:
    told = [words.count(len(step.changes), "change"), fate.value]
    if _dangerous(step):
        told.append("look twice")
    title = f"{cells.html_code(words.app(step.ref, step.app.name))} · {' · '.join(told)}"
    rows = [_change(change, step, view) for change in step.changes]
    left = unchanged(step)
    lines = [
        f"<details{' open' if _dangerous(step) else ''}><summary>{title}</summary>",
        cells.table(HEAD, rows),
        f"{cells.code(str(step.app.at))}" + (f" · {words.count(left, 'field')} unchanged" if left else ""),
        "</details>",
    ]
    return "\n\n".join(lines)


def _change(change: FieldChange, step: AppPlan, view: PlanView) -> str:
    named = cells.code(change.field.value)
    if change.danger:
        named += f"<br>**{cells.prose(words.danger(change.danger, change.live, change.desired))}**"
    after = cells.code(words.value(change.desired))
    if words.masked_alike(change.live, change.desired):
        after += "<br>(they differ where they are masked)"
    where = cells.prose("; ".join(causes(change, step, view)))
    return cells.row([named, cells.code(words.value(change.live)), after, change.cause.value, where])


def _notes(view: PlanView) -> list[str]:
    """One line per reason against writing; names of apps always stand with their reason."""
    apps = view.by_ref
    found = []
    for silent in view.decision.plan.unreadable:
        told = f"unreadable ({silent.kind}): {silent.message}"
        found.append(_note(words.app(silent.ref, apps[silent.ref].name), told, silent.hint))
    for hold in view.decision.holds:
        named = "the whole pass" if hold.ref is None else words.app(hold.ref, apps[hold.ref].name)
        of = f" ({words.names(hold.fields)})" if hold.fields else ""
        found.append(_note(named, f"{hold.detail}{of}", hold.release))
    found += [_note(words.app(s.ref, s.name), f"suspended, nothing differs: {s.reason}", "") for s in view.paused]
    found += [
        _note(words.app(app.ref, app.name), orders.told(app.pin), "")
        for app in view.apps
        if app.pin and not app.unpinnable
    ]
    for app in view.invalid:
        told = f"invalid in git, {words.revision(app.revision)} stays in force: {app.invalid}"
        found.append(_note(words.app(app.ref, app.name), told, ""))
    return found


def _note(named: str, told: str, release: str) -> str:
    then = _release(release) if release else ""
    return f"- {cells.html_code(named)}: {cells.prose(told)}{then}"


def _release(way_out: str) -> str:
    return f" · {cells.code(way_out) if way_out.startswith('syncer ') else cells.prose(way_out)}"
