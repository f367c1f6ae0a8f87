"""Answers about the journal, from a SQLite projection of it that may be deleted at any time."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from syncer.audit import answers, chain, files, lasting, payloads, projection, read
from syncer.audit.history import HistoryEntry, entry_of
from syncer.errors import JournalError, StoppedError
from syncer.model.desired import AppRef
from syncer.model.outcome import Attempt, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from syncer.clock import Instant
    from syncer.model.fields import Field
    from syncer.model.orders import Order, Saying
    from syncer.model.outcome import OpenIntent
    from syncer.model.planned import Approval, LastApplied, RecentPut, SourceApproval

INDEX_NAME: Final = "index.sqlite"
_READ_PLACE: Final = "SELECT version, logid, records, segment, end, head, closed, last FROM place"
_WRITE_PLACE: Final = "UPDATE place SET (logid, records, segment, end, head, closed, last) = (?, ?, ?, ?, ?, ?, ?)"
T = TypeVar("T")


class Index:
    """The journal's projection, brought up to the journal's end before every answer.

    What is missing, unreadable, of another version, of another log, or not where the journal is, is built again.
    """

    def __init__(self, state_dir: Path, database: sqlite3.Connection, path: Path | None) -> None:
        """Use `open` or `view`."""
        self._state_dir = state_dir
        self._database = database
        self._path = path
        self._links = chain.Links()
        self._last = 0
        self._one_at_a_time = threading.RLock()
        self._closed = False

    @classmethod
    def open(cls, state_dir: Path) -> Index:
        """The projection on the disk, kept up to date: for the process that holds the state folder's lock.

        Raises JournalError when the journal doesn't follow on from itself.
        """
        path = state_dir / INDEX_NAME
        try:
            index = cls(state_dir, projection.stored(path), path)
        except (OSError, sqlite3.Error):  # no place for it: the view in memory answers as well, only not as fast
            index = cls(state_dir, projection.in_memory(), path)
        return index._settled()

    @classmethod
    def view(cls, state_dir: Path) -> Index:
        """A view in memory for every other process: begun from the one on the disk where that is of use."""
        memory = projection.in_memory()
        path = state_dir / INDEX_NAME
        with suppress(sqlite3.Error):
            stored = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            try:
                stored.backup(memory)
            finally:
                stored.close()
        index = cls(state_dir, memory, None)
        return index._settled()

    def close(self) -> None:
        """Let go of the database, once whoever works on it is done; who comes later gets a StoppedError."""
        with self._one_at_a_time:
            self._closed = True
            self._database.close()

    def last_applied(self) -> Mapping[AppRef, LastApplied]:
        """What was last written to, or last seen in agreement at, the vendor, for every app ever recorded."""
        rows = self._ask(
            "SELECT customer, app, digests, revision, applied.at, max(applied.at, ifnull(seen.at, '')), gone"
            " FROM applied LEFT JOIN seen USING (customer, app) ORDER BY customer, app"
        )
        return {AppRef(row[0], row[1]): answers.last_applied(*row) for row in rows}

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """Intents without a result, oldest first."""
        rows = self._ask("SELECT event FROM intents WHERE verdict IS NULL ORDER BY seq")
        return tuple(chain.open_intent(json.loads(event)) for (event,) in rows)

    def history(self, ref: AppRef, field: Field | None, limit: int) -> tuple[HistoryEntry, ...]:
        """What happened to an app (to one field of it), latest first: a PUT and its result are one entry."""
        rows = self._ask(
            "SELECT story.segment, story.offset, verdict, ended, message FROM story"
            " LEFT JOIN intents ON story.reqid = intents.reqid AND story.seq = intents.seq"
            " WHERE (story.customer, story.app) IN (VALUES (?, ?), ('', '')) AND (? OR ' ' || fields || ' ' LIKE ?)"
            " ORDER BY story.seq DESC LIMIT ?",
            (ref.customer_id, ref.app_id, field is None, f"% {field} %", limit),
        )
        return tuple(
            entry_of(read.event_at(files.segment(self._state_dir, segment), offset), *ending)
            for segment, offset, *ending in rows
        )

    def approvals(self, now: Instant) -> tuple[Approval, ...]:
        """Approvals that still hold: not over, and not used by an intent."""
        rows = self._ask(
            "SELECT at, boot, up, customer, app, digest, plan, by, reason, expires FROM approvals"
            " WHERE NOT used ORDER BY seq"
        )
        held = ((answers.given(*row[:3]), answers.approval(*row[3:])) for row in rows)
        return tuple(approval for given, approval in held if lasting.holds(approval.expires, given, now))

    def source_approvals(self, now: Instant) -> tuple[SourceApproval, ...]:
        """Approvals of commits that still hold: not over, and not in force since."""
        rows = self._ask(
            "SELECT at, boot, up, was, sha, by, reason, expires FROM source_approvals WHERE NOT used ORDER BY seq"
        )
        held = ((answers.given(*row[:3]), answers.source_approval(*row[3:])) for row in rows)
        return tuple(approval for given, approval in held if lasting.holds(approval.expires, given, now))

    def orders(self) -> tuple[Order, ...]:
        """People's orders that nobody has lifted, whatever the time is; oldest first."""
        rows = self._ask("SELECT customer, app, kind, at, data FROM orders WHERE NOT ended ORDER BY seq")
        return tuple(answers.order(*row) for row in rows)

    def sayings(self) -> tuple[Saying, ...]:
        """The latest that was said of each kind about each app: orders, and the ends of orders."""
        rows = self._ask("SELECT customer, app, kind, at, data, ended, log, record FROM orders ORDER BY seq")
        return tuple(answers.saying(*row) for row in rows)

    def failures(self, ref: AppRef, target: str) -> int:
        """How many PUTs of one target the vendor accepted (2xx) and did not show, since the app was last applied.

        PUTs that failed openly (5xx, no answer, refused) don't count: they end when the trouble does.
        """
        return self._count_since_applied(ref, target, "status BETWEEN 200 AND 299")

    def rejected(self, ref: AppRef, target: str) -> bool:
        """Whether the vendor refused one target as invalid (400), and the app was not applied since."""
        return self._count_since_applied(ref, target, f"verdict = '{Verdict.REJECTED}' AND status = 400") > 0

    def recent_puts(self, since: datetime) -> tuple[RecentPut, ...]:
        """PUTs since an aware time that changed their app, or may have; oldest first."""
        rows = self._ask(
            "SELECT customer, app, at, drift, approved, dangers FROM intents WHERE at >= ?"
            " AND ifnull(verdict, 'open') NOT IN (?, ?) ORDER BY seq",
            (payloads.instant(since.astimezone(UTC)), Verdict.NOT_APPLIED, Verdict.REJECTED),
        )
        return tuple(answers.recent_put(*row) for row in rows)

    def attempts(self, revision: str) -> Mapping[AppRef, Attempt]:
        """The last PUT of each app since a revision came in force, but for those that only put drift back.

        None where another revision is the last that is recorded. What an invalid file's last good reading asks for is
        written meanwhile, too, under its own older revision. A folder may come back to a revision of long ago.
        """
        rows = self._ask(
            "SELECT customer, app, ifnull(ended, intents.at), verdict, boot, up FROM intents, in_force"
            " WHERE in_force.revision = ? AND intents.seq > in_force.seq AND committed ORDER BY intents.seq",
            (revision,),
        )
        return {AppRef(customer, app): answers.attempt(*put) for customer, app, *put in rows}

    def record_seen(self, refs: Iterable[AppRef], at: datetime) -> None:
        """Remember when apps were last seen in agreement. A cache: it is lost with the index."""
        rows = [(ref.customer_id, ref.app_id, payloads.instant(at)) for ref in refs]

        def remember() -> None:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)

        self._attempt(remember)

    def _count_since_applied(self, ref: AppRef, target: str, which: str) -> int:
        app = (ref.customer_id, ref.app_id)
        query = (
            "SELECT count(*) FROM intents WHERE customer = ? AND app = ? AND target = ? AND seq >"
            " ifnull((SELECT seq FROM applied WHERE applied.customer = ? AND applied.app = ?), -1) AND "
        )
        rows = self._ask(query + which, (*app, target, *app))
        return int(rows[0][0])

    def _ask(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        return self._attempt(lambda: self._database.execute(query, values).fetchall())

    def _attempt(self, work: Callable[[], T]) -> T:
        """Work on a projection that is up to date; where SQLite fails, on one built again."""
        with self._one_at_a_time:
            if self._closed:  # a thread that outlived its process's work: it must not build a database anew
                raise StoppedError("this process is ending")
            try:
                self._catch_up()
                return work()
            except sqlite3.Error:
                self._build()
                return work()

    def _settled(self) -> Index:
        try:
            self._settle()
        except JournalError:
            self.close()
            raise
        return self

    def _settle(self) -> None:
        """Go on from what is stored if it fits the journal, else begin again."""
        try:
            fits = self._resume()
            if fits:
                self._catch_up()
        except sqlite3.Error:
            fits = False
        if not fits:
            self._build()

    def _resume(self) -> bool:
        if self._database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            return False
        rows = self._database.execute(_READ_PLACE).fetchall()
        if len(rows) != 1 or rows[0][0] != projection.VERSION:
            return False
        _, logid, records, segment, end, head, closed, self._last = rows[0]
        self._links = chain.Links(segment, end, records, head, logid, bool(closed))
        if segment > 1 and not end:  # caught between two segments: nothing there yet that could vouch for it
            return False
        return read.stands(files.segment(self._state_dir, segment), self._last, end, head)

    def _build(self) -> None:
        """Begin again: on the disk if this is the writer's and the disk takes it, else in memory."""
        self._database.close()
        if self._path is not None:
            try:
                projection.remove(self._path)
                self._database = projection.stored(self._path)
                self._from_nothing()
            except (sqlite3.Error, OSError):
                self._database.close()
            else:
                return
        self._database = projection.in_memory()
        self._from_nothing()

    def _from_nothing(self) -> None:
        self._links, self._last = chain.Links(), 0
        self._database.executescript(projection.TABLES)
        self._database.execute(
            "INSERT INTO place VALUES (?, '', 0, 1, 0, ?, 0, 0)", (projection.VERSION, chain.NO_HASH)
        )
        self._catch_up()

    def _catch_up(self) -> None:
        """Take in what the journal has gained; one that lost something is another journal."""
        size = files.size(files.segment(self._state_dir, self._links.segment))
        if size < self._links.end:
            self._build()
        if size <= self._links.end and not files.size(files.segment(self._state_dir, self._links.segment + 1)):
            return
        walk = chain.Walk(self._state_dir, replace(self._links))
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for spot, event in walk:
                self._take(spot, event)
            now = walk.links
            self._database.execute(
                _WRITE_PLACE,
                (now.logid, now.records, now.segment, now.end, now.head, now.closed, self._last),
            )
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._links = now

    def _take(self, spot: chain.Spot, event: chain.Event) -> None:
        try:
            projection.take(self._database, spot, event)
        except (KeyError, TypeError, AttributeError) as error:
            why = f"a {event['type']} that is not one: {error}"
            raise chain.DamagedError(chain.Damage(int(event["seq"]), spot, why)) from error
        self._last = spot.offset
