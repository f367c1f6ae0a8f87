"""What `syncer explain` gathers: one app from every side, or one rule."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from syncer import log, schedule, wiring
from syncer.cli import blaming, repeating, service
from syncer.cli.render import explain as rendering
from syncer.desired import rules as desired_rules
from syncer.desired import screen, selection
from syncer.documents import rules
from syncer.errors import UsageError
from syncer.model.fields import Field
from syncer.model.outcome import Trigger, Verdict
from syncer.model.text import sanitize
from syncer.parts import Ask
from syncer.plan import limits
from syncer.settings import Mode
from syncer.threads import interruptible

if TYPE_CHECKING:
    from syncer.audit.history import HistoryEntry
    from syncer.audit.index import Index
    from syncer.cli.render.style import Style
    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.settings import Settings

HISTORY = 10
WRITES = 100
"""Records of one field that are looked through for its last write: more are drifts that nobody puts back."""


async def app(settings: Settings, name: str, field: Field | None, style: Style, rest: str = "") -> str:
    """The app's explanation as text; UsageError when the name fits none or several.

    `rest` goes behind releasing commands.
    """

    def select(apps: tuple[DesiredApp, ...]) -> tuple[DesiredApp, ...]:
        chosen = _named(apps, name, here.tracker.in_force)
        if len(chosen) > 1:
            raise UsageError(f"{name!r} names {len(chosen)} apps", hint="write customer/app_id")
        return chosen

    async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:
        report = await here.reconciler.run(Ask(Trigger.MANUAL, select=select))
        if here.tracker.failure:
            click.echo(f"syncer: {sanitize(here.tracker.failure.message)}", err=True)
        status = report.apps[0]
        [wanted] = [app for app in here.tracker.apps if app.ref == status.ref]
        look = partial(
            blaming.commits,
            here.source,
            report.revision.id if wanted.pin else wanted.revision.id,
            [wanted.at, *(origin for _, origin in wanted.origins)],
            (wanted,),
        )
        blame = await interruptible(here.source.interrupt, look)
        step = next(iter(report.decision.plan.steps), None)
        live = (
            step.live if step else next(iter(report.decision.plan.unreadable), None) or await here.vendor.read(wanted)
        )
        planned, applies = service.schedule_of(settings), settings.mode is Mode.APPLY
        view = rendering.ExplainView(
            app=wanted,
            now=report.started,
            blame=blame,
            status=status,
            live=live,
            last=here.index.last_applied().get(wanted.ref),
            changes=step.changes if step else (),
            holds=repeating.told(report.decision, rest).holds_of(wanted.ref),
            history=tuple(_row(entry) for entry in here.index.history(wanted.ref, field, HISTORY)),
            field=field,
            next_pass=schedule.next_apply(planned, report.started) if applies else None,
            every=planned.apply if applies and isinstance(planned.apply, timedelta) else None,
            moved=(step.moved_after, step.moved_before) if step else None,
            written=_written(here.index, wanted.ref),
            limits=tuple(limits.told(settings.policy.limits, len(here.tracker.apps))),
        )
    return rendering.text(view, style)


def _named(apps: tuple[DesiredApp, ...], name: str, state: DesiredState | None) -> tuple[DesiredApp, ...]:
    """The apps of that name; an app that is missed may stand in a file that can't be read."""
    try:
        return selection.select(apps, (name,), ())
    except UsageError as error:
        if state is None or state.valid:
            raise
        hint = f"{', '.join(state.rejected[:3])} is invalid, and its apps are not known: see `syncer validate`"
        raise UsageError(error.message, hint=hint) from error


def rule(rule_id: str, style: Style) -> str:
    """A rule's title, why it is one, and an example of mending it; UsageError for an unknown one."""
    found = rules.find(rule_id, rules.RULES, desired_rules.RULES, screen.RULES)
    if found is None:
        raise UsageError(f"no rule is called {rule_id}", hint="rule ids look like SY201; `syncer validate` prints them")
    example = "".join(f"\n  {line}" for line in found.example.split("\n")) if found.example else ""
    return f"{style.bold(f'{found.id}: {found.title}')}\n\n{found.explanation}" + (f"\n{example}" if example else "")


def _written(index: Index, ref: AppRef) -> dict[Field, rendering.Written]:
    """The last write of each field that the journal has."""
    found = {}
    for field in Field:
        entries = index.history(ref, field, WRITES)
        if entry := next((entry for entry in entries if entry.verdict is Verdict.APPLIED), None):
            words = (("approved", entry.approved), ("pinned", entry.pinned))
            word = "; ".join(f"{what} by {said}" for what, said in words if said)
            found[field] = rendering.Written(
                entry.ended or entry.at, entry.revision, entry.by, entry.trigger, entry.actor, word
            )
    return found


def _row(entry: HistoryEntry) -> rendering.HistoryRow:
    what = entry.verdict or entry.event.removeprefix("syncer.").removesuffix(".v1")
    told = f"{what}: {entry.message}" if entry.message else what
    fields = tuple(move.field.value for move in entry.moves)
    return rendering.HistoryRow(entry.at, entry.trigger, told, fields, entry.revision)
