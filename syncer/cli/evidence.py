"""Commands for auditors: audit tail, verify, export."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import exits, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.audit.note import Verifier
    from syncer.audit.read import Filter

FOLLOW_EVERY = 0.5
"""Seconds between looks at the journal's end."""


@click.group(short_help="Read, check and export the journal.")
def audit() -> None:
    """Read, check and export the journal: nothing here writes to it, and no lock is needed."""


def _filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--type", "kind", metavar="TYPE", default="", envvar="SYNCER_AUDIT_TYPE", show_envvar=True,
        help="Only this event type, such as put.result.",
    )(command)  # fmt: skip
    return click.option(
        "--app", metavar="CUSTOMER/APP", default="", envvar="SYNCER_AUDIT_APP", show_envvar=True, help="Only this app."
    )(command)


@audit.command(cls=options.Documented, short_help="Show the last records.")
@options.common
@_filtered
@click.option(
    "-n", "--count", type=click.IntRange(1, 100_000), default=20, show_default=True, envvar="SYNCER_AUDIT_COUNT",
    show_envvar=True, help="How many.",
)  # fmt: skip
@click.option(
    "-f", "--follow", is_flag=True, envvar="SYNCER_AUDIT_FOLLOW", show_envvar=True, help="Go on as records come."
)
@options.form("text", "jsonl")
@click.pass_context
def tail(ctx: click.Context, /, **given: Any) -> int:
    """Show the last records, one line each.

    \b
    Example:
      syncer audit tail -n 5 --app cust_acme/app_abc123
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.audit import read
    from syncer.cli.render import audit as rendering

    state_dir = options.resolve(ctx).settings.state_dir
    wanted = _filter(given)
    line = rendering.line if given["form"] == "text" else rendering.raw
    if given["follow"]:
        pause = threading.Event()
        events = read.follow(state_dir, given["count"], lambda: not pause.wait(FOLLOW_EVERY), wanted)
    else:
        events = iter(read.tail(state_dir, given["count"], wanted))
    for event in events:
        click.echo(line(event))
    return exits.DONE


@audit.command(cls=options.Documented, short_help="Check that the journal is what was written.")
@options.common
@click.option(
    "--pubkey",
    metavar="FILE|KEY",
    envvar="SYNCER_AUDIT_PUBKEY",
    show_envvar=True,
    help="The verifier key that heads must be signed by, or a file with it.",
)
@click.option(
    "--anchor",
    "anchors",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="SYNCER_AUDIT_ANCHOR",
    show_envvar=True,
    help="Heads kept elsewhere, or log lines with them. May be repeated.",
)
@click.option(
    "--from-segment", metavar="N", type=click.IntRange(1, 99_999_999), default=1, show_default=True,
    envvar="SYNCER_AUDIT_FROM_SEGMENT", show_envvar=True, help="Begin there; earlier segments may be gone.",
)  # fmt: skip
@options.output("json")
@click.pass_context
def verify(ctx: click.Context, /, **given: Any) -> int:
    """Recompute every link and head of the journal and match every intent with its result; 1 if anything is wrong.

    Without --pubkey nobody's signature is checked; without --anchor nothing tells of records cut off the end, or of a
    journal written anew.

    \b
    Example:
      syncer audit verify --state-dir /var/lib/syncer --pubkey acme.pub --anchor heads
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.audit import anchors
    from syncer.audit import verify as verification
    from syncer.cli.render import audit as rendering
    from syncer.cli.render.style import Style
    from syncer.cli.waiting import bar

    wanted = verification.Wanted(
        key=_pinned(given["pubkey"]),
        anchors=tuple(head for path in given["anchors"] for head in anchors.read(path)),
        from_segment=given["from_segment"],
    )
    state_dir: Path = options.resolve(ctx).settings.state_dir
    with bar(sys.stderr, time.monotonic, "megabyte") as progress:
        found = verification.verify(state_dir, wanted, progress)
    forms = {
        "text": lambda: rendering.verdict(found, Style(options.colour_of(sys.stdout))),
        "json": lambda: json.dumps(rendering.verdict_document(found), indent=2),
    }
    options.emit(forms[given["form"]], given["output_file"], forms["text"])
    return exits.DONE if found.good else exits.FAILED


@audit.command(cls=options.Documented, short_help="Write records out for other tools.")
@options.common
@_filtered
@options.form("jsonl", "csv")
@click.pass_context
def export(ctx: click.Context, /, **given: Any) -> int:
    """Write every record to stdout as it stands in the journal (jsonl), or as a table (csv).

    On a terminal what it would obey or not show is escaped.

    \b
    Example:
      syncer audit export -o csv > journal.csv
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    from syncer.audit import export as exporting
    from syncer.audit import read
    from syncer.model.text import json_safe, sanitize

    state_dir: Path = options.resolve(ctx).settings.state_dir
    events = read.records(state_dir, _filter(given))
    lines, safe = (exporting.jsonl, json_safe) if given["form"] == "jsonl" else (exporting.table, sanitize)
    on_terminal = sys.stdout.isatty()
    for line in lines(events):
        click.echo(safe(line) if on_terminal else line)
    return exits.DONE


@audit.command(cls=options.Documented, short_help="Make a key that signs the journal's heads.")
@click.argument("file", type=click.Path(path_type=Path))
@options.common
@click.pass_context
def keygen(ctx: click.Context, /, **given: Any) -> int:
    """Write a new signing key for audit.origin to FILE (mode 0600, never over another), and print its verifier key.

    \b
    Example:
      syncer audit keygen /etc/syncer/audit.key > acme.pub
    """  # noqa: D301 -- \b is click's mark for text that keeps its lines
    import secrets

    from syncer.audit import note
    from syncer.errors import SyncerError

    key = note.generate(options.resolve(ctx).settings.audit.origin, secrets.token_bytes)
    path: Path = given["file"]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{key.text}\n")
    except OSError as error:
        raise SyncerError(f"{path} can't be written: {error.strerror}", hint="name a file that is not there") from error
    click.echo(str(key.verifier))
    return exits.DONE


def _pinned(given: str | None) -> Verifier | None:
    """The verifier key that an option gives, itself or by a file."""
    from syncer.audit import note
    from syncer.errors import UsageError

    if not given:
        return None
    path = Path(given)
    try:
        text = path.read_text(encoding="utf-8") if "+" not in given or path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}", hint="check what --pubkey names") from error
    return note.verifier(text)


def _filter(given: dict[str, Any]) -> Filter:
    """The records that --app and --type ask for; UsageError for an unknown type or an app that is no CUSTOMER/APP."""
    from syncer.audit.events import EventType
    from syncer.audit.read import Filter
    from syncer.errors import UsageError
    from syncer.model.desired import AppRef

    customer, slash, app_id = given["app"].partition("/")
    if given["app"] and not (customer and slash and app_id):
        raise UsageError(f"--app {given['app']!r} is not CUSTOMER/APP", hint="write it like cust_acme/app_abc123")
    short = {each.value.removeprefix("syncer.").removesuffix(".v1"): each.value for each in EventType}
    kind = given["kind"]
    if kind and kind not in short and kind not in short.values():
        raise UsageError(f"no event type is called {kind!r}", hint=f"one of: {', '.join(sorted(short))}")
    return Filter(
        ref=AppRef(customer, app_id) if given["app"] else None,
        types=frozenset({short.get(kind, kind)}) if kind else frozenset(),
    )
