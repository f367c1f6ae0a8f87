"""The report of the last pass in the state folder: what `syncer status` shows, and since when a state has held."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from syncer import report as reports
from syncer.errors import SyncerError
from syncer.model.desired import AppRef
from syncer.model.outcome import AppStatus, State, TokenEnd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import timedelta
    from pathlib import Path

    from syncer.model.outcome import SyncReport

NAME: Final = "status.json"
STALE_INTERVALS: Final = 3
STATUS_ONLY: Final = "only `syncer status` suffers: what was written stands in the journal"


def merged(state_dir: Path, report: SyncReport, fleet: Iterable[AppRef]) -> dict[str, Any]:
    """The report as its document; a pass over some of the `fleet` leaves what earlier ones found out of the others."""
    return _with_others(reports.of_report(report), _known(state_dir), frozenset(fleet))


def led(document: dict[str, Any], leader: Mapping[str, Any] | None) -> dict[str, Any]:
    """The report with who leads, where there is an election."""
    return {**document, "leader": dict(leader)} if leader else document


def write(state_dir: Path, report: SyncReport, fleet: Iterable[AppRef]) -> None:
    """Replaces the report with that of a pass, as `merged` has it. Raises SyncerError."""
    replace(state_dir, merged(state_dir, report, fleet))


def replace(state_dir: Path, document: Mapping[str, Any]) -> None:
    """Replaces the report in one step; losing it to a power cut costs nothing but `since` times. Raises SyncerError."""
    target = state_dir / NAME
    temporary = state_dir / f"{NAME}.{os.getpid()}"
    try:
        temporary.touch(mode=0o600)
        temporary.write_bytes(orjson.dumps(document))
        temporary.replace(target)
    except OSError as error:
        raise SyncerError(f"{target} can't be written: {error.strerror}", hint=STATUS_ONLY) from error


def _known(state_dir: Path) -> dict[str, Any] | None:
    try:
        return read(state_dir)
    except SyncerError:
        return None  # only `since` times are lost with it, and this pass replaces it


def _with_others(document: dict[str, Any], former: dict[str, Any] | None, fleet: frozenset[AppRef]) -> dict[str, Any]:
    rows = {_ref(row): row for row in former["apps"] if _ref(row) in fleet} if former else {}
    rows.update((_ref(row), row) for row in document["apps"])
    apps = [rows[ref] for ref in sorted(rows)]
    return {**document, "apps": apps, "states": _counted(apps)}


def _ref(row: Mapping[str, Any]) -> AppRef:
    return AppRef(row["customer_id"], row["app_id"])


def _counted(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(State(row["state"]) for row in rows)
    return {state.value: found[state] for state in State if found[state]}


def _unread(path: Path, error: OSError | ValueError) -> SyncerError:
    if isinstance(error, OSError):
        return SyncerError(f"{path} can't be read: {error.strerror}", hint="make it readable for this user")
    return SyncerError(f"{path} is damaged", hint="delete it; the next pass writes it anew")


def read(state_dir: Path) -> dict[str, Any] | None:
    """The last report as its JSON document, None where there is none; SyncerError where it can't be read."""
    try:
        document = orjson.loads((state_dir / NAME).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unread(state_dir / NAME, error) from error
    return checked(document, str(state_dir / NAME), "delete it; the next pass writes it anew")


def checked(document: object, where: str, advice: str = "") -> dict[str, Any]:
    """The document if it is a report; SyncerError otherwise."""
    if not isinstance(document, dict) or document.get("schema") != reports.REPORT_SCHEMA:
        raise SyncerError(f"{where} is not a report of this version", hint=advice)
    try:
        statuses(document)
    except (KeyError, TypeError, ValueError) as error:
        raise SyncerError(f"{where} is damaged", hint=advice) from error
    return document


def told_stale(document: Mapping[str, Any]) -> frozenset[AppRef]:
    """Apps that a report says are Stale."""
    return frozenset(ref for ref, status in statuses(document).items() if status.state is State.STALE)


def statuses(document: Mapping[str, Any] | None) -> dict[AppRef, AppStatus]:
    """The states that a report holds, by app."""
    found = {}
    for row in document["apps"] if document else ():
        since, checked = datetime.fromisoformat(row["since"]), datetime.fromisoformat(row["checked"])
        ref = _ref(row)
        often = row.get("put_back", 0)  # a report of an older version has none of these
        labels = tuple(row.get("labels", {}).items())
        found[ref] = AppStatus(
            ref, row["name"], State(row["state"]), row["reason"], since, checked, often, token(row), labels
        )
    return found


def narrowed(document: Mapping[str, Any], wanted: Collection[AppRef]) -> dict[str, Any]:
    """The report with these apps alone."""
    apps = [row for row in document["apps"] if _ref(row) in wanted]
    return {**document, "apps": apps, "states": _counted(apps)}


def token(row: Mapping[str, Any]) -> TokenEnd | None:
    """When the token of an app's row ends; None where that is not known (an older version wrote nothing)."""
    if not (row.get("token_ends") and row.get("token_due")):
        return None
    return TokenEnd(datetime.fromisoformat(row["token_ends"]), datetime.fromisoformat(row["token_due"]))


def aged(document: Mapping[str, Any], gone_stale: Collection[AppRef]) -> dict[str, Any]:
    """The report for machines, with the state Stale for apps whose verdict is too old to be one."""
    apps = [{**row, "state": State.STALE.value} if _ref(row) in gone_stale else row for row in document["apps"]]
    return {**document, "apps": apps, "states": _counted(apps)}


def stale(document: Mapping[str, Any], now: datetime, interval: timedelta) -> frozenset[AppRef]:
    """Apps without a verdict for three intervals: whatever they were then, nobody knows what they are now."""
    return frozenset(
        ref for ref, status in statuses(document).items() if now - status.checked > STALE_INTERVALS * interval
    )
