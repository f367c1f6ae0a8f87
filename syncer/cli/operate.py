"""Commands for the person on call: status, wait, reconcile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating
from syncer.cli.render import json_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncer.cli.awaiting import Goal, Look
    from syncer.model.desired import AppRef


@click.command(cls=options.Documented, short_help="Show the state of every app after the last pass.")
@options.names
@options.common
@options.server
@options.output("json", "jsonl", "markdown")
@click.pass_context
def status(ctx: click.Context, /, **given: Any) -> int:
    """Show what needs you first, then what goes by itself, from the report of the last pass.

    It is read from the state folder, or asked of a daemon. To go on looking: `watch syncer status`.

    \b
    Examples:
      syncer status --state-dir /var/lib/syncer
      syncer status 'sales-*' -l env=prod
      syncer status --server https://syncer.corp.example
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import statefile
    from syncer.cli.render import status as rendering
    from syncer.cli.render.style import Style
    from syncer.clock import SystemClock
    from syncer.desired import selection

    now = SystemClock().now()
    document, stale = _asked(given["server"]) if given["server"] else _kept(ctx, now)
    if given["apps"] or given["labels"]:
        chosen = selection.select(statefile.statuses(document).values(), given["apps"], given["labels"])
        document = statefile.narrowed(document, {status.ref for status in chosen})
    document = repeating.told_in(document, repeating.tail(ctx))
    aged = statefile.aged(document, stale)
    forms = {
        "text": lambda: rendering.text(document, stale, now, Style(options.colour_of(sys.stdout))),
        "markdown": lambda: rendering.markdown(document, stale, now),
        "json": lambda: json_text.document(aged),
        "jsonl": lambda: json_text.lines(aged["apps"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.DONE


@click.command(cls=options.Documented, short_help="Wait until apps are in sync, or in another state.")
@options.names
@options.common
@options.server
@click.option(
    "--for", "wanted", metavar="STATE", default="in-sync", show_default=True, envvar="SYNCER_WAIT_FOR",
    show_envvar=True, help="A state, as `syncer status` names it.",
)  # fmt: skip
@options.timeout
@click.option(
    "--revision", metavar="REV", default="", envvar="SYNCER_WAIT_REVISION", show_envvar=True,
    help="Count only verdicts of passes over this commit: 7 characters of it, at least.",
)  # fmt: skip
@click.pass_context
def wait(ctx: click.Context, /, **given: Any) -> int:
    """Look at the status until every chosen app (all without APP) is in a state.

    0 when all are. 4 as soon as an app is held until somebody releases it, 1 as soon as one can't get there (the vendor
    refused it, its file is invalid), 1 when the time is over. What was held or refused before this command began
    counts only once a later pass finds it so again.

    \b
    Examples:
      syncer wait --for in-sync --revision "$(git rev-parse HEAD)" --timeout 10m
      syncer wait support-desk --server https://syncer.corp.example
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import statefile
    from syncer.cli import awaiting, remote
    from syncer.clock import SystemClock

    clock = SystemClock()
    goal = awaiting.goal(given["wanted"], given["revision"], given["apps"], given["labels"], clock.now())
    if given["server"]:
        server = remote.Server(given["server"])
        return _awaited(goal, given["timeout"], lambda: statefile.checked(server.status(), given["server"]))
    settings = options.resolve(ctx).settings

    def look() -> dict[str, Any] | None:
        if (document := statefile.read(settings.state_dir)) is None:
            return None
        return statefile.aged(document, statefile.stale(document, clock.now(), settings.schedule.detect))

    return _awaited(goal, given["timeout"], look)


@click.command(cls=options.Documented, short_help="Ask a running daemon for a pass now.")
@options.common
@options.server
@options.server_token
@click.option("--wait", "until_done", is_flag=True, envvar="SYNCER_RECONCILE_WAIT", show_envvar=True,
              help="Wait until that pass has ended, and end as `syncer sync` would.")  # fmt: skip
@options.timeout
@click.pass_context
def reconcile(ctx: click.Context, /, **given: Any) -> int:
    """Ask the daemon to look at the source and the vendor now, and to write what it may.

    \b
    Examples:
      syncer reconcile --server https://syncer.corp.example --server-token-file token
      syncer reconcile --wait --timeout 10m
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from datetime import datetime

    from syncer import statefile
    from syncer.cli import awaiting, locked, remote
    from syncer.errors import UsageError

    if not given["server"]:
        address = locked.address(options.resolve(ctx).settings.state_dir)
        raise UsageError(
            "a pass is asked of a running daemon",
            hint=f"--server {address or 'URL'} --server-token-file FILE; without a daemon: syncer sync",
        )
    server = remote.Server(given["server"], given["server_token_file"])
    asked = server.reconcile()
    click.echo("a pass is asked for")
    if not given["until_done"]:
        return exits.DONE
    goal = awaiting.Goal(None, since=datetime.fromisoformat(asked["at"]))
    return _awaited(goal, given["timeout"], lambda: statefile.checked(server.status(), given["server"]))


def _awaited(goal: Goal, timeout: str, look: Callable[[], dict[str, Any] | None]) -> int:
    """Waits, tells what came of it on stdout, and what is under way on a terminal."""
    import time
    from threading import Event

    from syncer.cli import awaiting
    from syncer.cli.waiting import Line

    line = Line(sys.stderr)
    patience = awaiting.Patience(awaiting.seconds(timeout), time.monotonic, Event().wait)
    try:
        found: Look = awaiting.ended(goal, look, patience, line.tell)
    finally:
        line.clear()
    for told in awaiting.told(found, goal):
        click.echo(told)
    return found.code


def _kept(ctx: click.Context, now: datetime) -> tuple[dict[str, Any], frozenset[AppRef]]:
    """The report in the state folder, and the apps whose verdict in it is too old."""
    from syncer import statefile
    from syncer.errors import SyncerError

    settings = options.resolve(ctx).settings
    document = statefile.read(settings.state_dir)
    if document is None:
        raise SyncerError(
            f"no pass has been made with {settings.state_dir} yet", hint="run `syncer sync` or `syncer run` first"
        )
    return document, statefile.stale(document, now, settings.schedule.detect)


def _asked(server: str) -> tuple[dict[str, Any], frozenset[AppRef]]:
    """The same as a daemon has it."""
    from syncer import statefile
    from syncer.cli import remote

    document = statefile.checked(remote.Server(server).status(), server)
    return document, statefile.told_stale(document)
