"""Commands about syncer itself: doctor, config, emulator, demo, completion, version."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options
from syncer.cli.render import json_text

if TYPE_CHECKING:
    from syncer.emulator.server import Emulator

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=options.Documented, short_help="Check everything that a run needs, and say how to mend what is missing."
)
@options.common
@options.output("json")
@click.pass_context
def doctor(ctx: click.Context, /, **given: Any) -> int:
    """Check configuration, source, tokens, vendor, state folder, git and anchors, each with what to do about it.

    \b
    Example:
      syncer doctor -c config/syncer.yaml
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli import examination
    from syncer.cli.render.style import Style

    findings = asyncio.run(examination.examine(options.resolve(ctx).settings))
    forms = {
        "text": lambda: examination.text(findings, Style(options.colour_of(sys.stdout))),
        "json": lambda: json_text.document([finding.document() for finding in findings]),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.FAILED if any(not finding.ok for finding in findings) else exits.DONE


@click.group(short_help="Show the configuration in force.")
def config() -> None:
    """Show the configuration in force."""


@config.command(cls=options.Documented, short_help="Every key, its value, and where it comes from.")
@options.common
@click.option(
    "--origin", is_flag=True, envvar="SYNCER_CONFIG_ORIGIN", show_envvar=True, help="Add where each value comes from."
)
@options.form("text", "json")
@click.pass_context
def show(ctx: click.Context, /, **given: Any) -> int:
    """Show every key with its value; with --origin also the option, variable or line that set it.

    \b
    Example:
      syncer config show --origin -c config/syncer.yaml
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.model.text import sanitize

    origins = options.resolve(ctx).origins
    if given["form"] == "json":
        document = {key: {"value": value, "origin": origin} for key, (value, origin) in origins.items()}
        click.echo(json_text.document(document))
        return exits.DONE
    width = max(len(key) for key in origins)
    wide = max(len(sanitize(value)) for value, _ in origins.values())
    for key, (value, origin) in origins.items():
        row = f"{key:<{width}}  {sanitize(value):<{wide}}  {sanitize(origin) if given['origin'] else ''}"
        click.echo(row.rstrip())
    return exits.DONE


@click.command(cls=options.Documented, short_help="Run the vendor emulator alone.")
@click.option("--host", default="127.0.0.1", show_default=True, envvar="SYNCER_EMULATOR_HOST", show_envvar=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8090, show_default=True, envvar="SYNCER_EMULATOR_LISTEN_PORT",
    show_envvar=True,
)  # fmt: skip
def emulator(host: str, port: int) -> int:
    """Run the vendor in memory, with its ledger, fault modes and simulated calls, until interrupted.

    \b
    Example:
      syncer emulator --port 8090
      curl localhost:8090/_emulator/
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.emulator import server
    from syncer.errors import SyncerError

    try:
        asyncio.run(server.serve(host, port, ready=_told))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror  # asyncio tells it twice
        raise SyncerError(f"can't listen on {host}:{port}: {why}", hint="name another --host or --port") from error
    return exits.DONE


def _told(running: Emulator) -> None:
    click.echo(f"vendor API   {running.base_url}")
    click.echo(f"control      {running.control_url}/   (lists its endpoints and faults)")


@click.command(cls=options.Documented, short_help="Show the whole story on the embedded emulator and the sample fleet.")
@click.option("--keep", is_flag=True, envvar="SYNCER_DEMO_KEEP", show_envvar=True, help="Leave everything running.")
@options.color
def demo(keep: bool) -> int:
    """Plan, apply, drift, put back, a bad commit, a call, and the audit: on loopback, in a temporary folder.

    \b
    Example:
      syncer demo
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli.demo import story

    return story.tell(keep=keep)


@click.command(cls=options.Documented, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> int:
    """Print the completion script for SHELL.

    \b
    Example:
      syncer completion bash > /etc/bash_completion.d/syncer
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "syncer", "_SYNCER_COMPLETE").source())
    return exits.DONE


@click.command(cls=options.Documented, short_help="Print the version.")
@options.form("text", "json")
def version(form: str) -> int:
    """Print the version of syncer and of the Python that runs it."""
    from importlib import metadata

    found = metadata.version("exotel-syncer")
    python = sys.version.split()[0]
    click.echo(
        json.dumps({"syncer": found, "python": python}) if form == "json" else f"syncer {found} (Python {python})"
    )
    return exits.DONE
