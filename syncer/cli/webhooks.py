"""Commands for receivers of webhooks: check, send."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from syncer.cli import exits, options
from syncer.cli.render import json_text
from syncer.model.fields import URL_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.cli.render.receivers import CheckView
    from syncer.settings import Settings

EVENTS: Final = (
    "incoming_call",
    "missed_call",
    "outbound_call",
    "call_ringing",
    "call_answered",
    "call_completed",
    "recording_ready",
)
FENCED: Final = "the vendor can't reach such an address; for a test, see --allow-private and webhooks.allow_networks"

allow_private = click.option(
    "--allow-private", is_flag=True, envvar="SYNCER_WEBHOOKS_ALLOW_PRIVATE", show_envvar=True,
    help="Also connect to addresses of this machine and of private networks.",
)  # fmt: skip


@click.group(short_help="Test the receivers that webhooks go to.")
def webhooks() -> None:
    """Test the receivers that webhooks go to."""


@webhooks.command(cls=options.Documented, short_help="Say whether each configured URL answers; sends no call.")
@options.selection
@options.common
@options.output("json", "jsonl")
@click.option(
    "--live", is_flag=True, envvar="SYNCER_WEBHOOKS_LIVE", show_envvar=True,
    help="The URLs that the vendor has, rather than those that git declares.",
)  # fmt: skip
@click.option(
    "--plan", is_flag=True, envvar="SYNCER_WEBHOOKS_PLAN", show_envvar=True,
    help="Only the URLs that a plan would newly set.",
)  # fmt: skip
@click.option(
    "--against", metavar="REV", envvar="SYNCER_AGAINST", show_envvar=True,
    help="Only the URLs that are new since another revision: no vendor, no tokens.",
)  # fmt: skip
@allow_private
@click.option(
    "--strict", is_flag=True, envvar="SYNCER_WEBHOOKS_STRICT", show_envvar=True, help="Fail on warnings as well."
)
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> int:
    """Look each URL's name up, connect, check the certificate, and ask with HEAD. No payload is sent.

    \b
    Examples:
      syncer webhooks check support-desk
      syncer webhooks check --live -l env=prod
      syncer webhooks check --plan                 what the next sync would set
      syncer webhooks check --against main         for pull requests: needs no token
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli.render import receivers as rendering
    from syncer.cli.render.style import Style
    from syncer.errors import UsageError

    if given["live"] and (given["plan"] or given["against"] is not None):
        raise UsageError("--live is about what the vendor has, --plan and --against are not", hint="leave one out")
    view = asyncio.run(_checked(options.resolve(ctx).settings, given))
    document = rendering.document(view)
    forms = {
        "text": lambda: rendering.text(view, Style(options.colour_of(sys.stdout))),
        "json": lambda: json_text.document(document),
        "jsonl": lambda: json_text.lines([*document["urls"], *document["unreadable"]]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    if view.fenced and not given["allow_private"]:
        click.echo(f"  hint: {FENCED}", err=True)
    return exits.FAILED if view.failed(strict=given["strict"]) else exits.DONE


async def _checked(settings: Settings, given: Mapping[str, Any]) -> CheckView:
    from syncer.cli import receiving
    from syncer.cli.render.receivers import CheckView
    from syncer.cli.waiting import bar
    from syncer.clock import SystemClock
    from syncer.parts import Tally
    from syncer.receivers import checking
    from syncer.receivers.verdicts import Level

    wanted = await receiving.wanted(settings, given)
    clock = SystemClock()
    with bar(sys.stderr, time.monotonic, "URL") as progress:
        tally = Tally(progress, len(wanted.targets))
        found = await checking.check(
            wanted.targets,
            receiving.means(settings, private=given["allow_private"]),
            clock,
            lambda one: tally.one(failed=one.level is Level.DEAD),
        )
    return CheckView(found, wanted.unreadable, wanted.scope, clock.now())


@webhooks.command(
    cls=options.Documented, short_help="Send a documented payload to an app's receiver, marked as a test."
)
@click.argument("app")
@click.argument("event", metavar="EVENT", type=click.Choice(EVENTS))
@options.common
@options.form("text", "json")
@click.option(
    "--field", type=click.Choice([field.value for field in URL_FIELDS if field.value != "streaming_url"]),
    envvar="SYNCER_WEBHOOKS_FIELD", show_envvar=True,
    help="The setting whose URL gets it; without it the one that the event is documented for.",
)  # fmt: skip
@click.option(
    "--to", metavar="URL", envvar="SYNCER_WEBHOOKS_TO", show_envvar=True,
    help="Another URL, on a host that the app may use, or on this machine.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, envvar="SYNCER_WEBHOOKS_YES", show_envvar=True, help="Don't ask first.")
@allow_private
@click.pass_context
def send(ctx: click.Context, /, **given: Any) -> int:
    """Send the payload of EVENT to the URL that APP declares for it, once, and show request and answer.

    The receiver sees the header X-Syncer-Test: true and a call_sid that begins with syncer-test-. Events:
    incoming_call, missed_call, outbound_call, call_ringing, call_answered, call_completed, recording_ready.

    \b
    Examples:
      syncer webhooks send support-desk incoming_call
      syncer webhooks send support-desk missed_call --to http://localhost:9000/missed --allow-private --yes
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli import receiving
    from syncer.cli.render import receivers as rendering
    from syncer.cli.render.style import Style

    settings = options.resolve(ctx).settings
    wanted = receiving.message(settings, given)
    if not given["yes"]:
        _ask(rendering.asked(wanted))
    sent = asyncio.run(receiving.sent(settings, wanted, private=given["allow_private"]))
    if given["form"] == "json":
        click.echo(json_text.document(rendering.sent_document(sent)))
    else:
        click.echo(rendering.sent_text(sent, Style(options.colour_of(sys.stdout))))
    if rendering.fenced(sent) and not given["allow_private"]:
        click.echo(f"  hint: {FENCED}", err=True)
    return exits.DONE if sent.taken else exits.FAILED


def _ask(question: str) -> None:
    """A person's yes; UsageError where nobody can be asked."""
    from syncer.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("a payload is only sent when somebody says so", hint="add --yes")
    click.confirm(question, abort=True, err=True)
