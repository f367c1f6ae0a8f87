"""Commands that this one tells people to run next, with the options that it was given itself: they can be pasted."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import click

    from syncer.model.planned import Decision

PLACES: Final = {
    "config_file": "-c",
    "source": "-C",
    "ref": "--ref",
    "vendor_url": "--vendor-url",
    "state_dir": "--state-dir",
    "server": "--server",
    "server_token_file": "--server-token-file",
}
"""Options that say where things are; a variable holds for the next command anyway."""
SELECTION: Final = {"apps": "", "labels": "-l", "changed_since": "--changed-since"}
"""What narrows a plan: the id of a plan of some apps is no id of the whole fleet's."""


def tail(ctx: click.Context, *, selected: bool = False) -> str:
    """What to put behind a command, from the places (and the selection) on this command line; begins with a space."""
    return _repeated(ctx, {**PLACES, **(SELECTION if selected else {})})


def selection(ctx: click.Context) -> str:
    """The same for the selection alone: what has to stand with the id of a plan of some apps wherever it is kept."""
    return _repeated(ctx, SELECTION)


def _repeated(ctx: click.Context, names: Mapping[str, str]) -> str:
    words = [word for name, option in names.items() for word in _given(ctx, name, option)]
    return "".join(f" {shlex.quote(word)}" for word in words)


def _given(ctx: click.Context, name: str, option: str) -> Iterator[str]:
    value = ctx.params.get(name)
    if not value or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return
    values: Iterable[object] = value if isinstance(value, tuple) else (value,)
    for each in values:
        yield from (option, str(each)) if option else (str(each),)


def told(decision: Decision, rest: str) -> Decision:
    """The decision whose releasing commands go on with `rest`; releases that are no command stay as they are."""
    holds = (
        replace(hold, release=hold.release + rest) if hold.release.startswith("syncer ") else hold
        for hold in decision.holds
    )
    return replace(decision, holds=tuple(holds))


def told_in(document: Mapping[str, Any], rest: str) -> dict[str, Any]:
    """The same for a report as JSON."""
    rows = [{**app, "holds": [_told(hold, rest) for hold in app["holds"]]} for app in document["apps"]]
    return {**document, "apps": rows}


def _told(hold: Mapping[str, Any], rest: str) -> dict[str, Any]:
    way_out = str(hold["release"])
    return {**hold, "release": way_out + rest if way_out.startswith("syncer ") else way_out}
