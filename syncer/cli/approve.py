"""`syncer approve`: a person's word for a plan or a commit, given here or to a running daemon."""

from __future__ import annotations

import asyncio
import getpass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating

if TYPE_CHECKING:
    from syncer.approvals import Selection
    from syncer.settings import Settings
    from syncer.wiring import Opened


@click.command(cls=options.Documented, short_help="Release what a plan holds back, with a reason that is recorded.")
@click.argument("plan_id", metavar="PLAN-ID", default="")
@click.option(
    "--non-fast-forward", "commit", metavar="SHA", default="", envvar="SYNCER_NON_FAST_FORWARD", show_envvar=True,
    help="Instead of a plan: let this commit take the place of one that it does not follow.",
)  # fmt: skip
@options.selection
@options.common
@options.server
@options.server_token
@options.reason
@click.pass_context
def approve(ctx: click.Context, /, **given: Any) -> int:
    """Approve the exact changes that `syncer plan` showed under PLAN-ID (at least 8 characters of it).

    The approval binds to each app's changes, is used up by the next write of them, and expires after 24 hours.
    Where the source's history was rewritten, approve the one commit that may come in force all the same.
    While a daemon runs, its state is locked: name the daemon with --server, and it records the approval.

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
    if given["server"]:
        commit, names = _asked(given)
        after = "next: the daemon writes it in its next pass"
    else:
        commit, names = asyncio.run(_approved(options.resolve(ctx).settings, given))
        after = f"next: syncer sync{repeating.tail(ctx)}"
    for name in names:
        click.echo(f"approved {name}")
    if commit or names:
        click.echo(after)
    else:
        click.echo(f"{'no commit' if given['commit'] else 'nothing in this plan'} waits for an approval")
    return exits.DONE


def _asked(given: dict[str, Any]) -> tuple[str, list[str]]:
    """What a daemon approved."""
    from syncer.cli import remote
    from syncer.errors import UsageError
    from syncer.model.text import sanitize

    if given["changed_since"]:
        raise UsageError("--changed-since is not for a server", hint="name the apps, or select them by label")
    body = {"plan": given["plan_id"], "apps": list(given["apps"]), "labels": list(given["labels"])}
    wanted = {"commit": given["commit"]} if given["commit"] else body
    answer = remote.Server(given["server"], given["server_token_file"]).approve({**wanted, "reason": given["reason"]})
    commit = answer["commit"] or ""
    names = [f"{app['customer_id']}/{app['app_id']} ({app['name']})" for app in answer["approved"]]
    return commit, [sanitize(each) for each in ([commit] if commit else names)]


async def _approved(settings: Settings, given: dict[str, Any]) -> tuple[str, list[str]]:
    """What was approved here: a commit, or apps by their names."""
    from syncer import log, wiring
    from syncer.approvals import Approver, Word
    from syncer.cli import locked
    from syncer.errors import LockedError
    from syncer.model.text import sanitize

    word = Word(principal(), given["reason"])
    try:
        async with wiring.opened(settings, write=True, log=log.silent(), principal=word.by, stands=False) as here:
            approver = Approver(here.reconciler, here.tracker, here.writable, wiring.CLOCK)
            if given["commit"]:
                commit = await approver.commit(given["commit"], word)
                return commit, [commit] if commit else []
            steps = await approver.plan(given["plan_id"], _selection(here, given), word)
            return "", [sanitize(f"{step.ref} ({step.app.name})") for step in steps]
    except LockedError as error:
        raise locked.explained(error, settings) from error


def _selection(here: Opened, given: dict[str, Any]) -> Selection:
    from syncer import approvals
    from syncer.cli import choosing

    narrowed = any(given[name] for name in ("apps", "labels", "changed_since"))
    return approvals.Selection(partial(choosing.choose, here, given), narrowed=narrowed, named=bool(given["apps"]))


def principal() -> str:
    """Who is recorded for what this command line does."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a numeric user without a passwd entry, as in most containers
        return "cli"
