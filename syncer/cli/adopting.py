"""Live apps become files of a source: listed, named, read, and drafted; `publishing` puts the files in place."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from syncer import census, wiring
from syncer.adoption import fitting, naming
from syncer.adoption.drafting import Sheet
from syncer.cli import publishing
from syncer.cli.starter import ID
from syncer.cli.waiting import bar
from syncer.desired import checks, placeholders, selection
from syncer.errors import UsageError
from syncer.model.desired import AppRef, DesiredApp, Layer, Origin, Revision
from syncer.model.fields import AppSettings
from syncer.model.live import Listed, LiveApp, Unreadable
from syncer.parts import Tally
from syncer.vendor.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from syncer.model.live import Live, Unlisted
    from syncer.settings import Settings

NOWHERE: Final = Origin("", 1, 1, Layer.APP)
_TEAM: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,62})=(?P<globs>\S+)")
_GLOB: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for.

    `token` is file or env with a text with placeholders; `teams` are names with globs of apps.
    """

    patterns: tuple[str, ...]
    folder: Path
    token: tuple[str, str]
    teams: tuple[tuple[str, tuple[str, ...]], ...] = ()
    with_queries: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of it: the sheets by the path of their file, who could not be listed, how many git had already."""

    sheets: Mapping[str, Sheet]
    unlisted: tuple[Unlisted, ...]
    declared: int

    @property
    def whole(self) -> bool:
        """Whether every app that was asked for is in a file."""
        return not self.unlisted and not any(sheet.refused for sheet in self.sheets.values())


def token_from(text: str) -> tuple[str, str]:
    """`file` or `env` and a text, from `env:NAME` or a path; UsageError for what no file may hold."""
    kind, where = ("env", text.removeprefix("env:")) if text.startswith("env:") else ("file", text)
    example = {"app": "x", "app_id": "x", "customer_id": "x"}
    text, unknown = placeholders.expand(where, example)
    faults = unknown or checks.token_faults(kind, text)
    if faults or (kind == "file" and not where.startswith("/")):
        told = faults[0].message if faults else f"{where!r} is no absolute path"
        raise UsageError(f"--token-from: {told}", hint="write /var/run/secrets/syncer/{app_id}, or env:SYNCER_TOKEN_X")
    return kind, where


def team(text: str) -> tuple[str, tuple[str, ...]]:
    """A team's name and the globs of its apps, from `NAME=GLOB,GLOB`; UsageError otherwise."""
    found = _TEAM.fullmatch(text)
    if found is None:
        raise UsageError(f"--team {text!r} is no team", hint="write --team 'telephony=support-*,sales-*'")
    return found["name"], tuple(found["globs"].split(","))


async def adopt(settings: Settings, wanted: Wanted) -> Imported:
    """Import the fleet; no file is in place unless all of them are right. UsageError, SyncerError otherwise."""
    tree = publishing.Tree(settings, wanted.folder)
    vendor = wiring.reader(settings)
    try:
        listed, unlisted = await census.listed(vendor, settings)
        found = _chosen(listed, wanted, tree.names, known=bool(unlisted))
        paths = {app.ref: tree.path(_file(app, wanted)) for app in found}
        replaced = set(paths.values()) if wanted.force else set()
        fresh = tuple(app for app in found if app.ref not in tree.declared(replaced))
        if not wanted.force:
            publishing.refuse_existing(paths[app.ref] for app in fresh)
        refused = {app.ref: why for app in fresh if (why := _fault(app, wanted.token))}
        readable = tuple(app for app in fresh if app.ref not in refused)
        with bar(sys.stderr, time.monotonic) as progress:
            tally = Tally(progress, len(readable))
            live = await sweep(
                vendor,
                readable,
                settings.vendor.concurrency,
                on_read=lambda one: tally.one(failed=isinstance(one, Unreadable)),
            )
    finally:
        await vendor.aclose()
    refused |= {one.ref: f"{one.kind}: {one.message}" for one in live if isinstance(one, Unreadable)}
    sheets = fitting.fit(_sheets(fresh, paths, live, refused, wanted), tree.problems)
    publishing.publish(sheets, {one.ref: one for one in live if isinstance(one, LiveApp)}, tree, force=wanted.force)
    return Imported(sheets, unlisted, len(found) - len(fresh))


def _chosen(
    listed: Iterable[Listed], wanted: Wanted, called: Iterable[tuple[AppRef, str]], *, known: bool
) -> tuple[DesiredApp, ...]:
    """The apps that the patterns leave; `known`: why there are none has been told already.

    `called` are the names that the source gives to apps; those of apps that are written anew are free.
    A pattern `customer/app_id` names an app whether it is listed or not.
    """
    there = {app.ref: app for app in listed}
    for pattern in wanted.patterns:
        customer, slash, app_id = pattern.partition("/")
        if slash and not _GLOB & set(pattern):
            there.setdefault(AppRef(customer, app_id), Listed(AppRef(customer, app_id), ""))
    if not there and not known:
        raise UsageError(
            "no app to import: none is listed and none is named",
            hint="set vendor.customer_tokens, or name apps as CUSTOMER/APP_ID",
        )
    used = {(ref.customer_id, name.lower()) for ref, name in called if not (wanted.force and ref in there)}
    names = naming.names(there.values(), used)
    apps = tuple(_stub(app, names[app.ref], wanted.token) for app in sorted(there.values()))
    return selection.select(apps, wanted.patterns) if apps else ()


def _stub(app: Listed, name: str, token: tuple[str, str]) -> DesiredApp:
    """Enough of an app to read it with."""
    where = checks.token_ref(token[:1], _kept(app.ref, name, token))
    return DesiredApp(app.ref, name, AppSettings(), where, NOWHERE, Revision("", ""))


def _kept(ref: AppRef, name: str, token: tuple[str, str]) -> str:
    """The file or variable of one app's token."""
    text, _ = placeholders.expand(token[1], {"app": name, "app_id": ref.app_id, "customer_id": ref.customer_id})
    return text


def _fault(app: DesiredApp, token: tuple[str, str]) -> str:
    """Why no file may hold this app, empty where one may."""
    if not all(ID.fullmatch(part) and ".." not in part for part in (app.ref.customer_id, app.ref.app_id)):
        return "its ids have characters that no file may hold"
    where = _kept(app.ref, app.name, token)
    faults = checks.token_faults(token[0], where)
    return f"{faults[0].rule}: {faults[0].message}: {where}" if faults else ""


def _file(app: DesiredApp, wanted: Wanted) -> str:
    """The file that an app goes to, within the folder."""
    mine = _team_of(app, wanted)
    customer = app.ref.customer_id if ID.fullmatch(app.ref.customer_id) else "customer"
    return f"{customer}/{mine}.yaml" if mine else f"{customer}.yaml"


def _team_of(app: DesiredApp, wanted: Wanted) -> str:
    """The first team that names it, empty for none."""
    names = (app.name, app.ref.app_id, str(app.ref))
    return next(
        (team for team, globs in wanted.teams if any(fnmatchcase(name, glob) for name in names for glob in globs)), ""
    )


def _sheets(
    apps: Iterable[DesiredApp],
    paths: Mapping[AppRef, str],
    live: Iterable[Live],
    refused: Mapping[AppRef, str],
    wanted: Wanted,
) -> dict[str, Sheet]:
    read = {one.ref: one for one in live if isinstance(one, LiveApp)}
    by_path: dict[str, list[DesiredApp]] = {}
    for app in apps:
        by_path.setdefault(paths[app.ref], []).append(app)
    return {
        path: Sheet(
            mine[0].ref.customer_id,
            wanted.token,
            tuple(
                fitting.draft(read[app.ref], app.name, with_queries=wanted.with_queries)
                for app in mine
                if app.ref in read
            ),
            _team_of(mine[0], wanted),
            tuple((app.ref, refused[app.ref]) for app in mine if app.ref in refused),
        )
        for path, mine in by_path.items()
    }
