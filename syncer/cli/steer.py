"""`syncer suspend`, `resume` and `rollback`: a person's orders, given here or to a running daemon."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options, repeating
from syncer.cli.approve import principal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syncer.approvals import Word
    from syncer.orders import Given, Helm, Whom


@click.command(cls=options.Documented, short_help="Leave apps alone for a while; drift is still seen and shown.")
@options.order
@options.until
@click.pass_context
def suspend(ctx: click.Context, /, **given: Any) -> int:
    """Write nothing to some apps, or with --all to none, until an end that has to be given.

    It is recorded, outlives restarts, and ends by itself. A pass that is under way goes on to its end.
    What git says under `policy.suspend` is another matter: that is lifted in git.

    \b
    Examples:
      syncer suspend support-desk --until 4h --reason "INC-7: calls are being moved"
      syncer suspend --all --until 2026-12-01 --reason "freeze for the fair"
      syncer suspend -l env=prod --until 30m --reason INC-8 --server https://syncer.corp.example
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    _needs_end(given, "syncer suspend APP --until 4h")
    told = _ordered(ctx, given, "suspend", lambda helm, whom, word: helm.suspend(whom, word, given["until"]))
    return _shown(told, f"suspended until {told['until']}:", "nothing is suspended")


@click.command(cls=options.Documented, short_help="End a suspension before its time.")
@options.order
@click.pass_context
def resume(ctx: click.Context, /, **given: Any) -> int:
    """End suspensions that `syncer suspend` began; the next pass writes what has changed meanwhile.

    --all ends the suspension of the whole fleet; apps that are suspended by name stay so.
    Pins are another matter: `syncer rollback APP --undo` ends one.

    \b
    Examples:
      syncer resume support-desk --reason "INC-7 is over"
      syncer resume --all --reason "the fair is over"
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    told = _ordered(ctx, given, "resume", lambda helm, whom, word: helm.resume(whom, word))
    return _shown(told, "resumed:", "nothing was suspended")


@click.command(cls=options.Documented, short_help="Take apps back to what an earlier commit declares for them.")
@options.order
@options.until
@click.option("--to", metavar="REV", default="", envvar="SYNCER_ROLLBACK_TO", show_envvar=True,
              help="A commit, branch or tag in the history of the commit in force.")  # fmt: skip
@click.option("--undo", is_flag=True, envvar="SYNCER_ROLLBACK_UNDO", show_envvar=True,
              help="End it: what git declares now counts again.")  # fmt: skip
@click.pass_context
def rollback(ctx: click.Context, /, **given: Any) -> int:
    """Pin apps to their settings of an earlier commit, with automation on: drift from those is put back, too.

    What git declares now is refused for them until a later commit declares something else, until the end that has to
    be given, or until --undo. The next pass writes the earlier settings, through every guard. Only the settings go
    back; policy, labels and tokens are those of now, and today's limits on hosts hold.

    \b
    Examples:
      syncer rollback support-desk --to 1a2b3c4 --until 1d --reason "INC-9: popups are empty"
      syncer rollback -l team=desk --to v41 --until 4h --reason INC-9
      syncer rollback support-desk --undo --reason "mended in 5f2b6c0"
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.errors import UsageError

    if bool(given["to"]) == given["undo"]:
        raise UsageError("give --to REV or --undo, and not both", hint="`git log` shows the revisions")
    if given["undo"]:
        if given["until"]:
            raise UsageError("--undo has no end", hint="leave --until out")
        told = _ordered(ctx, given, "rollback", lambda helm, whom, word: helm.unpin(whom, word))
        return _shown(told, "no longer pinned:", "nothing was pinned")
    _needs_end(given, "syncer rollback APP --to REV --until 1d")
    pin = partial(_pinned, given)
    told = _ordered(ctx, given, "rollback", pin)
    return _shown(told, f"pinned to {(told['commit'] or '')[:12]} until {told['until']}:", "no app was chosen")


def _pinned(given: dict[str, Any], helm: Helm, whom: Whom, word: Word) -> Awaitable[Given]:
    return helm.pin(whom, given["to"], word, given["until"])


def _needs_end(given: dict[str, Any], example: str) -> None:
    from syncer.errors import UsageError

    if not given["until"]:
        raise UsageError("--until is missing: it ends by itself, so that nobody has to remember", hint=example)


def _ordered(
    ctx: click.Context, given: dict[str, Any], what: str, give: Callable[[Helm, Whom, Word], Awaitable[Given]]
) -> dict[str, Any]:
    """What the order came to, and the command that comes next."""
    from syncer import orders

    whom = orders.Whom(given["apps"], given["labels"], given["everybody"])
    word = orders.worded(principal(), given["reason"])
    if given["server"]:
        soon = f"next: the daemon's next pass; `syncer reconcile{repeating.tail(ctx)}` asks for one now"
        return {**_asked(given, what), "next": soon}
    told = asyncio.run(_here(ctx, lambda helm: give(helm, whom, word)))
    return {**told, "next": f"next: syncer plan{repeating.tail(ctx)}"}


def _asked(given: dict[str, Any], what: str) -> dict[str, Any]:
    from syncer.cli import remote

    wanted = {"reason": given["reason"], "apps": list(given["apps"]), "labels": list(given["labels"])}
    names = {"everybody": "all", "until": "until", "to": "to", "undo": "undo"}
    wanted.update((key, given[name]) for name, key in names.items() if given.get(name))
    return remote.Server(given["server"], given["server_token_file"]).order(what, wanted)


async def _here(ctx: click.Context, give: Callable[[Helm], Awaitable[Given]]) -> dict[str, Any]:
    from syncer import log, orders, wiring
    from syncer.cli import locked
    from syncer.errors import LockedError

    settings = options.resolve(ctx).settings
    try:
        async with wiring.opened(settings, write=True, log=log.silent(), principal=principal()) as here:
            elected = settings.leader.kind == "lease"
            helm = orders.Helm(here.tracker, here.past, here.index, here.writable, wiring.CLOCK, elected)
            return orders.document(await give(helm))
    except LockedError as error:
        raise locked.explained(error, settings) from error


def _shown(told: dict[str, Any], done: str, nothing: str) -> int:
    """The result on stdout; what there is to know besides on stderr."""
    from syncer.model.text import sanitize

    names = [f"{app['customer_id']}/{app['app_id']} ({app['name']})" for app in told["apps"]]
    for name in [*(["the whole fleet"] if told["all"] else []), *names]:
        click.echo(f"{done} {sanitize(name)}")
    for note in told["notes"]:
        click.echo(f"syncer: {sanitize(note)}", err=True)
    click.echo(told["next"] if told["all"] or names else nothing)
    return exits.DONE
