"""The journal for pages: checked record by record in the background, and kept searchable while it grows.

The projection of the audit index belongs to the pass: a page that waited for it, or held it, would hold up writes.
This one is private, lies in a temporary file of SQLite's own, and is gone with the process.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import suppress
from dataclasses import astuple, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from syncer.audit import files, read
from syncer.audit.following import Follower
from syncer.errors import JournalError
from syncer.threads import in_thread
from syncer.views import digest
from syncer.views.digest import ENDINGS, FOLDED, INTENT, Digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from syncer.audit.chain import Event

STEP: Final = 256
"""Records checked at a stretch: some 10 ms in a thread, after which others have their turn."""
REST: Final = 0.01
"""Seconds between two stretches while there is more."""
KEPT: Final = 100_000
"""Records that can be searched, the latest: some 40 MB in a temporary file. All of them are checked."""
LOOK: Final = 1.0
"""Seconds between two looks at the journal's end."""

COLUMNS: Final = tuple(column.name for column in fields(Digest))
TABLES: Final = f"""
CREATE TABLE record ({", ".join(COLUMNS)}, ended DEFAULT '', outcome DEFAULT '', message DEFAULT '', PRIMARY KEY (seq));
CREATE INDEX of_app ON record (customer, app, seq);
CREATE INDEX of_type ON record (type, seq);
CREATE INDEX of_request ON record (request);
CREATE INDEX of_revision ON record (revision, seq);
"""
INSERT: Final = f"INSERT INTO record ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 -- our own names


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the journal is checked: `records` of it, `sealed` of them under a head; `trouble` is what does not fit.

    `oldest` is the first record that can be searched; `caught_up` says whether the end was reached a moment ago.
    """

    records: int
    sealed: int
    oldest: int
    caught_up: bool
    trouble: str


class Trail:
    """All records so far, in a database of this process."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._database = _database()
        self._lock = threading.Lock()
        self._follower: Follower | None = None
        self._oldest = 0
        self._trouble = ""
        self._caught_up = False

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._database.close()

    async def keep_up(self) -> None:
        """Follow the journal until cancelled."""
        while True:
            more = await in_thread(self.step)
            await asyncio.sleep(REST if more else LOOK)

    def step(self, most: int = STEP) -> bool:
        """Take in the next records; whether there may be more at once."""
        try:
            taken = self._taken(most)
        except JournalError as error:
            taken, self._trouble = 0, error.message
        except sqlite3.Error as error:
            taken, self._trouble = 0, f"it can't be kept for pages: {error}"
            self._begin_again()
        self._caught_up = taken < most
        return not self._caught_up

    def _taken(self, most: int) -> int:
        follower = self._following()
        found = follower.step(most) if follower else ()
        self._trouble = str(follower.damage) if follower and follower.damage else ""
        if found:
            self._keep([digest.of(spot, event) for spot, event in found])
        return len(found)

    def _begin_again(self) -> None:
        """What was taken in is lost with a database that fails, so all of it is read again."""
        with self._lock, suppress(sqlite3.Error):
            self._database.close()
            self._database = _database()
        self._follower, self._oldest = None, 0

    @property
    def progress(self) -> Progress:
        """How far it got."""
        follower = self._follower
        records, sealed = (follower.records, follower.sealed) if follower else (0, 0)
        return Progress(records, sealed, self._oldest, self._caught_up, self._trouble)

    def ask(self, query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query. Blocks: ask in a thread."""
        with self._lock:
            return [dict(row) for row in self._database.execute(query, values).fetchall()]

    def search(
        self, where: str, values: Sequence[object], order: str, most: int, skipped: int = 0
    ) -> list[dict[str, Any]]:
        """Records under a condition, by number, `order` ASC or DESC. Blocks."""
        query = f"SELECT * FROM record {where} ORDER BY seq {order} LIMIT ? OFFSET ?"  # noqa: S608 -- conditions of ours
        return self.ask(query, (*values, most, skipped))

    def count(self, where: str, values: Sequence[object]) -> int:
        """How many records a condition has. Blocks."""
        [row] = self.ask(f"SELECT count(*) AS number FROM record {where}", values)  # noqa: S608 -- conditions of ours
        return int(row["number"])

    def event(self, row: dict[str, Any]) -> Event:
        """The whole record behind a row; JournalError where it can't be read."""
        return read.event_at(files.segment(self._state_dir, row["segment"]), row["offset"])

    def _following(self) -> Follower | None:
        if self._follower is None and (first := files.first_segment(self._state_dir)):
            self._follower = Follower(self._state_dir, first)
        return self._follower

    def _keep(self, rows: Sequence[Digest]) -> None:
        with self._lock:
            self._database.execute("BEGIN")
            for row in rows:
                known = self._joined(row) if row.type in FOLDED else self._named(row)
                self._database.execute(INSERT, astuple(known))
            self._oldest = max(self._oldest, rows[-1].seq + 1 - KEPT)
            self._database.execute("DELETE FROM record WHERE seq < ?", (self._oldest,))
            self._database.execute("COMMIT")

    def _named(self, row: Digest) -> Digest:
        """A record that says only which app it is about, with the name that the app went by last."""
        if row.name or not row.app:
            return row
        found = self._database.execute(
            "SELECT name FROM record WHERE customer = ? AND app = ? AND name != '' ORDER BY seq DESC LIMIT 1",
            (row.customer, row.app),
        ).fetchone()
        return replace(row, name=found["name"]) if found else row

    def _joined(self, row: Digest) -> Digest:
        """A result with what only its intent says, so that a search for one finds both; the intent learns its end."""
        found = self._database.execute(
            "SELECT seq, name, fields, who, revision, of_git FROM record WHERE request = ? AND type = ?"
            " ORDER BY seq DESC LIMIT 1",
            (row.request, INTENT),
        ).fetchone()
        if found is None:
            return row
        if row.type in ENDINGS:
            ending = (row.time, row.verdict, row.told, found["seq"])
            self._database.execute("UPDATE record SET ended = ?, outcome = ?, message = ? WHERE seq = ?", ending)
        return replace(
            row,
            name=found["name"],
            fields=found["fields"],
            who=found["who"],
            revision=found["revision"],
            of_git=bool(found["of_git"]),
        )


def _database() -> sqlite3.Connection:
    made = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    made.row_factory = sqlite3.Row
    made.executescript(TABLES)
    return made
