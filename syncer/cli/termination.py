"""Why a run ended, in a file that Kubernetes shows with the container's state."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from syncer.errors import ProblemsError
from syncer.model.outcome import CALM, State
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.errors import SyncerError
    from syncer.model.outcome import SyncReport

LONGEST: Final = 2000
"""Bytes; the kubelet reads 4096 at most, and people read less."""


def of_error(error: SyncerError) -> str:
    """What stopped the run: of several problems in files also the first one."""
    told = [error.message]
    if isinstance(error, ProblemsError) and error.problems:
        first = error.problems[0]
        told.append(f"first {first.rule} at {first.at}: {first.message}")
    return "; ".join((*told, error.hint) if error.hint else told)


def of_report(report: SyncReport, source: SyncerError | None) -> str:
    """What a pass left to be seen to: the source, then apps by state with the first of each."""
    told = [of_error(source)] if source is not None else []
    if report.rejected:
        told.append(f"{len(report.rejected)} of the source's files are invalid, first {report.rejected[0]}")
    for state in State:
        mine = [app for app in report.apps if app.state is state]
        if mine and state not in CALM:
            told.append(f"{len(mine)} {state.value}, first {mine[0].ref}: {mine[0].reason}")
    return "; ".join(told)


def write(path: Path | None, code: int, why: str) -> None:
    """Leave the reason of a run that did not end well, and take an older one away; who can't have it has the log."""
    if path is None:
        return
    line = f"exit {code}: {sanitize(why) or 'see the log'}".encode()[:LONGEST].decode(errors="ignore").encode() + b"\n"
    with suppress(OSError):
        if code or path.exists():
            path.write_bytes(line if code else b"")  # a mount: no rename
