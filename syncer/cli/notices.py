"""Commands about notices: notify test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options
from syncer.cli.render import json_text

if TYPE_CHECKING:
    from syncer.settings.tree import Notify


@click.group(short_help="Try out who is told of trouble.")
def notify() -> None:
    """Try out the receivers that the configuration names under `notify`."""


@notify.command(cls=options.Documented, short_help="Send a test notice.")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@options.common
@options.form("text", "json")
@click.pass_context
def test(ctx: click.Context, /, **given: Any) -> int:
    """Send a test notice to each receiver, or to those named, and say what each answered.

    It is sent at once and once, whatever the receiver wants to hear of. A commit-status is left out: a status belongs
    to a commit.

    \b
    Examples:
      syncer notify test -c config/syncer.yaml
      syncer notify test on-call
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer import log, noticing
    from syncer.model.text import sanitize

    chosen = _chosen(options.resolve(ctx).settings.notify, given["names"])
    results = asyncio.run(noticing.test(chosen, log.silent()))
    if given["form"] == "json":
        rows = [
            {"name": each.name, "kind": each.kind, **result.document()}
            for each, result in zip(chosen, results, strict=True)
        ]
        click.echo(json_text.document(rows))
    else:
        for each, result in zip(chosen, results, strict=True):
            click.echo(f"{'ok  ' if result.ok else 'FAIL'} {each.name}: {sanitize(result.told)}")
            if result.hint:
                click.echo(f"     -> {sanitize(result.hint)}")
    return exits.DONE if all(result.ok for result in results) else exits.FAILED


def _chosen(receivers: tuple[Notify, ...], names: tuple[str, ...]) -> tuple[Notify, ...]:
    from syncer.errors import UsageError
    from syncer.notify import sinks

    known = {each.name: each for each in receivers}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"no receiver is called {unknown[0]}", hint=f"one of: {', '.join(known) or 'none is configured'}"
        )
    chosen = tuple(known[name] for name in names) if names else tuple(filter(sinks.testable, receivers))
    if untestable := [each.name for each in chosen if not sinks.testable(each)]:
        raise UsageError(f"{untestable[0]} is a commit-status", hint="a status belongs to a commit; push one and look")
    if not chosen:
        raise UsageError("no receiver to test", hint="the key notify names receivers; see docs/notices.md")
    return chosen
