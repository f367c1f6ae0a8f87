"""What the records add up to, as tables: the same code for a first build and for catching up."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from syncer.audit import files, payloads
from syncer.audit.events import EventType, ref_of
from syncer.model.desired import AppRef
from syncer.model.outcome import Verdict
from syncer.model.planned import Cause

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.audit.chain import Event, Spot

VERSION: Final = 11
"""Of the tables below; another one on the disk is thrown away and built again."""

WHOLE_FLEET: Final = AppRef("", "")
"""Stands where a record has no subject and is about every app."""

TABLES: Final = """
CREATE TABLE place (version INTEGER, logid TEXT, records INTEGER, segment INTEGER, end INTEGER, head TEXT,
    closed INTEGER, last INTEGER);
CREATE TABLE applied (customer TEXT, app TEXT, digests TEXT, revision TEXT, at TEXT, seq INTEGER,
    gone INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (customer, app)) WITHOUT ROWID;
CREATE TABLE intents (reqid TEXT, customer TEXT, app TEXT, seq INTEGER, event TEXT, target TEXT, after TEXT,
    revision TEXT, at TEXT, drift INTEGER, approved INTEGER, committed INTEGER, verdict TEXT, status INTEGER,
    ended TEXT, message TEXT, dangers TEXT, boot TEXT, up INTEGER, PRIMARY KEY (reqid, seq)) WITHOUT ROWID;
CREATE INDEX intents_of_app ON intents (customer, app, seq);
CREATE INDEX intents_by_time ON intents (at);
CREATE INDEX intents_of_commits ON intents (seq) WHERE committed;
CREATE TABLE in_force (revision TEXT, seq INTEGER);
CREATE INDEX intents_open ON intents (seq) WHERE verdict IS NULL;
CREATE TABLE approvals (seq INTEGER PRIMARY KEY, customer TEXT, app TEXT, digest TEXT, plan TEXT, by TEXT, reason TEXT,
    expires TEXT, at TEXT, boot TEXT, up INTEGER, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE source_approvals (seq INTEGER PRIMARY KEY, was TEXT, sha TEXT, by TEXT, reason TEXT, expires TEXT,
    at TEXT, boot TEXT, up INTEGER, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE orders (customer TEXT, app TEXT, kind TEXT, seq INTEGER, at TEXT, data TEXT, ended INTEGER, log TEXT,
    record INTEGER, PRIMARY KEY (customer, app, kind)) WITHOUT ROWID;
CREATE TABLE story (seq INTEGER PRIMARY KEY, customer TEXT, app TEXT, segment INTEGER, offset INTEGER, type TEXT,
    fields TEXT, reqid TEXT);
CREATE INDEX story_of_app ON story (customer, app, seq);
CREATE TABLE seen (customer TEXT, app TEXT, at TEXT, PRIMARY KEY (customer, app)) WITHOUT ROWID;
"""
"""All but `seen` follow from the journal. `seen` is a cache: without it, an app was last seen when it was recorded."""


def stored(path: Path) -> sqlite3.Connection:
    """The database at a path, made for the owner alone if need be. Raises OSError or sqlite3.Error."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.FILE_MODE))
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    with suppress(sqlite3.DatabaseError):  # not a database: found out, and mended, where it is first read
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    return database


def in_memory() -> sqlite3.Connection:
    """One that is gone with its connection."""
    return sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)


def remove(path: Path) -> None:
    """Take the database at a path away, with what SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def take(database: sqlite3.Connection, spot: Spot, event: Event) -> None:
    """Take one record in. Types that the tables have no use for, later ones included, pass by."""
    if of_source := _OF_SOURCE.get(event["type"]):
        of_source(database, event)
    ref = ref_of(event.get("subject"))
    if of_order := _OF_ORDERS.get(event["type"]):
        ref = ref or WHOLE_FLEET
        of_order(database, ref, event)
    if ref is None:
        return
    if recipe := _RECIPES.get(event["type"]):
        recipe(database, ref, event)
    if event["type"] not in _OF_INTENTS:
        data = event["data"]
        fields = " ".join((*data.get("changes", ()), *data.get("fields", ())))
        database.execute(
            "INSERT INTO story VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (int(event["seq"]), ref.customer_id, ref.app_id, *spot, event["type"], fields, data.get("reqid")),
        )


def _intent(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    data = event["data"]
    kept = {name: data[name] for name in ("reqid", "name", "git", "after", "before")}
    brief = {"subject": event["subject"], "time": event["time"], "data": kept}
    held = data.get("held", ())  # carried as they were live, which is not what git declares: nothing was settled
    after = json.dumps({name: digest for name, digest in data["after"]["hmac"].items() if name not in held})
    database.execute(
        "INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, ?, ?, ?)",
        (
            data["reqid"],
            ref.customer_id,
            ref.app_id,
            int(event["seq"]),
            json.dumps(brief),
            data["target"],
            after,
            data["git"]["commit"],
            event["time"],
            Cause.DRIFT in data["reason"]["causes"],
            data["approval"] is not None,
            set(data["reason"]["causes"]) != {Cause.DRIFT},
            " ".join(data["danger"]),
            *_moment(event)[1:],
        ),
    )
    if approval := data["approval"]:  # and every earlier word for this change, under whatever plan it was given
        database.execute(
            "UPDATE approvals SET used = 1 WHERE customer = ? AND app = ? AND digest = ?",
            (ref.customer_id, ref.app_id, approval["digest"]),
        )


def _accepted(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    """Keep the status: a later read finds out what came of the PUT, and knows no status of its own."""
    del ref
    data = event["data"]
    database.execute(
        "UPDATE intents SET status = ? WHERE reqid = ? AND verdict IS NULL", (data["status"], data["reqid"])
    )


def _end(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    data = event["data"]
    database.execute(
        "UPDATE intents SET verdict = ?, status = ifnull(?, status), ended = ?, message = ?, boot = ?, up = ?,"
        " event = NULL WHERE reqid = ? AND verdict IS NULL",
        (*(data["verdict"], data["status"], event["time"], data["message"]), *_moment(event)[1:], data["reqid"]),
    )
    if data["verdict"] == Verdict.APPLIED:
        _applied(database, ref, event)


def _applied(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    """Take a PUT as the last one applied; of fields that it only carried, what was known before stays known."""
    app = (ref.customer_id, ref.app_id)
    intent = database.execute(
        "SELECT after, revision FROM intents WHERE customer = ? AND app = ? AND reqid = ? ORDER BY seq DESC LIMIT 1",
        (*app, event["data"]["reqid"]),
    ).fetchone()
    if intent is None:
        return
    before = database.execute("SELECT digests FROM applied WHERE customer = ? AND app = ?", app).fetchone()
    digests = {**(json.loads(before[0]) if before else {}), **json.loads(intent[0])}
    database.execute(
        "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?, ?, ?, 0)",
        (*app, json.dumps(digests), intent[1], event["time"], int(event["seq"])),
    )


def _adoption(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    data = event["data"]
    database.execute(
        "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?, ?, ?, 0)",
        (
            ref.customer_id,
            ref.app_id,
            json.dumps(data["live"]["hmac"]),
            data["git"]["commit"],
            event["time"],
            int(event["seq"]),
        ),
    )


def _left(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    del event
    database.execute("UPDATE applied SET gone = 1 WHERE customer = ? AND app = ?", (ref.customer_id, ref.app_id))


def _approval(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    data: dict[str, Any] = event["data"]
    database.execute(
        "INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            int(event["seq"]),
            ref.customer_id,
            ref.app_id,
            *(data[name] for name in ("digest", "plan", "by", "reason", "expires")),
            *_moment(event),
        ),
    )


def _said(database: sqlite3.Connection, ref: AppRef, event: Event) -> None:
    """Keep an order, or the end of one, in the place of what was said of its kind before.

    What is said here is the later word even if a clock was set back, or another machine's is ahead. What was carried
    here has the time that it was said at, and takes no later one's place.
    """
    about = (ref.customer_id, ref.app_id, _LIFTS.get(event["type"], event["type"]))
    known = database.execute("SELECT at FROM orders WHERE customer = ? AND app = ? AND kind = ?", about).fetchone()
    data, seq, before = event["data"], int(event["seq"]), known[0] if known else ""
    at, log, record = max(event["time"], _after(before)), event["logid"], seq
    if carried := data.get("carried"):
        at, log, record = carried["at"], carried["logid"], int(carried["record"])
        if at < before:
            return
    database.execute(
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*about, seq, at, json.dumps(data), event["type"] in _LIFTS, log, record),
    )


def _after(at: str) -> str:
    """The next moment, as a record has it; nothing for nothing."""
    return payloads.instant(datetime.fromisoformat(at) + timedelta(microseconds=1)) if at else ""


def _moment(event: Event) -> tuple[str, str, int]:
    """When a record was made, by the wall clock and by what no clock change can move."""
    return event["time"], event["bootid"], int(event["boottimens"])


def _source_approved(database: sqlite3.Connection, event: Event) -> None:
    data = event["data"]
    database.execute(
        "INSERT INTO source_approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (int(event["seq"]), *(data[name] for name in ("before", "commit", "by", "reason", "expires")), *_moment(event)),
    )


def _source_changed(database: sqlite3.Connection, event: Event) -> None:
    """A commit that came in force has used its approval up.

    Each process says what it finds in force: only another revision than the last one is a beginning.
    """
    revision = event["data"]["git"]["commit"]
    database.execute("UPDATE source_approvals SET used = 1 WHERE sha = ?", (revision,))
    if database.execute("SELECT revision FROM in_force").fetchone() != (revision,):
        database.execute("DELETE FROM in_force")
        database.execute("INSERT INTO in_force VALUES (?, ?)", (revision, int(event["seq"])))


_OF_INTENTS: Final = frozenset(
    {EventType.PUT_ACCEPTED.value, EventType.PUT_RESULT.value, EventType.PUT_RECOVERED.value}
)
"""What only adds to an intent, and is told with it."""
_RECIPES: Final[dict[str, Callable[[sqlite3.Connection, AppRef, Event], None]]] = {
    EventType.PUT_INTENT: _intent,
    EventType.PUT_ACCEPTED: _accepted,
    EventType.PUT_RESULT: _end,
    EventType.PUT_RECOVERED: _end,
    EventType.APP_ADOPTED: _adoption,
    EventType.APP_LEFT: _left,
    EventType.APPROVE: _approval,
}
_LIFTS: Final = {EventType.RESUME.value: EventType.SUSPEND.value, EventType.UNPIN.value: EventType.PIN.value}
"""What the end of an order ends."""
_OF_ORDERS: Final[dict[str, Callable[[sqlite3.Connection, AppRef, Event], None]]] = {
    EventType.SUSPEND: _said,
    EventType.PIN: _said,
    EventType.RESUME: _said,
    EventType.UNPIN: _said,
}
_OF_SOURCE: Final[dict[str, Callable[[sqlite3.Connection, Event], None]]] = {
    EventType.SOURCE_APPROVED: _source_approved,
    EventType.SOURCE_CHANGED: _source_changed,
}
