"""What a pass did, for `sync` and `run --once`: a line per app that is not simply unchanged, and honest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from syncer import report as documents
from syncer.cli.render import cells, columns, thinning, unmanaged, words
from syncer.cli.render.plan_markdown import LIMIT, RESERVE
from syncer.cli.render.view import SHORT_ID, quiet
from syncer.model.outcome import Status
from syncer.model.planned import QUIET_RULES
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.cli.render.style import Style
    from syncer.model.desired import AppRef
    from syncer.model.outcome import Outcome, SyncReport

ALWAYS_NAMED: Final = ("applied", "unchanged", "failed", "held", "unreadable")
WHEN_ANY: Final = ("moved", "stopped", "waiting")
VERBS: Final = {
    Status.APPLIED: "applied",
    Status.MOVED: "moved: the live value changed between plan and write; nothing written, planned again next time",
    Status.FAILED: "failed",
    Status.OPEN: "unsure: no answer tells whether it was written; no other write until the app is read again",
    Status.STOPPED: "stopped before its turn; nothing written",
}


class Line(NamedTuple):
    """One app of a pass: `then` is a hint or the way out; all sanitized."""

    mark: str
    app: str
    told: str
    then: str = ""


def text(report: SyncReport, style: Style) -> str:
    """One entry per app that was written, failed, was held or could not be read; then the summary."""
    paint: dict[str, Callable[[str], str]] = {"+": style.added, "!": style.error, "?": style.error, "-": style.warn}
    lines: list[str] = []
    for line, left_out in thinning.thinned(list(_lines(report)), _reason):
        colour = paint.get(line.mark, style.dim)
        lines += [colour(part) for part in _entry(line)]
        if left_out:
            lines.append(colour(f"{line.mark} {thinning.more(left_out)}"))
    lines += unmanaged.lines(documents.of_unmanaged(report.unmanaged))
    closing = style.error if _failed(report) else style.bold
    lines += [closing(line) for line in columns.summed(summary(report), made_of(report))]
    return "\n".join(lines) + "\n"


def _reason(line: Line) -> tuple[str, ...]:
    """What lines share that may stand for each other; each app that was written is named."""
    return line if line.mark == "+" else (line.mark, line.told, line.then)


def _entry(line: Line) -> list[str]:
    """All on one line where it fits; else below the app, with what to do then on a line of its own."""
    head = f"{line.mark} {line.app}"
    whole = f"{head}  {_joined(line)}"
    if columns.width(whole) <= columns.LINE:
        return [whole]
    below = [part for told in (line.told, line.then) if told for part in columns.hanging("", told, 4)]
    return [*columns.spread((head,), 4), *below]


def _joined(line: Line) -> str:
    return f"{line.told} ({line.then})" if line.then else line.told


def brief(report: SyncReport) -> str:
    """The same without colour, each app cut to one line."""
    lines = [columns.shortened(f"{line.mark} {line.app}  {line.told}", columns.LINE) for line in _lines(report)]
    return "\n".join([*lines, *columns.summed(summary(report), made_of(report))]) + "\n"


def markdown(report: SyncReport, limit: int = LIMIT) -> str:
    """Heading and one table, failures first, cut by whole apps."""
    heading = f"### syncer sync: {cells.prose(summary(report))}\n\n{cells.prose(made_of(report))}"
    told = sorted(_lines(report), key=lambda line: line.mark not in "!?")
    rows = [cells.row([cells.code(line.app), cells.prose(_joined(line))]) for line in told]
    kept = cells.fitting(rows, limit - len(heading) - RESERVE)
    parts = [heading, *([cells.table(("App", "Outcome"), kept)] if kept else [])]
    if left := len(rows) - len(kept):
        parts.append(cells.left_out(left, "line"))
    return "\n\n".join(parts) + "\n"


def summary(report: SyncReport) -> str:
    """`12 apps: 3 applied, 8 unchanged, 1 failed, 0 held, 0 unreadable in 1.2 s`."""
    counts = documents.outcome_counts(report)
    told = [f"{counts[key]:,} {key}{_not_counted(report) if key == 'held' else ''}" for key in ALWAYS_NAMED]
    told += [f"{counts[key]:,} {key}" for key in WHEN_ANY if counts[key]]
    return f"{words.count(counts['apps'], 'app')}: {', '.join(told)} in {words.lasted(report.elapsed)}"


def _not_counted(report: SyncReport) -> str:
    """How many of the held apps are held by their own policy alone."""
    approved = {step.ref for step in report.decision.approved}
    waiting = (step for step in report.decision.plan.steps if step.ref not in approved)
    own = sum(quiet(step, [h for h in report.decision.holds_of(step.ref) if h.ref]) for step in waiting)
    return f" ({own:,} not counted)" if own else ""


def made_of(report: SyncReport) -> str:
    """`plan 4f2a1b3c5d6e · commit 1a2b3c4`."""
    return f"plan {report.decision.plan.id[:SHORT_ID]} · {words.revision(report.revision)}"


def _failed(report: SyncReport) -> bool:
    lost = any(outcome.status in {Status.FAILED, Status.OPEN} for outcome in report.outcomes)
    return lost or bool(report.decision.plan.unreadable)


def _lines(report: SyncReport) -> Iterator[Line]:
    """Everything but the apps that were simply unchanged: outcomes, what could not be read, what was held."""
    names = {status.ref: status.name for status in report.apps}
    for outcome in report.outcomes:
        yield _outcome(outcome)
    for silent in report.decision.plan.unreadable:
        app = words.app(silent.ref, names.get(silent.ref, ""))
        yield Line("?", app, f"unreadable: {sanitize(silent.message)}", sanitize(silent.hint))
    yield from _held(report, names)


def _outcome(outcome: Outcome) -> Line:
    app = words.app(outcome.ref, outcome.name)
    told = VERBS[outcome.status] + (f": {sanitize(outcome.failure)}" if outcome.failure else "")
    if outcome.status is Status.APPLIED:
        again = f" in {outcome.attempts} attempts" if outcome.attempts > 1 else ""
        return Line("+", app, told + again)
    mark = "!" if outcome.status in {Status.FAILED, Status.OPEN} else "-"
    return Line(mark, app, told, sanitize(outcome.hint))


def _held(report: SyncReport, names: dict[AppRef, str]) -> Iterator[Line]:
    for hold in report.decision.holds:
        app = "the whole pass" if hold.ref is None else words.app(hold.ref, names.get(hold.ref, ""))
        of = f" ({words.names(hold.fields)})" if hold.fields else ""
        verb = "left as it is" if hold.rule in QUIET_RULES else "held"
        way_out = f"{columns.WAY_OUT}{sanitize(hold.release)}" if hold.release else ""
        yield Line("-", app, f"{verb}: {sanitize(hold.detail)}{of}", way_out)
