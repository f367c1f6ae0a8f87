"""Commands for the person on call: status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating
from syncer.cli.render import json_text

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.model.desired import AppRef


@click.command(cls=options.Documented, short_help="Show the state of every app after the last pass.")
@options.common
@options.server
@options.output("json", "jsonl", "markdown")
@click.pass_context
def status(ctx: click.Context, /, **given: Any) -> int:
    """Show what needs you first, then what goes by itself, from the report of the last pass.

    It is read from the state folder, or asked of a daemon.

    \b
    Examples:
      syncer status --state-dir /var/lib/syncer
      syncer status --server https://syncer.corp.example
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import statefile
    from syncer.cli.render import status as rendering
    from syncer.cli.render.style import Style
    from syncer.clock import SystemClock

    now = SystemClock().now()
    document, stale = _asked(given["server"]) if given["server"] else _kept(ctx, now)
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
