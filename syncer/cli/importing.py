"""`syncer import`: live apps become files, and a live value is accepted into a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from syncer.cli import exits, options
from syncer.model.fields import Field

if TYPE_CHECKING:
    from syncer.cli.adopting import Imported
    from syncer.settings import Settings

TOKEN = "/var/run/secrets/syncer/{app_id}"  # noqa: S105 -- where tokens are kept, not one


@click.command(
    "import", cls=options.Documented, short_help="Write files for live apps, or accept a live value into a file."
)
@click.argument("apps", nargs=-1, metavar="[APP…]")
@click.option(
    "-d", "--directory", type=click.Path(path_type=Path, file_okay=False), envvar="SYNCER_IMPORT_DIRECTORY",
    show_envvar=True, help="The folder that files are written to; one per customer unless --team says otherwise.",
)  # fmt: skip
@click.option(
    "--team", "teams", multiple=True, metavar="NAME=GLOB,…", envvar="SYNCER_IMPORT_TEAM", show_envvar=True,
    help="A file of its own, with the label team, for the apps that these globs match. May be repeated.",
)  # fmt: skip
@click.option(
    "--token-from", metavar="PATH|env:NAME", default=TOKEN, show_default=True, envvar="SYNCER_IMPORT_TOKEN_FROM",
    show_envvar=True, help="Where the apps' tokens are kept, with placeholders; it is written into the files.",
)  # fmt: skip
@click.option(
    "--with-queries", is_flag=True, envvar="SYNCER_IMPORT_WITH_QUERIES", show_envvar=True,
    help="Write URLs with values in their query too: they are no secrets.",
)  # fmt: skip
@click.option(
    "--force", is_flag=True, envvar="SYNCER_IMPORT_FORCE", show_envvar=True, help="Replace files that are there."
)
@click.option(
    "--field", "accepted", type=(str, click.Choice([field.value for field in Field])), metavar="APP FIELD",
    envvar="SYNCER_IMPORT_FIELD", show_envvar=True,
    help="Accept this live value: a patch on stdout, unless --write or --branch takes it.",
)  # fmt: skip
@click.option(
    "--write", is_flag=True, envvar="SYNCER_IMPORT_WRITE", show_envvar=True,
    help="With --field: edit the file of a source that is a folder.",
)  # fmt: skip
@click.option(
    "--branch", metavar="NAME", envvar="SYNCER_IMPORT_BRANCH", show_envvar=True,
    help="With --field: commit it on a new branch; the work tree stays as it is.",
)  # fmt: skip
@click.option(
    "--author", metavar="NAME <MAIL>", envvar="SYNCER_IMPORT_AUTHOR", show_envvar=True,
    help="With --branch: who makes the commit.",
)  # fmt: skip
@click.option(
    "--push", is_flag=True, envvar="SYNCER_IMPORT_PUSH", show_envvar=True,
    help="With --branch: give the branch to the repository in source.url.",
)  # fmt: skip
@options.common
@click.pass_context
def import_(ctx: click.Context, /, **given: Any) -> int:
    """Write files for the apps that the vendor lists (or that are named as CUSTOMER/APP_ID), as they are there now.

    The files are read again: unless a plan of them is empty, none is put in place. With --field one value that was
    changed at the vendor is taken over into the one line that declares it.

    \b
    Examples:
      syncer import -d config/apps
      syncer import -d apps cust_acme/app_abc123 --token-from /etc/syncer/tokens/{app_id}
      syncer import -d apps --team 'telephony=support-*,sales-*'
      syncer import --field support-desk popup_url > accept.patch
      syncer import --field support-desk popup_url --branch accept-popup --author 'Asha Rao <asha@acme.example>'
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    settings = options.resolve(ctx).settings
    _check(given, folder=ctx.get_parameter_source("directory") is ParameterSource.COMMANDLINE)
    if given["accepted"]:
        from syncer.cli import accepting

        name, field = given["accepted"]
        how = accepting.How(given["write"], given["branch"] or "", given["author"] or "", given["push"])
        return accepting.accept(settings, name, Field(field), how, with_queries=given["with_queries"])
    return _fleet(settings, given)


def _check(given: dict[str, Any], *, folder: bool) -> None:
    """UsageError for options that do not go together; `folder`: -d stands on the command line itself."""
    from syncer.errors import UsageError

    one = given["accepted"]
    faults = (
        (one and (given["apps"] or folder), "--field takes no other apps and no -d"),
        (one and (given["teams"] or given["force"]), "--team and --force are for whole files, not for --field"),
        (not one and not given["directory"], "name the folder that files are written to, with -d"),
        (not one and (given["write"] or given["branch"]), "--write and --branch belong to --field"),
        (given["write"] and given["branch"], "--write and --branch exclude each other"),
        (given["push"] and not given["branch"], "--push belongs to --branch"),
        (given["author"] and not given["branch"], "--author belongs to --branch"),
        (given["branch"] and not given["author"], "--branch needs --author 'NAME <MAIL>'"),
    )
    for wrong, message in faults:
        if wrong:
            raise UsageError(message, hint="see `syncer import --help`; nothing was written")


def _fleet(settings: Settings, given: dict[str, Any]) -> int:
    from syncer.cli import adopting

    wanted = adopting.Wanted(
        patterns=given["apps"],
        folder=given["directory"],
        token=adopting.token_from(given["token_from"]),
        teams=tuple(adopting.team(text) for text in given["teams"]),
        with_queries=given["with_queries"],
        force=given["force"],
    )
    found = asyncio.run(adopting.adopt(settings, wanted))
    _tell(found)
    return exits.DONE if found.whole else exits.FAILED


def _tell(found: Imported) -> None:
    from syncer.cli.render import words
    from syncer.model.text import sanitize

    for path, sheet in found.sheets.items():
        left = sum(len(draft.left) for draft in sheet.drafts)
        rest = f", {words.count(left, 'field')} left out, each with its reason" if left else ""
        if sheet.drafts:
            click.echo(f"wrote {sanitize(path)}: {words.count(len(sheet.drafts), 'app')}{rest}")
        for ref, why in sheet.refused:
            click.echo(f"syncer: not imported: {sanitize(str(ref))}: {sanitize(why)}", err=True)
    for customer in found.unlisted:
        told = f"syncer: not listed: {sanitize(customer.customer_id)}: {sanitize(customer.message)}"
        click.echo(f"{told}\n  hint: {sanitize(customer.hint)}", err=True)
    if found.declared:
        click.echo(f"left out: {words.count(found.declared, 'app')} that the source declares already", err=True)
    if any(sheet.drafts for sheet in found.sheets.values()):
        click.echo("next: read the files, then: syncer plan")
