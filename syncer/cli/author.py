"""Commands for people who write desired state: init, validate, schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from syncer.cli import exits, options

if TYPE_CHECKING:
    from syncer.model.desired import DesiredState


@click.command(cls=options.Documented, short_help="Write a first source: a Defaults file, one app and a configuration.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("exotel"))
@click.option("--customer", default="cust_acme", show_default=True, envvar="SYNCER_INIT_CUSTOMER", show_envvar=True)
@click.option("--app", "app_id", default="app_abc123", show_default=True, envvar="SYNCER_INIT_APP", show_envvar=True)
@options.color
def init(folder: Path, customer: str, app_id: str) -> int:
    """Write a first source into FOLDER: nothing that exists is overwritten.

    \b
    Example:
      syncer init exotel --customer cust_acme --app app_abc123
      syncer validate exotel/apps
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.cli import starter
    from syncer.errors import UsageError

    files = starter.files(folder, customer, app_id)
    files = {path: text for path, text in files.items() if path.name != ".gitignore" or not path.exists()}
    if there := [str(path) for path in files if path.exists()]:
        raise UsageError(f"{', '.join(there)} exists already", hint="name another folder; nothing was written")
    for path, text in files.items():
        options.write_file(path, text)
        click.echo(f"wrote {path}")
    click.echo(f"next: put the app's token into the file that the app names, then: syncer validate {folder / 'apps'}")
    return exits.DONE


@click.command(cls=options.Documented, short_help="Check files; no configuration, state, token or network is needed.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@options.source
@options.config
@options.output("brief", "concise", "json", "jsonl", "markdown", "github", "gitlab", "sarif", "junit")
@options.color
@click.pass_context
def validate(ctx: click.Context, /, **given: Any) -> int:
    """Check a source, or single files with the source around them, and show every problem at once.

    A FOLDER is taken as the root of a source. For a FILE the whole source around it is loaded (from -C, or from the
    highest folder above it with Defaults files all the way down) and the problems of that file are shown. Without a
    path, the source of the configuration is checked.

    \b
    Examples:
      syncer validate config/apps
      syncer validate config/apps/acme/telephony.yaml
      syncer validate -o github config/apps
      syncer validate -o sarif --output-file syncer.sarif config/apps
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from importlib import metadata

    from syncer.cli import checking
    from syncer.cli.render import ci
    from syncer.cli.render import problems as rendering

    paths: tuple[Path, ...] = given["paths"]
    if paths:
        _refuse_repository(ctx, given["source"])
        found = checking.states(paths, Path(given["source"]) if given["source"] else None)
    else:
        found = [checking.configured(options.resolve(ctx).settings)]
    view = rendering.ProblemsView(
        problems=tuple(dict.fromkeys(problem for _, problems in found for problem in problems)),
        files=sum(_files(state) for state, _ in found),
        apps=sum(len(state.apps) for state, _ in found if state),
    )
    forms = {
        "text": lambda: rendering.text(view, colour=options.colour_of(sys.stdout)),
        "brief": lambda: rendering.brief(view),
        "json": lambda: rendering.as_json(view),
        "jsonl": lambda: rendering.as_jsonl(view),
        "markdown": lambda: rendering.markdown(view),
        "concise": lambda: ci.concise(view),
        "github": lambda: ci.github(view),
        "gitlab": lambda: ci.gitlab(view),
        "sarif": lambda: ci.sarif(view, metadata.version("exotel-syncer")),
        "junit": lambda: ci.junit(view),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.INVALID if view.errors else exits.DONE


def _refuse_repository(ctx: click.Context, source: str | None) -> None:
    """A repository named beside paths would be ignored; one that only the environment names is for other commands."""
    from syncer.errors import UsageError
    from syncer.settings import keys

    named = ctx.get_parameter_source("source") is ParameterSource.COMMANDLINE
    if named and source is not None and keys.is_url(source):
        raise UsageError(
            "-C names a repository, and paths are files of a folder",
            hint="leave the paths out to check the repository, or give -C the folder that the files belong to",
        )


def _files(state: DesiredState | None) -> int:
    return len({app.at.path for app in state.apps} | set(state.rejected)) if state else 0


@click.command(cls=options.Documented, short_help="Print a JSON Schema, self-contained.")
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print the JSON Schema called NAME; without one, list the names.

    \b
    Example, for an editor's YAML plug-in:
      syncer schema apps > apps.schema.json
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.documents import schemas

    click.echo(schemas.text(name) if name else "\n".join(schemas.names()))
    return exits.DONE
