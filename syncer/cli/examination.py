"""What `syncer doctor` looks at, each finding with what to do about it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from syncer import anchoring, census, environment, leadership, log, seals, wiring
from syncer.audit import files, verify
from syncer.cli.render import thinning, words
from syncer.errors import SyncerError
from syncer.model.live import LiveApp, Unreadable
from syncer.model.text import sanitize
from syncer.notify import courier
from syncer.threads import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from syncer.cli.render.style import Style
    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.live import Live
    from syncer.model.outcome import TokenEnd
    from syncer.settings import Settings
    from syncer.wiring import Opened

PROBED_AT_MOST = 50
"""Apps that are read to see whether token and vendor work; more would say nothing new."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is fine, what was seen, and how to mend it."""

    what: str
    ok: bool
    seen: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """The finding for machines."""
        return asdict(self)


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which a run needs them; never raises SyncerError."""
    findings = [_program("git"), _state_dir(settings.state_dir)]
    findings += journal(settings.state_dir)
    findings += await _anchors(settings)
    findings += _receivers(settings)
    findings += await _lease(settings)
    try:
        async with wiring.opened(settings, write=False, log=log.silent(), principal="cli") as here:
            state = await interruptible(here.source.interrupt, here.tracker.refresh)
            broken = f"{words.count(len(state.problems), 'problem')} in {words.count(len(state.rejected), 'file')}"
            told = f"{words.count(len(state.apps), 'app')}, {broken if state.rejected else 'valid'}"
            findings.append(Finding("source", True, f"{state.revision.source} at {state.revision.short}"))
            findings.append(
                Finding("desired state", state.valid, told, "`syncer validate` with the same -c or -C shows where")
            )
            findings += await _apps(here.vendor.read, state.apps)
            findings += _tokens(here.vendor.token_ends, wiring.CLOCK.now())
            findings += await _others(settings, here)
    except SyncerError as error:
        findings.append(Finding("source", False, error.message, error.hint))
    return findings


async def _anchors(settings: Settings) -> list[Finding]:
    """Whether heads would be taken by each repository, and what it holds is of this journal."""
    findings = []
    try:
        for place in seals.places(settings):
            seen = await interruptible(place.branch.interrupt, partial(anchoring.examine, place, settings.audit.origin))
            findings.append(Finding("anchor", True, seen))
    except SyncerError as error:
        findings.append(Finding("anchor", False, error.message, error.hint))
    return findings


def _receivers(settings: Settings) -> list[Finding]:
    """Whether the secrets of receivers of notices can be read; nothing is sent."""
    findings = []
    for receiver in settings.notify:
        try:
            courier.secrets(receiver, environment.read())
            findings.append(Finding("receiver", True, f"{receiver.name}: `syncer notify test` sends it something"))
        except SyncerError as error:
            findings.append(Finding("receiver", False, f"{receiver.name}: {error.message}", error.hint))
    return findings


async def _lease(settings: Settings) -> list[Finding]:
    """Whether the account may see the lease, and who holds it."""
    if settings.leader.kind == "none":
        return []
    try:
        return [Finding("lease", True, await leadership.examine(settings))]
    except SyncerError as error:
        return [Finding("lease", False, error.message, error.hint)]


async def _apps(read: Any, apps: tuple[DesiredApp, ...]) -> list[Finding]:
    """Whether the vendor answers for each app, told once per kind of failure."""
    answers: list[Live] = [await read(app) for app in apps[:PROBED_AT_MOST]]
    fine = sum(isinstance(answer, LiveApp) for answer in answers)
    findings = [Finding("vendor", fine == len(answers), f"{fine} of {words.count(len(answers), 'app')} can be read")]
    failures = [answer for answer in answers if isinstance(answer, Unreadable)]
    for kind, count in Counter(failure.kind for failure in failures).most_common():
        first = next(failure for failure in failures if failure.kind is kind)
        findings.append(
            Finding(
                f"  {kind.value}", False, f"{words.count(count, 'app')}, first {first.ref}: {first.message}", first.hint
            )
        )
    return findings


async def _others(settings: Settings, here: Opened) -> list[Finding]:
    """What else the vendor has, where there is a token that may list it."""
    if not settings.vendor.customer_tokens:
        return []
    found = census.unmanaged(await census.listed(here.vendor, settings), (app.ref for app in here.tracker.apps))
    names = ", ".join(str(app.ref) for app in found.apps[: thinning.NAMED])
    rest = len(found.apps) - thinning.NAMED
    more = f"{names} and {rest:,} more" if rest > 0 else names
    told = f"{words.count(len(found.apps), 'app')} in no valid file, never touched{': ' if names else ''}{more}"
    broken = [Finding("list of apps", False, f"{one.customer_id}: {one.message}", one.hint) for one in found.unlisted]
    return [
        *broken,
        *([Finding("unmanaged", True, told)] if len(broken) < len(settings.vendor.customer_tokens) else []),
    ]


def _tokens(ends: Mapping[AppRef, TokenEnd], now: datetime) -> list[Finding]:
    """Whether somebody has to see to new tokens; none is told of where no token says when it ends."""
    if not ends:
        return []
    due = sorted((end.at, ref) for ref, end in ends.items() if end.due <= now)
    if not due:
        first = min(end.at for end in ends.values())
        return [Finding("token ends", True, f"the first of {words.count(len(ends), 'token')} on {first:%Y-%m-%d}")]
    at, ref = due[0]
    seen = f"{words.count(len(due), 'app')}, first {ref}: {'ended' if at <= now else 'ends'} {at:%Y-%m-%d %H:%M} UTC"
    return [
        Finding("token ends", at > now, f"due to be replaced: {seen}", "put a new token where the app's `token:` is")
    ]


def _program(name: str) -> Finding:
    found = shutil.which(name, path=environment.read().get("PATH"))
    return Finding(name, found is not None, found or "not found", f"install {name}")


def _state_dir(folder: Path) -> Finding:
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    usable = os.access(nearest, os.W_OK | os.X_OK)
    seen = f"{folder} {'exists' if folder.exists() else 'will be made'}"
    return Finding("state folder", usable, seen, f"make {nearest} writable or name another with --state-dir")


def journal(state_dir: Path) -> list[Finding]:
    """Whether the next run could go on with the journal: it repairs a torn tail and resolves what is open itself."""
    if not files.recorded(state_dir):
        return []
    try:
        found = verify.verify(state_dir)
    except SyncerError as error:
        return [Finding("journal", False, error.message, error.hint)]
    mend = "`syncer audit verify` says more; keep a copy of the state folder, and find out who or what touched it"
    stops = {verify.Finding.ALTERED, verify.Finding.SHORTER}
    return [Finding("journal", found.finding not in stops, found.sentence, mend)]


def text(findings: Iterable[Finding], style: Style) -> str:
    """One line per finding, and how to mend it below."""
    lines = []
    for finding in findings:
        mark = style.added("ok  ") if finding.ok else style.error("FAIL")
        lines.append(f"{mark} {finding.what:<14} {sanitize(finding.seen)}")
        if not finding.ok and finding.mend:
            lines.append(f"     {'':<14} -> {sanitize(finding.mend)}")
    return "\n".join(lines)
