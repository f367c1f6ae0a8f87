"""A plan as text for people, and as one line per app."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncer.cli.render import change_lines, columns, thinning, unmanaged, words
from syncer.cli.render.plan_markdown import markdown
from syncer.cli.render.view import Fate, PlanView, causes, unchanged
from syncer.model.outcome import State
from syncer.model.planned import QUIET_RULES, Rule
from syncer.model.text import sanitize
from syncer.plan import orders
from syncer.report import of_unmanaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.cli.render.style import Style
    from syncer.model.live import Unreadable
    from syncer.model.planned import AppPlan, FieldChange, Hold

__all__ = ["PlanView", "brief", "markdown", "text"]


def text(view: PlanView, style: Style) -> str:
    """The whole plan: a block per change under its apps, what is not written and why, a summary, the next command."""
    if view.settled and view.apps:
        told = f"In sync: {words.count(len(view.apps), 'app')}, live as git declares"
        return (
            "\n".join([f"{style.added(told)} · {view.made_of()}", *unmanaged.lines(of_unmanaged(view.unmanaged))])
            + "\n"
        )
    fates = view.fates
    lines = _heading(view, style)
    for shared, alike in _together(view, style).items():
        for step in alike:
            lines += _head(step, fates[step.ref], style)
        lines += [*shared, ""]
    for title, body in _sections(view, style):
        lines += [style.bold(title), *body, ""]
    if others := unmanaged.lines(of_unmanaged(view.unmanaged)):
        lines += [*others, ""]
    lines += [style.bold(line) for line in columns.summed(view.summary(), view.made_of())]
    if command := view.next_command():
        lines += columns.hanging("Next: ", command, 0)
    return "\n".join(lines) + "\n"


def brief(view: PlanView) -> str:
    """One line per app that is not in sync, and the summary."""
    told = [status for status in view.statuses if status.state is not State.IN_SYNC]
    rows = [(status.state.value, words.app(status.ref, status.name), sanitize(status.reason)) for status in told]
    lines = [columns.shortened(line, columns.LINE) for line in columns.table(rows)]
    others = unmanaged.summed(of_unmanaged(view.unmanaged))
    return "\n".join([*lines, *others, *columns.summed(view.summary(), view.made_of())]) + "\n"


def _heading(view: PlanView, style: Style) -> list[str]:
    """Names the two sides of every arrow below."""
    if not view.decision.plan.steps:
        return []
    sides = ("live -> git", sanitize(view.source), words.revision(view.decision.plan.revision))
    return [*(style.dim(line) for line in columns.spread(filter(None, sides), change_lines.FIELD)), ""]


def _together(view: PlanView, style: Style) -> dict[tuple[str, ...], list[AppPlan]]:
    """Apps under what changes in them: a change that many share, as one of a layer is, is read once."""
    found: dict[tuple[str, ...], list[AppPlan]] = {}
    for step in view.decision.plan.steps:
        found.setdefault(tuple(_body(step, view, style)), []).append(step)
    return found


def _head(step: AppPlan, fate: Fate, style: Style) -> list[str]:
    mark = "" if fate is Fate.APPLY else f"[{fate}]"
    head = (f"~ {words.app(step.ref, step.app.name)}", sanitize(str(step.app.at)), mark)
    return [style.bold(line) for line in columns.spread(filter(None, head), change_lines.FIELD)]


def _body(step: AppPlan, view: PlanView, style: Style) -> Iterator[str]:
    if step.app.pin is not None and not step.app.unpinnable:
        pinned = columns.hanging("", sanitize(orders.told(step.app.pin)), change_lines.FIELD)
        yield from (style.warn(line) for line in pinned)
    for change in step.changes:
        yield from _change(change, step, view, style)
    if left := unchanged(step):
        yield style.dim(f"{' ' * change_lines.FIELD}{words.count(left, 'field')} unchanged")


def _change(change: FieldChange, step: AppPlan, view: PlanView, style: Style) -> list[str]:
    lines = change_lines.difference(change.field.value, change.live, change.desired, change.danger, style)
    label = f"{change.cause}: "
    for told in causes(change, step, view):
        lines += [style.dim(line) for line in columns.hanging(label, told, change_lines.VALUE)]
        label = " " * len(label)
    return lines


def _sections(view: PlanView, style: Style) -> Iterator[tuple[str, list[str]]]:
    """What the plan does not write, by kind; kinds without apps are left out."""
    held = [hold for hold in view.decision.holds if hold.rule not in QUIET_RULES]
    waves = [hold for hold in view.decision.holds if hold.rule is Rule.ROLLOUT_WAVE]
    chosen = [hold for hold in view.decision.holds if hold.rule in QUIET_RULES - {Rule.ROLLOUT_WAVE}]
    found = (
        ("Unreadable, so nothing is concluded", list(_unreadable(view, style))),
        ("Held", list(_held(held, view, style))),
        ("Not counted: later waves of the rollout", list(_held(waves, view, style))),
        ("Not counted: left as it is on purpose", [*_held(chosen, view, style), *_paused(view)]),
        ("At an earlier commit, and in sync with it", list(_back(view))),
        ("Invalid in git, so the last good reading stays in force", list(_invalid(view))),
    )
    return ((title, body) for title, body in found if body)


def _unreadable(view: PlanView, style: Style) -> Iterator[str]:
    """Apps that can't be read for one reason stand together; past a number, reasons of one kind are only counted."""
    grouped: dict[tuple[str, str, str], list[Unreadable]] = {}
    for silent in view.decision.plan.unreadable:
        grouped.setdefault((silent.kind, silent.message, silent.hint), []).append(silent)
    told: Counter[str] = Counter()
    for (kind, message, hint), together in grouped.items():
        told[kind] += 1
        if told[kind] <= thinning.NAMED:
            yield from _silent(together, view, style)
            for part in filter(None, (message, hint)):
                yield from columns.hanging("", sanitize(part), change_lines.FIELD)
    for kind in (kind for kind, reasons in told.items() if reasons > thinning.NAMED):
        rest = [together for (other, _, _), together in grouped.items() if other == kind][thinning.NAMED :]
        yield f"  {thinning.more(sum(map(len, rest)))} ({kind})"


def _silent(together: list[Unreadable], view: PlanView, style: Style) -> Iterator[str]:
    apps = view.by_ref
    for silent in together[: thinning.NAMED]:
        yield from (
            style.error(line) for line in _beside((words.app(silent.ref, apps[silent.ref].name), silent.kind), 2)
        )
    yield from _left_out(len(together), 2)


def _held(holds: Iterable[Hold], view: PlanView, style: Style) -> Iterator[str]:
    """Holds with one reason and one way out stand together: a fleet held by one thing reads as one thing."""
    apps = view.by_ref
    grouped: dict[tuple[str, str], list[Hold]] = {}
    for hold in holds:
        grouped.setdefault((hold.detail, hold.release), []).append(hold)
    for (detail, release), together in grouped.items():
        yield from (style.warn(line) for line in columns.hanging("", sanitize(detail), 2))
        for hold in together[: thinning.NAMED]:
            named = "the whole pass" if hold.ref is None else words.app(hold.ref, apps[hold.ref].name)
            yield from _beside((named, words.names(hold.fields)), change_lines.FIELD)
        yield from _left_out(len(together), change_lines.FIELD)
        if release:
            yield from columns.hanging(columns.WAY_OUT, sanitize(release), change_lines.FIELD)


def _left_out(number: int, indent: int) -> Iterator[str]:
    """One line where there were more than are named."""
    if number > thinning.NAMED:
        yield " " * indent + thinning.more(number - thinning.NAMED)


def _paused(view: PlanView) -> Iterator[str]:
    for status in view.paused:
        yield from columns.hanging("", f"suspended, nothing differs: {sanitize(status.reason)}", 2)
        yield from _beside((words.app(status.ref, status.name),), change_lines.FIELD)


def _back(view: PlanView) -> Iterator[str]:
    """Pinned apps in which nothing differs: their blocks above would have said so."""
    planned = {step.ref for step in view.decision.plan.steps}
    for app in view.apps:
        if app.pin is not None and app.ref not in planned:
            yield from columns.hanging("", sanitize(app.unpinnable or orders.told(app.pin)), 2)
            yield from _beside((words.app(app.ref, app.name),), change_lines.FIELD)


def _invalid(view: PlanView) -> Iterator[str]:
    for app in view.invalid:
        head = (words.app(app.ref, app.name), f"in force: {words.revision(app.revision)}")
        yield from _beside(head, 2)
        yield from columns.hanging("", sanitize(app.invalid), change_lines.FIELD)


def _beside(parts: tuple[str, ...], indent: int) -> Iterator[str]:
    """Parts side by side at an indent, further lines two columns deeper; empty parts are left out."""
    lines = columns.spread(filter(None, parts), 2, columns.LINE - indent)
    return (" " * indent + line for line in lines)
