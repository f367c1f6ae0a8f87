"""Commands that look and write nothing: plan, explain."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from syncer.cli import completing, exits, options, repeating
from syncer.cli.render import json_text
from syncer.model.fields import Field

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.cli.examination import Finding
    from syncer.cli.render.plan import PlanView
    from syncer.model.desired import DesiredApp
    from syncer.model.outcome import SyncReport
    from syncer.settings import Settings

RULE_ID: Final = re.compile(r"SY[0-9]{3}", re.IGNORECASE)


@click.command(cls=options.Documented, short_help="Show what would change, who moved it, and what holds it back.")
@options.selection
@options.common
@options.output("brief", "json", "jsonl", "markdown")
@options.exit_code
@click.option(
    "--against", metavar="REV", envvar="SYNCER_AGAINST", show_envvar=True,
    help="Compare with desired state at another revision instead: no vendor, no tokens.",
)  # fmt: skip
@click.pass_context
def plan(ctx: click.Context, /, **given: Any) -> int:
    """Show what differs between git and the vendor, field by field, with the cause of each difference.

    \b
    Examples:
      syncer plan
      syncer plan support-desk 'sales-*' -l env=prod
      syncer plan --exit-code -o markdown --output-file comment.md
      syncer plan --against main          for pull requests: needs no token
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    settings = options.resolve(ctx).settings
    if given["against"] is not None:
        from syncer.cli import against

        return against.show(settings, given)
    report, view = asyncio.run(_planned(settings, given))
    decision = repeating.told(view.decision, repeating.tail(ctx, selected=True))
    view = replace(view, decision=decision, tail=repeating.tail(ctx))
    _emit(view, given["form"], given["output_file"])
    return exits.of_plan(report.decision, with_code=given["with_code"])


async def _planned(settings: Settings, given: dict[str, Any]) -> tuple[SyncReport, PlanView]:
    from syncer import log, wiring
    from syncer.cli import blaming, choosing, examination
    from syncer.cli.render.plan import PlanView
    from syncer.cli.waiting import bar
    from syncer.model.outcome import Trigger
    from syncer.parts import Ask
    from syncer.threads import in_thread, interruptible

    chosen: tuple[DesiredApp, ...] = ()
    journal = asyncio.create_task(in_thread(examination.journal, settings.state_dir))  # beside the reading
    async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:

        def select(apps: tuple[DesiredApp, ...]) -> tuple[DesiredApp, ...]:
            nonlocal chosen
            chosen = choosing.choose(here, given, apps)
            return chosen

        with bar(sys.stderr, time.monotonic) as progress:
            report = await here.reconciler.run(Ask(Trigger.MANUAL, strict=True, select=select, progress=progress))
        origins = {change.origin for step in report.decision.plan.steps for change in step.changes}
        look = partial(blaming.commits, here.source, report.revision.id, origins, chosen)
        blame = await interruptible(here.source.interrupt, look)
    _warn(await journal)
    narrowed = given["apps"] or given["labels"] or given["changed_since"] is not None
    # Who asks about some apps is not told about all the others.
    view = PlanView(chosen, report.decision, report.apps, report.started, blame, report.revision.source)
    return report, replace(view, unmanaged=None if narrowed else report.unmanaged)


def _warn(findings: list[Finding]) -> None:
    """A plan only reads the journal's end; what it says of causes rests on the whole, and a sync would refuse it."""
    from syncer.model.text import sanitize

    for finding in findings:
        if not finding.ok:
            click.echo(f"syncer: {sanitize(finding.seen)}\n  hint: {sanitize(finding.mend)}", err=True)


def _emit(view: PlanView, form: str, output_file: Path | None) -> None:
    from syncer import report as documents
    from syncer.cli.render import plan as rendering
    from syncer.cli.render.style import Style

    document = documents.of_plan(view.apps, view.decision, view.now, view.unmanaged)
    forms = {
        "text": lambda: rendering.text(view, Style(options.colour_of(sys.stdout))),
        "brief": lambda: rendering.brief(view),
        "markdown": lambda: rendering.markdown(view),
        "json": lambda: json_text.document(document),
        "jsonl": lambda: json_text.lines(document["apps"]),
    }
    options.emit(forms[form], output_file, forms["text"])


@click.command(
    cls=options.Documented, short_help="Say where an app's values come from and what happens next, or explain a rule."
)
@click.argument("what", metavar="APP|RULE-ID", shell_complete=completing.apps)
@click.argument("field", metavar="[FIELD]", required=False, type=click.Choice([field.value for field in Field]))
@options.common
@click.pass_context
def explain(ctx: click.Context, /, **given: Any) -> int:
    """Explain an APP (or one FIELD of it): value, layer, file and line, commit, last applied, live, what comes next.

    \b
    Examples:
      syncer explain support-desk callback_url
      syncer explain SY301
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli import explaining
    from syncer.cli.render.style import Style

    style = Style(options.colour_of(sys.stdout))
    if RULE_ID.fullmatch(given["what"]):
        click.echo(explaining.rule(given["what"].upper(), style))
        return exits.DONE
    settings = options.resolve(ctx).settings
    field = Field(given["field"]) if given["field"] else None
    rest = f" {shlex.quote(given['what'])}{repeating.tail(ctx)}"
    click.echo(asyncio.run(explaining.app(settings, given["what"], field, style, rest)).rstrip("\n"))
    return exits.DONE
