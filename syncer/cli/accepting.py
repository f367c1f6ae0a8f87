"""`syncer import --field`: one live value goes into the one line that declares it, as a patch, a file or a branch."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from syncer import environment, log, sources, wiring
from syncer.adoption import accepting, fitting
from syncer.adoption.overlay import Overlay
from syncer.cli import exits
from syncer.desired import gitproposal, selection
from syncer.desired.git import GitSource
from syncer.desired.gitproposal import Proposal
from syncer.errors import SourceError, SyncerError, UsageError
from syncer.model.live import Unreadable
from syncer.model.text import sanitize
from syncer.threads import interruptible

if TYPE_CHECKING:
    from syncer.adoption.accepting import Edit
    from syncer.desired.snapshot import Snapshot, Source
    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.model.fields import Field
    from syncer.model.live import LiveApp
    from syncer.settings import Settings

    Found: TypeAlias = tuple[Source, Snapshot, DesiredApp, LiveApp, Edit | None]


@dataclass(frozen=True, slots=True)
class How:
    """What becomes of the edit: a patch on stdout unless it is to be written or committed on a branch."""

    write: bool = False
    branch: str = ""
    author: str = ""
    push: bool = False


def accept(settings: Settings, name: str, field: Field, how: How, *, with_queries: bool) -> int:
    """Make the edit and hand it over; returns the exit code. UsageError, SyncerError as they come."""
    _check(settings, how)
    source, snapshot, app, live, edit = asyncio.run(_found(settings, name, field, with_queries=with_queries))
    if edit is None:
        click.echo(f"{sanitize(str(app.ref))}: {field} is live as git declares; there is nothing to accept", err=True)
        return exits.DONE
    new = f"a line of its own for {app.name}, because others share {app.origin(field)}" if edit.own else "edited"
    if how.write:
        write(edit)
        click.echo(f"wrote {sanitize(edit.path)}: {sanitize(new)}")
    elif how.branch:
        value = live.settings.get(field)
        words = f"Accept {field} of {app.ref} as it is at the vendor\n\n{field}: {fitting.told(value)}"
        proposal = Proposal(edit.path, edit.before, edit.after, how.branch, how.author, words)
        commit = _commit(settings, source, snapshot, proposal, push=how.push)
        click.echo(f"committed {commit[:12]} on {how.branch}{' and pushed it' if how.push else ''}")
    else:
        _show(edit)
        way = "patch -p1 -d /" if _named_in_patch(edit)[0] == "/" else "git apply"
        click.echo(f"syncer: {sanitize(edit.path)}: {sanitize(new)}; apply the patch with: {way}", err=True)
    return exits.DONE


def _check(settings: Settings, how: How) -> None:
    remote = settings.source.url is not None
    if how.write and remote:
        raise UsageError("--write edits a folder, and the source is a repository", hint="take the patch, or --branch")
    if how.branch and remote and not how.push:
        raise UsageError("a branch of a repository elsewhere has to be pushed", hint="add --push, or take the patch")
    if how.push and not remote:
        raise UsageError("--push is for a source.url", hint=f"without it, then: git push origin {how.branch}")
    if how.branch:
        gitproposal.check(how.branch, how.author)


async def _found(settings: Settings, name: str, field: Field, *, with_queries: bool) -> Found:
    """The source as it is in force, the app, what is live of it, and the proved edit (None: nothing differs)."""
    loader = sources.loader(settings.policy)
    async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:
        reading = partial(interruptible, here.source.interrupt)
        admitted = await reading(here.tracker.refresh)
        snapshot = await reading(partial(_snapshot, here.source, admitted.revision.id))
        before = await reading(partial(loader.load, here.source, snapshot))
        app = _named(before, name)
        live = await here.vendor.read(app)
        if isinstance(live, Unreadable):
            raise SyncerError(f"{app.ref} can't be read: {live.message}", hint=live.hint)
        if not accepting.check(app, field, live, with_queries=with_queries):
            return here.source, snapshot, app, live, None
        paths = {app.at.path, app.origin(field).path}
        entries = [entry for entry in snapshot.entries if entry.path in paths]
        blobs = await reading(partial(here.source.read, snapshot, entries))
        contents = {entry.path: blobs[entry.blob] for entry in entries}
        edit = accepting.edit(app, field, live, before, contents)
        overlay = Overlay(here.source, snapshot, {edit.path: edit.after})
        again = partial(loader.load, overlay, overlay.snapshot)
        await reading(partial(accepting.prove, app, field, live, before, again))
    return here.source, snapshot, app, live, edit


def _snapshot(source: Source, revision: str) -> Snapshot:
    """The very revision that was admitted."""
    snapshot = source.at(revision) if isinstance(source, GitSource) else source.fetch()
    if snapshot.revision.id != revision:
        raise SourceError("the folder changed while it was read", hint="run it again", retryable=True)
    return snapshot


def _named(state: DesiredState, name: str) -> DesiredApp:
    found = selection.select(state.apps, (name,))
    if len(found) > 1:
        raise UsageError(f"{name!r} names {len(found)} apps", hint="write customer/app_id")
    return found[0]


def _show(edit: Edit) -> None:
    """The patch, byte for byte; on a terminal with what could move the cursor escaped."""
    patch = b"".join(_patch(edit))
    if sys.stdout.isatty():
        told = patch.decode("utf-8", "replace").split("\n")
        click.echo("\n".join(sanitize(line.rstrip("\r")) for line in told), nl=False)
    else:
        click.echo(patch, nl=False)


def _patch(edit: Edit) -> list[bytes]:
    """A unified diff as `git apply` takes it."""
    path = _named_in_patch(edit).lstrip("/")
    before, after = ([line.decode() for line in _lines(data)] for data in (edit.before, edit.after))
    lines = unified_diff(before, after, f"a/{path}", f"b/{path}")
    ended = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return [line.encode() for line in ended]


def _named_in_patch(edit: Edit) -> str:
    """The file's path; absolute where it leads out of the current directory, which patches may not do."""
    return os.path.abspath(edit.path) if ".." in Path(edit.path).parts else edit.path  # noqa: PTH100 -- links stay


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [*(part + b"\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def write(edit: Edit) -> None:
    """Replace the file in one step; SyncerError where somebody else changed it meanwhile, or it can't be done."""
    path = Path(edit.path)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("xb") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(edit.after)
            file.flush()
            os.fsync(file.fileno())
        if path.read_bytes() != edit.before:
            raise SyncerError(f"{path} changed meanwhile", hint="nothing was written; run it again")
        fresh.replace(path)
    except OSError as error:
        raise SyncerError(f"{path} can't be written: {error.strerror}", hint="take the patch instead") from error
    finally:
        fresh.unlink(missing_ok=True)


def _commit(settings: Settings, source: Source, snapshot: Snapshot, proposal: Proposal, *, push: bool) -> str:
    if isinstance(source, GitSource):
        return source.propose(snapshot.revision.id, proposal)
    del push
    folder = settings.source.path or Path()
    return gitproposal.in_clone(folder, proposal, environment.read(), sources.CLOCK)
