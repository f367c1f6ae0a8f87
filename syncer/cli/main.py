"""The `syncer` command: its groups, and errors turned into exit codes.

Modules of this package import click and the model at their top and everything heavier inside the command that needs
it, so that `--help` and completion answer at once; a test keeps it so.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from syncer.cli import (
    apply,
    approve,
    author,
    evidence,
    importing,
    notices,
    operate,
    options,
    past,
    preview,
    steer,
    system,
    webhooks,
)
from syncer.errors import ProblemsError, SyncerError, UsageError

COMMANDS = (
    ("Author", (author.init, author.validate, author.schema, importing.import_)),
    ("Preview", (preview.plan, preview.explain)),
    ("Apply", (apply.sync, approve.approve, apply.run)),
    (
        "Operate",
        (
            operate.status,
            operate.wait,
            past.history,
            steer.suspend,
            steer.resume,
            steer.rollback,
            operate.reconcile,
            notices.notify,
        ),
    ),
    ("Evidence", (evidence.audit,)),
    ("Receivers", (webhooks.webhooks,)),
    ("System", (system.doctor, system.config, system.emulator, system.demo, system.completion, system.version)),
)


BROKEN_PIPE = 141
"""What a shell shows for a program that SIGPIPE ended."""


class Grouped(click.Group):
    """A group whose help lists commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """One section per purpose, in the order of a day's work."""
        for title, commands in COMMANDS:
            with formatter.section(title):
                formatter.write_dl([(str(c.name), c.get_short_help_str(80)) for c in commands])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """`diff` is another name of `plan`."""
        return super().get_command(ctx, "plan" if name == "diff" else name)


@click.group(
    cls=Grouped,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or in sync, 1 failed, 2 commits waiting, 3 drift, 4 held, 64 usage, 65 invalid files.",
)
def cli() -> None:
    """Keep the settings of Exotel WebRTC apps as git declares them: plan, apply, detect drift, audit."""


for _, _commands in COMMANDS:
    for _command in _commands:
        cli.add_command(_command)


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code; every expected error is a message on stderr, not a traceback."""
    _ready_output()
    try:
        code = cli.main(arguments, prog_name="syncer", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        _show(error)
        return UsageError.exit_code
    except (SyncerError, OSError) as error:
        return _explained(error if isinstance(error, SyncerError) else _refused(error))
    except SystemExit as ended:  # 1: our reader went away (`syncer plan | head`); 0: completion has answered the shell
        return BROKEN_PIPE if ended.code else 0
    return code if isinstance(code, int) else 0


def _ready_output() -> None:
    """What an old encoding lacks is escaped. A closed stdout (`syncer plan >&-`) wants nothing but the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- open to the end, as stdout is


def _refused(error: OSError) -> SyncerError:
    """What the system said no to, where no better sentence is known."""
    said = error.strerror or type(error).__name__
    message = f"{error.filename}: {said}" if error.filename else f"the system refused: {said}"
    return SyncerError(message, hint="check permissions, free space and the current directory")


def _show(error: click.ClickException) -> None:
    """What click says, made fit for a terminal: it repeats options and file names as they were given."""
    from syncer.model.text import sanitize

    told = io.StringIO()
    error.show(told)
    click.echo("\n".join(map(sanitize, told.getvalue().split("\n"))), err=True, nl=False)


def _explained(error: SyncerError) -> int:
    from syncer.documents import render
    from syncer.model.text import sanitize

    if isinstance(error, ProblemsError):
        click.echo(render.problems(error.problems, color=options.colour_of(sys.stderr)), err=True, color=True)
    click.echo(f"syncer: {sanitize(error.message)}", err=True)
    if error.hint:
        click.echo(f"  hint: {sanitize(error.hint)}", err=True)
    return error.exit_code
