"""Commands for the person on call: status."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from syncer.cli import exits, options, repeating


@click.command(cls=options.Documented, short_help="Show the state of every app after the last pass.")
@options.common
@options.output("json", "jsonl", "markdown")
@click.pass_context
def status(ctx: click.Context, /, **given: Any) -> int:
    """Show what needs you first, then what goes by itself, from the report of the last pass in the state folder.

    \b
    Example:
      syncer status --state-dir /var/lib/syncer
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import statefile
    from syncer.cli.render import status as rendering
    from syncer.cli.render.style import Style
    from syncer.clock import SystemClock
    from syncer.errors import SyncerError

    settings = options.resolve(ctx).settings
    document = statefile.read(settings.state_dir)
    if document is None:
        raise SyncerError(
            f"no pass has been made with {settings.state_dir} yet", hint="run `syncer sync` or `syncer run` first"
        )
    document = repeating.told_in(document, repeating.tail(ctx))
    now = SystemClock().now()
    stale = statefile.stale(document, now, settings.schedule.detect)
    aged = statefile.aged(document, stale)
    forms = {
        "text": lambda: rendering.text(document, stale, now, Style(options.colour_of(sys.stdout))),
        "markdown": lambda: rendering.markdown(document, stale, now),
        "json": lambda: json.dumps(aged, indent=2, ensure_ascii=False),
        "jsonl": lambda: "\n".join(json.dumps(app, ensure_ascii=False) for app in aged["apps"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.DONE
