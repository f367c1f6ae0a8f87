"""What is still to be delivered, and what each receiver was told: one SQLite file in the state folder.

Both change in one transaction, so that neither a crash nor a restart repeats a decision or loses a notice. No secret is
in it: receivers stand by their names. Where the disk takes nothing, it goes on in memory; a file that is damaged is put
aside, which costs no more than that receivers hear things again.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from syncer.notify import notice
from syncer.notify.deciding import Known, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from syncer.notify.notice import Notice

NAME: Final = "notices.sqlite"
VERSION: Final = 1
MOST: Final = 500
"""Notices that wait for one receiver; the oldest give way."""
TABLES: Final = """
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, attempts INTEGER NOT NULL, due REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX queues ON waiting (receiver, seq);
CREATE TABLE known (receiver TEXT, subject TEXT, body BLOB NOT NULL, PRIMARY KEY (receiver, subject)) WITHOUT ROWID;
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that waits: `due` in POSIX seconds, after so many attempts."""

    seq: int
    notice: Notice
    attempts: int
    due: float


class Spool:
    """The file. Every method may be called from any thread."""

    def __init__(self, database: sqlite3.Connection, *, most: int = MOST) -> None:
        """Use `open`."""
        self._database = database
        self._most = most
        self._one_at_a_time = threading.RLock()
        self._closed = False
        self.trouble = ""

    @classmethod
    def open(cls, state_dir: Path, *, most: int = MOST) -> Spool:
        """The spool of a state folder, for the process that holds its lock."""
        path = state_dir / NAME
        try:
            return cls(_opened(path), most=most)
        except sqlite3.Error as damaged:
            with suppress(OSError):
                _put_aside(path)
            try:
                return cls(_opened(path), most=most)
            except sqlite3.Error:
                kept = cls.in_memory(most=most)
                kept.trouble = str(damaged)
                return kept

    @classmethod
    def in_memory(cls, *, most: int = MOST) -> Spool:
        """One that is gone with the process."""
        return cls(_made(sqlite3.connect(":memory:", check_same_thread=False)), most=most)

    def close(self) -> None:
        """Let go of the file."""
        with self._one_at_a_time:
            self._closed = True
            self._database.close()

    def known(self) -> Mapping[str, dict[str, Known]]:
        """What stands about each subject, by receiver."""
        found: dict[str, dict[str, Known]] = {}
        for receiver, subject, body in self._attempt("SELECT receiver, subject, body FROM known"):
            with suppress(KeyError, TypeError, ValueError):  # of another version: it is learned anew
                found.setdefault(receiver, {})[subject] = _known_of(orjson.loads(body))
        return found

    def record(self, receiver: str, notices: Collection[Notice], changed: Mapping[str, Known | None]) -> int:
        """Queues notices and remembers what was decided with them, in one step; how many old ones gave way."""
        gone = [(receiver, key) for key, known in changed.items() if known is None]
        kept = [(receiver, key, orjson.dumps(_row(known))) for key, known in changed.items() if known is not None]
        queued = [(receiver, orjson.dumps(each.document())) for each in notices]

        def write(database: sqlite3.Connection) -> int:
            database.executemany("DELETE FROM known WHERE receiver = ? AND subject = ?", gone)
            database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", kept)
            database.executemany("INSERT INTO waiting (receiver, attempts, due, body) VALUES (?, 0, 0, ?)", queued)
            return database.execute(
                "DELETE FROM waiting WHERE receiver = ? AND seq NOT IN"
                " (SELECT seq FROM waiting WHERE receiver = ? ORDER BY seq DESC LIMIT ?)",
                (receiver, receiver, self._most),
            ).rowcount

        return self._written(write)

    def head(self, receiver: str) -> Waiting | None:
        """The oldest notice that waits for a receiver."""
        while rows := self._attempt(
            "SELECT seq, body, attempts, due FROM waiting WHERE receiver = ? ORDER BY seq LIMIT 1", (receiver,)
        ):
            [(seq, body, attempts, due)] = rows
            try:
                return Waiting(seq, notice.of_document(orjson.loads(body)), attempts, due)
            except (KeyError, TypeError, ValueError):  # of another version
                self.done(seq)
        return None

    def done(self, seq: int) -> None:
        """Forgets a notice: it was delivered, or given up."""
        self._written(lambda database: database.execute("DELETE FROM waiting WHERE seq = ?", (seq,)))

    def later(self, seq: int, due: float) -> None:
        """An attempt was in vain; the next one is due then, in POSIX seconds."""
        change = "UPDATE waiting SET attempts = attempts + 1, due = ? WHERE seq = ?"
        self._written(lambda database: database.execute(change, (due, seq)))

    def waiting(self, receiver: str) -> int:
        """How many notices wait for a receiver."""
        [(count,)] = self._attempt("SELECT count(*) FROM waiting WHERE receiver = ?", (receiver,))
        return int(count)

    def keep_only(self, receivers: Collection[str]) -> int:
        """Forgets receivers that are configured no longer; how many notices waited for them."""
        named = tuple(receivers)
        others = f"NOT IN ({', '.join('?' * len(named))})"

        def write(database: sqlite3.Connection) -> int:
            database.execute(f"DELETE FROM known WHERE receiver {others}", named)  # noqa: S608 -- only question marks
            return database.execute(f"DELETE FROM waiting WHERE receiver {others}", named).rowcount  # noqa: S608 -- as above

        return self._written(write)

    def _attempt(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        return self._written(lambda database: database.execute(query, values).fetchall())

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction; on a disk that takes it no longer, one in memory, with everything that stood on the disk."""
        with self._one_at_a_time:
            if self._closed:  # work that was under way when the process ended: it is done again by the next one
                with closing(_made(sqlite3.connect(":memory:"))) as nothing:
                    return work(nothing)
            try:
                return self._transacted(work)
            except sqlite3.Error as error:
                self.trouble = str(error)
                memory = sqlite3.connect(":memory:", check_same_thread=False)
                with suppress(sqlite3.Error):
                    self._database.backup(memory)
                self._database.close()
                self._database = _made(memory)
                return self._transacted(work)

    def _transacted(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._database:
            return work(self._database)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise sqlite3.OperationalError(error.strerror) from error
    database = sqlite3.connect(path, check_same_thread=False, timeout=1.0)
    try:
        if database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise sqlite3.DatabaseError("damaged")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        return _made(database)
    except sqlite3.Error:
        database.close()
        raise


def _made(database: sqlite3.Connection) -> sqlite3.Connection:
    [(version,)] = database.execute("PRAGMA user_version").fetchall()
    if version == 0:
        database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT")
    elif version != VERSION:
        raise sqlite3.DatabaseError(f"written by another version of syncer ({version})")
    return database


def _put_aside(path: Path) -> None:
    path.replace(path.with_name(f"{NAME}.broken"))
    for suffix in ("-wal", "-shm"):
        path.with_name(f"{NAME}{suffix}").unlink(missing_ok=True)


def _row(known: Known) -> dict[str, Any]:
    return {
        "state": known.state,
        "was": known.was,
        "passes": known.passes,
        "since": known.since.astimezone(UTC).isoformat() if known.since else None,
        "told": known.told,
        "name": known.name,
        "said": {what: [said.at.astimezone(UTC).isoformat(), said.before] for what, said in known.said},
    }


def _known_of(row: Mapping[str, Any]) -> Known:
    said = ((what, Said(datetime.fromisoformat(at), before)) for what, (at, before) in row["said"].items())
    since = datetime.fromisoformat(row["since"]) if row["since"] else None
    return Known(row["state"], row["was"], row["passes"], since, row["told"], row["name"], tuple(sorted(said)))
