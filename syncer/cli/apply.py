"""Commands that write: sync, approve, run."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from syncer.model.outcome import SyncReport
    from syncer.settings import Settings
    from syncer.wiring import Opened

APPROVAL_LASTS = timedelta(hours=24)
SHORTEST_ID = 8
"""Characters of a plan id that can't name another plan by chance."""


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
    from syncer.errors import StoppedError, SyncerError

    if given["plan_id"]:
        _check_id(given["plan_id"])
    settings = options.resolve(ctx).settings
    try:
        report = asyncio.run(_synced(settings, given, log.silent(), repeating.selection(ctx)))
    except StoppedError as error:  # a graceful end of `run`, but here a pipeline must not take it for done
        raise SyncerError(error.message, hint="run `syncer sync` again") from error
    rest = repeating.tail(ctx, selected=True)
    _emit(replace(report, decision=repeating.told(report.decision, rest)), given)
    return exits.of_pass(report)


def _check_id(plan_id: str) -> None:
    from syncer.errors import UsageError

    if len(plan_id) < SHORTEST_ID:
        raise UsageError(f"give at least {SHORTEST_ID} characters of the plan id", hint="`syncer plan` shows it")


async def _synced(settings: Settings, given: dict[str, Any], log: FilteringBoundLogger, selection: str) -> SyncReport:
    """One pass; what it leaves for `syncer status` names the selection, without which its plan's id is no id."""
    from syncer import statefile, wiring
    from syncer.cli import choosing
    from syncer.cli.ending import stopping
    from syncer.cli.waiting import bar
    from syncer.errors import SyncerError
    from syncer.model.outcome import Trigger
    from syncer.model.text import sanitize
    from syncer.parts import Ask

    async with wiring.opened(settings, write=True, log=log, principal=_principal()) as here:
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
        "json": lambda: json.dumps(documents.of_report(report), indent=2, ensure_ascii=False),
        "jsonl": lambda: "\n".join(json.dumps(app, ensure_ascii=False) for app in documents.of_report(report)["apps"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])


@click.command(cls=options.Documented, short_help="Release what a plan holds back, with a reason that is recorded.")
@click.argument("plan_id", metavar="PLAN-ID", default="")
@click.option(
    "--non-fast-forward", "commit", metavar="SHA", default="", envvar="SYNCER_NON_FAST_FORWARD", show_envvar=True,
    help="Instead of a plan: let this commit take the place of one that it does not follow.",
)  # fmt: skip
@options.selection
@options.common
@click.option("--reason", required=True, envvar="SYNCER_REASON", show_envvar=True, help="Recorded in the journal.")
@click.pass_context
def approve(ctx: click.Context, /, **given: Any) -> int:
    """Approve the exact changes that `syncer plan` showed under PLAN-ID (at least 8 characters of it).

    The approval binds to each app's changes, is used up by the next write of them, and expires after 24 hours.
    Where the source's history was rewritten, approve the one commit that may come in force all the same.

    \b
    Examples:
      syncer approve 3f2a9c1b7d20 --reason "CHG-1042: move recordings to the new host"
      syncer approve --non-fast-forward 5f2b6c0d9e17 --reason "CHG-1050: secret taken out of history"
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.errors import UsageError

    if not given["reason"].strip():
        raise UsageError("the reason is empty", hint="say why: it is what an auditor reads")
    if bool(given["plan_id"]) == bool(given["commit"]):
        raise UsageError("give a PLAN-ID or --non-fast-forward SHA, and not both", hint="`syncer plan` says which")
    if given["commit"]:
        from syncer.cli import rewriting

        approved = rewriting.approve(options.resolve(ctx).settings, given, _principal(), APPROVAL_LASTS)
        click.echo(
            f"approved {approved}\nnext: syncer sync{repeating.tail(ctx)}"
            if approved
            else "no commit waits for an approval"
        )
        return exits.DONE
    _check_id(given["plan_id"])
    names = asyncio.run(_approved(options.resolve(ctx).settings, given))
    for name in names:
        click.echo(f"approved {name}")
    click.echo(f"next: syncer sync{repeating.tail(ctx)}" if names else "nothing in this plan waits for an approval")
    return exits.DONE


async def _approved(settings: Settings, given: dict[str, Any]) -> list[str]:
    from syncer import log, wiring
    from syncer.cli import choosing
    from syncer.model.planned import Approval
    from syncer.model.text import sanitize

    async with wiring.opened(settings, write=True, log=log.silent(), principal=_principal()) as here:
        report = await _planned(here, given)
        wanted = {app.ref for app in choosing.choose(here, given, here.tracker.apps)}
        chosen = [
            step
            for step in report.decision.plan.steps
            if step.ref in wanted and any(h.rule in exits.APPROVABLE for h in report.decision.holds_of(step.ref))
        ]
        for step in chosen:
            approval = Approval(
                ref=step.ref,
                digest=step.digest,
                plan_id=report.decision.plan.id,
                by=_principal(),
                reason=given["reason"],
                expires=report.started + APPROVAL_LASTS,
            )
            if here.journal is not None:
                here.journal.approve(approval)
    return [sanitize(f"{step.ref} ({step.app.name})") for step in chosen]


async def _planned(here: Opened, given: dict[str, Any]) -> SyncReport:
    """The plan that is approved: that of the whole fleet, or of the chosen apps where `syncer plan` named them."""
    from syncer.cli import choosing
    from syncer.errors import HeldError
    from syncer.model.outcome import Trigger
    from syncer.parts import Ask

    ask = Ask(Trigger.MANUAL, strict=True, expect_plan=given["plan_id"])
    narrow = replace(ask, select=partial(choosing.choose, here, given))
    try:
        return await here.reconciler.run(ask)
    except HeldError as error:
        if not any(given[name] for name in ("apps", "labels", "changed_since")):
            hint = f"{error.hint}; for the plan of some apps name these apps here, too"
            raise HeldError(error.message, hint=hint) from error
        return await here.reconciler.run(narrow)


@click.command(cls=options.Documented, short_help="Run as a daemon, or one pass with --once.")
@options.common
@click.option("--once", is_flag=True, envvar="SYNCER_ONCE", show_envvar=True, help="One pass, then end: for a CronJob.")
@click.option(
    "--require-lock", is_flag=True, envvar="SYNCER_REQUIRE_LOCK", show_envvar=True,
    help="With --once: end with 4 rather than 0 when another run holds the state.",
)  # fmt: skip
@options.log_format
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> int:
    """Keep the fleet as git declares it: look at the source, sweep for drift, write on schedule, log to stdout.

    SIGHUP asks for a pass now; SIGTERM finishes the PUT in flight, records it and ends with 0.

    \b
    Examples:
      syncer run -c config/syncer.yaml
      syncer run --once -c config/syncer.yaml
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import log
    from syncer.cli import service

    resolved = options.resolve(ctx)
    form = resolved.settings.log.format or ("text" if sys.stdout.isatty() else "json")
    logger = log.configure(json=form == "json", level=resolved.settings.log.level)
    if given["once"]:
        return asyncio.run(service.once(resolved, logger, require_lock=given["require_lock"]))
    return asyncio.run(service.forever(resolved, logger))


def _principal() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a numeric user without a passwd entry, as in most containers
        return "cli"
