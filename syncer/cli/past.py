"""`syncer history`: what happened to an app, from the journal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import completing, exits, options
from syncer.cli.render import json_text
from syncer.model.fields import Field

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import AppRef


@click.command(cls=options.Documented, short_help="Show what happened to an app, or to one field of it, latest first.")
@click.argument("app", shell_complete=completing.apps)
@click.argument("field", metavar="[FIELD]", required=False, type=click.Choice([field.value for field in Field]))
@options.common
@options.server
@options.output("json", "jsonl", "markdown")
@click.option(
    "-n", "--count", type=click.IntRange(1, 1000), default=50, show_default=True, envvar="SYNCER_HISTORY_COUNT",
    show_envvar=True, help="How many records, at most.",
)  # fmt: skip
@click.pass_context
def history(ctx: click.Context, /, **given: Any) -> int:
    """Show every write, drift, hold, approval, suspension and pin of APP: when, who, why, before and after.

    It is read from the journal, also while a daemon runs; needs neither git nor the vendor. An app that has left git is
    named as customer/app_id.

    \b
    Examples:
      syncer history support-desk
      syncer history cust_acme/app_abc123 recording_url -o markdown
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli.render import history as rendering
    from syncer.cli.render.style import Style
    from syncer.clock import SystemClock

    document = _asked(given) if given["server"] else _read(options.resolve(ctx).settings.state_dir, given)
    now = SystemClock().now()
    forms = {
        "text": lambda: rendering.text(document, now, Style(options.colour_of(sys.stdout))),
        "markdown": lambda: rendering.markdown(document),
        "json": lambda: json_text.document(document),
        "jsonl": lambda: json_text.lines(document["entries"]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.DONE


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    from syncer import statefile
    from syncer.cli import remote

    server = remote.Server(given["server"])
    report = None if _whole(given["app"]) else statefile.checked(server.status(), given["server"])
    return server.history(_ref(given["app"], report), given["field"] or "", given["count"])


def _read(state_dir: Path, given: dict[str, Any]) -> dict[str, Any]:
    from syncer import history as documents
    from syncer import statefile
    from syncer.audit import files
    from syncer.audit.index import Index
    from syncer.errors import JournalError

    if not files.recorded(state_dir):
        raise JournalError(
            f"there is no journal in {state_dir}", hint="give the state folder of the daemon with --state-dir"
        )
    ref = _ref(given["app"], None if _whole(given["app"]) else statefile.read(state_dir))
    index = Index.view(state_dir)
    try:
        field = Field(given["field"]) if given["field"] else None
        return documents.document(ref, index.history(ref, field, given["count"]))
    finally:
        index.close()


def _whole(name: str) -> bool:
    return name.count("/") == 1


def _ref(name: str, report: dict[str, Any] | None) -> AppRef:
    """The app of that name in the last report; UsageError where it names none, or several."""
    from syncer import statefile
    from syncer.desired import selection
    from syncer.errors import UsageError
    from syncer.model.desired import AppRef

    if _whole(name):
        customer, _, app = name.partition("/")
        return AppRef(customer, app)
    chosen = selection.select(statefile.statuses(report).values(), (name,))
    if len(chosen) > 1:
        raise UsageError(f"{name!r} names {len(chosen)} apps", hint="write customer/app_id")
    return chosen[0].ref
