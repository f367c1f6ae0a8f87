"""Commands that write: sync, run."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating
from syncer.cli.approve import principal
from syncer.cli.render import json_text

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from syncer.cli.service import Ending
    from syncer.model.outcome import SyncReport
    from syncer.settings import Resolved


@click.command(cls=options.Documented, short_help="Write what differs, verified and recorded.")
@options.selection
@options.common
@options.output("brief", "json", "jsonl", "markdown")
@click.option(
    "--plan", "plan_id", metavar="PLAN-ID", default="", envvar="SYNCER_PLAN", show_envvar=True,
    help="Only if the plan still has this id; else exit 4.",
)  # fmt: skip
@click.pass_context
def sync(ctx: click.Context, /, **given: Any) -> int:
    """Run one pass and write what the gate lets through: intent, re-read, PUT, read back, result, for each app.

    \b
    Examples:
      syncer sync
      syncer sync support-desk --plan 3f2a9c1b7d20
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import log
    from syncer.approvals import checked_id
    from syncer.cli import locked
    from syncer.errors import LockedError, StoppedError, SyncerError

    if given["plan_id"]:
        checked_id(given["plan_id"])
    resolved = options.resolve(ctx)
    settings = resolved.settings
    try:
        report = asyncio.run(_synced(resolved, given, log.silent(), repeating.selection(ctx)))
    except StoppedError as error:  # a graceful end of `run`, but here a pipeline must not take it for done
        raise SyncerError(error.message, hint="run `syncer sync` again") from error
    except LockedError as error:
        raise locked.explained(error, settings, "syncer reconcile") from error
    rest = repeating.tail(ctx, selected=True)
    _emit(replace(report, decision=repeating.told(report.decision, rest)), given)
    return exits.of_pass(report)


async def _synced(resolved: Resolved, given: dict[str, Any], log: FilteringBoundLogger, selection: str) -> SyncReport:
    """One pass; what it leaves for `syncer status` names the selection, without which its plan's id is no id."""
    from syncer import statefile, wiring
    from syncer.cli import choosing
    from syncer.cli.ending import stopping
    from syncer.cli.service import configured, elected
    from syncer.cli.waiting import bar
    from syncer.errors import SyncerError
    from syncer.model.outcome import Trigger
    from syncer.model.text import sanitize
    from syncer.parts import Ask

    settings = resolved.settings
    async with wiring.opened(settings, write=True, log=log, principal=principal()) as here:
        await elected(here)
        if (
            settings.audit.may_vanish
        ):  # a word that counts only where it is recorded; all else is the daemon's to record
            configured(here.writable, resolved)
        with stopping(here.reconciler.stop), bar(sys.stderr, time.monotonic) as progress:
            ask = Ask(Trigger.MANUAL, write=True, strict=True, expect_plan=given["plan_id"], progress=progress)
            report = await here.reconciler.run(replace(ask, select=partial(choosing.choose, here, given)))
        try:
            kept = replace(report, decision=repeating.told(report.decision, selection))
            statefile.write(settings.state_dir, kept, (app.ref for app in here.tracker.apps))
        except SyncerError as error:  # the result of a write must be told all the same
            click.echo(f"syncer: {sanitize(error.message)}", err=True)
        if here.journal is not None and (why := here.journal.poisoned):
            click.echo(f"syncer: nothing more is written: {sanitize(why)}", err=True)
    return report


def _emit(report: SyncReport, given: dict[str, Any]) -> None:
    from syncer import report as documents
    from syncer.cli.render import report as rendering
    from syncer.cli.render.style import Style

    forms = {
        "text": lambda: rendering.text(report, Style(options.colour_of(sys.stdout))),
        "brief": lambda: rendering.brief(report),
        "markdown": lambda: rendering.markdown(report),
        "json": lambda: json_text.document(documents.of_report(report)),
        "jsonl": lambda: json_text.lines(documents.of_report(report)["apps"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])


@click.command(cls=options.Documented, short_help="Run as a daemon, or one pass with --once.")
@options.common
@click.option("--once", is_flag=True, envvar="SYNCER_ONCE", show_envvar=True, help="One pass, then end: for a CronJob.")
@click.option(
    "--require-lock", is_flag=True, envvar="SYNCER_REQUIRE_LOCK", show_envvar=True,
    help="With --once: end with 4 rather than 0 when another run holds the state or lease.",
)  # fmt: skip
@options.log_format
@options.metrics_file
@click.option(
    "--termination-log", metavar="FILE", envvar="SYNCER_TERMINATION_LOG", show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to leave why it did not end well, such as /dev/termination-log.",
)  # fmt: skip
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> int:
    """Keep the fleet as git declares it: look at the source, sweep for drift, write on schedule, log to stdout.

    SIGHUP asks for a pass now; SIGTERM finishes the PUT in flight, records it and ends with 0.

    \b
    Examples:
      syncer run -c config/syncer.yaml
      syncer run --once -c config/syncer.yaml
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli import termination
    from syncer.errors import SyncerError

    try:
        ending = _run(ctx, given)
    except SyncerError as error:
        termination.write(given["termination_log"], error.exit_code, termination.of_error(error))
        raise
    termination.write(given["termination_log"], ending.code, ending.why)
    return ending.code


def _run(ctx: click.Context, given: dict[str, Any]) -> Ending:
    from syncer import log
    from syncer.cli import service

    resolved = options.resolve(ctx)
    form = resolved.settings.log.format or ("text" if sys.stdout.isatty() else "json")
    logger = log.configure(json=form == "json", level=resolved.settings.log.level)
    if given["once"]:
        return asyncio.run(service.once(resolved, logger, require_lock=given["require_lock"]))
    return asyncio.run(service.forever(resolved, logger))
