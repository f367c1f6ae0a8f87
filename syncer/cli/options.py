"""Options that several commands share, each with its environment twin, and how they become Settings."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click
from click.core import ParameterSource

from syncer import environment
from syncer.cli import completing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.settings import Resolved

COLOURS: Final = ("auto", "always", "never")
FROM_COMMAND_LINE: Final = {
    "source": "source",
    "ref": "source.ref",
    "vendor_url": "vendor.base_url",
    "state_dir": "state_dir",
    "log_format": "log.format",
    "metrics_file": "metrics.file",
}
"""Options that stand for a key of the configuration. Their environment twins are read with the other variables."""

FORMS: Final = frozenset(
    {"text", "brief", "concise", "json", "jsonl", "csv", "markdown", "github", "gitlab", "sarif", "junit"}
)
"""Every form that some command has."""

Command = Any


class Documented(click.Command):
    """A command whose help begins with its examples: the last paragraph of its docstring."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """Examples, then what the command is about."""
        told, mark, examples = inspect.cleandoc(self.help or "").partition("\b\nExample")
        if mark:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{mark}{examples}".rstrip())
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(told.strip())


def _stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def apply(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


def _choose_colour(ctx: click.Context, choice: str) -> None:
    """Remembers the choice, and lets click neither add nor strip colours against it."""
    ctx.meta["syncer.color"] = choice
    ctx.color = colour_of(sys.stdout, ctx)


config = click.option(
    "-c", "--config", "config_file", metavar="FILE", envvar="SYNCER_CONFIG", show_envvar=True,
    type=click.Path(path_type=Path), help="The daemon's configuration; none is read unless named.",
)  # fmt: skip
source = click.option(
    "-C", "--source", metavar="FOLDER|URL", envvar="SYNCER_SOURCE", show_envvar=True,
    help="Where desired state comes from.",
)  # fmt: skip
ref = click.option(
    "--ref", metavar="REF", envvar="SYNCER_SOURCE_REF", show_envvar=True, help="Branch, tag or full commit."
)
vendor_url = click.option(
    "--vendor-url", metavar="URL", envvar="SYNCER_VENDOR_URL", show_envvar=True, help="The vendor's base URL."
)
state_dir = click.option(
    "--state-dir", metavar="FOLDER", envvar="SYNCER_STATE_DIR", show_envvar=True, help="Journal, index, git mirror."
)
color = click.option(
    "--color", type=click.Choice(COLOURS), default="auto", envvar="SYNCER_COLOR", show_envvar=True, expose_value=False,
    callback=lambda ctx, _param, value: _choose_colour(ctx, value), help="NO_COLOR is honoured too.",
)  # fmt: skip

common = _stacked(config, source, ref, vendor_url, state_dir, color)
"""The five options of every command that works on an environment, and --color."""

changed_since = click.option(
    "--changed-since", metavar="REV", envvar="SYNCER_CHANGED_SINCE", show_envvar=True,
    help="Only apps whose file, or a Defaults file above it, changed since this revision.",
)  # fmt: skip

names = _stacked(
    click.argument("apps", nargs=-1, metavar="[APP…]", shell_complete=completing.apps),
    click.option(
        "-l", "--selector", "labels", multiple=True, metavar="SELECTOR", envvar="SYNCER_SELECTOR", show_envvar=True,
        help="Labels: env=prod,team!=x. May be repeated.",
    ),
)  # fmt: skip
selection = _stacked(names, changed_since)


class _Form(click.Option):
    """A form that the environment asks for and this command has not is left out: one variable serves a pipeline."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """As of the base class."""
        value = super().resolve_envvar_value(ctx)
        return None if value in FORMS and value not in getattr(self.type, "choices", ()) else value


def form(*formats: str) -> Callable[[Command], Command]:
    """`-o FORMAT`, the first of the formats by default."""
    return click.option(
        "-o", "--output", "form", cls=_Form, type=click.Choice(formats), default=formats[0], show_default=True,
        envvar="SYNCER_OUTPUT", show_envvar=True, help="The form of the result.",
    )  # fmt: skip


def output(*formats: str) -> Callable[[Command], Command]:
    """`-o FORMAT` (text by default) and `--output-file FILE`, which gets that format in addition to text on stdout."""
    return _stacked(
        form("text", *formats),
        click.option(
            "--output-file", metavar="FILE", envvar="SYNCER_OUTPUT_FILE", show_envvar=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write that form to a file, and text to stdout.",
        ),
    )  # fmt: skip


log_format = click.option(
    "--log-format", type=click.Choice(("json", "text")), envvar="SYNCER_LOG_FORMAT", show_envvar=True,
    help="Default: text on a terminal, JSON elsewhere.",
)  # fmt: skip

metrics_file = click.option(
    "--metrics-file", metavar="FILE", envvar="SYNCER_METRICS_FILE", show_envvar=True,
    help="A text file that gets the metrics after each pass.",
)  # fmt: skip

exit_code = click.option(
    "--exit-code", "with_code", is_flag=True, envvar="SYNCER_EXIT_CODE", show_envvar=True,
    help="End with 2 for waiting commits, 3 for drift, 4 for holds.",
)  # fmt: skip


server = click.option(
    "--server", metavar="URL", envvar="SYNCER_SERVER", show_envvar=True,
    help="Ask a running daemon rather than the state folder that it holds.",
)  # fmt: skip
server_token = click.option(
    "--server-token-file", metavar="FILE", envvar="SYNCER_SERVER_TOKEN_FILE", show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False), help="The token that the daemon asks for, read from a file.",
)  # fmt: skip


reason = click.option(
    "--reason", required=True, envvar="SYNCER_REASON", show_envvar=True, help="Recorded in the journal."
)
until = click.option(
    "--until", metavar="END", envvar="SYNCER_UNTIL", show_envvar=True, default="",
    help="When it ends by itself: 4h, 2026-11-24 (the end of that day, UTC), or a time with its zone.",
)  # fmt: skip
everybody = click.option(
    "--all", "everybody", is_flag=True, envvar="SYNCER_ALL", show_envvar=True,
    help="Instead of APPs: the whole fleet, also apps to come.",
)  # fmt: skip
order = _stacked(names, everybody, common, server, server_token, reason)
"""Whom a person's order is for, where it is given, and why."""
timeout = click.option(
    "--timeout", metavar="TIME", default="5m", show_default=True, envvar="SYNCER_WAIT_TIMEOUT", show_envvar=True,
    help="How long to wait: 30s, 5m, 2h.",
)  # fmt: skip


def resolve(ctx: click.Context) -> Resolved:
    """The settings that this command line, the environment and the named file make; raises ConfigError."""
    from syncer import settings

    chosen = {
        key: ctx.params[name]
        for name, key in FROM_COMMAND_LINE.items()
        if ctx.params.get(name) is not None and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    commands = frozenset(variables(ctx.find_root().command))
    return settings.load(chosen, environment.read(), ctx.params.get("config_file"), commands)


def variables(command: click.Command) -> Iterator[str]:
    """The environment twins of every option of a command and of the commands below it."""
    for parameter in command.params:
        names = parameter.envvar or ()
        yield from (names,) if isinstance(names, str) else names
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from variables(each)


def colour_of(stream: TextIO, ctx: click.Context | None = None) -> bool:
    """Whether this stream gets colour: --color, then NO_COLOR and FORCE_COLOR, then whether it is a terminal."""
    from syncer.cli.render import style

    ctx = ctx or click.get_current_context(silent=True)
    choice: style.Choice = ctx.meta.get("syncer.color", "auto") if ctx else "auto"
    return style.wants_colour(choice, environment.read(), stream.isatty())


def emit(wanted: Callable[[], str], output_file: Path | None, plain: Callable[[], str]) -> None:
    """The result: `wanted` to stdout, or to the named file with `plain` on stdout.

    The text is printed first, so that a file that can't be written costs nobody the result of a write.
    """
    if output_file is None:
        click.echo(_ended(wanted()), nl=False)
        return
    click.echo(_ended(plain()), nl=False)
    write_file(output_file, _ended(wanted()))


def _ended(text: str) -> str:
    """The text with one newline at its end; no text stays none, because an empty line is no record of JSON lines."""
    text = text.rstrip("\n")
    return f"{text}\n" if text else ""


def write_file(path: Path, text: str) -> None:
    """Writes a file that the command line names; SyncerError where that can't be done."""
    from syncer.errors import SyncerError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SyncerError(f"{path} can't be written: {error.strerror}", hint="name another place") from error
