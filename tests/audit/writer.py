"""A process of its own that writes to a journal, as the tests start it: `python -m tests.audit.writer WHAT STATE …`."""

from __future__ import annotations

import os
import resource
import socket
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from syncer.audit.appender import SystemDisk
from syncer.errors import JournalError, LockedError
from tests.support.recording import a_result, an_app, an_intent, open_journal
from tests.support.sealed import a_sealing

if TYPE_CHECKING:
    from syncer.audit.sealing import Sealing


def append_forever(state: Path, sealing: Sealing | None = None) -> None:
    """PUTs in a loop; the request id goes to standard output once its record is durable."""
    journal = open_journal(state, sealing=sealing)
    for number in count():
        intent = an_intent(an_app(number % 50), f"req-{os.getpid()}-{number}")
        journal.intend(intent)
        sys.stdout.write(f"intent {intent.request_id}\n")
        sys.stdout.flush()
        journal.conclude(a_result(intent))
        sys.stdout.write(f"result {intent.request_id}\n")
        sys.stdout.flush()


def append_sealed(state: Path) -> None:
    """The same in small segments with signed heads."""
    append_forever(state, a_sealing(rotate=8000))


def send_sealed(state: Path) -> None:
    """Five PUTs, and a new segment every other one."""
    journal = open_journal(state, sealing=a_sealing(rotate=6000))
    for number in range(5):
        intent = an_intent(an_app(number), f"req-{number}")
        journal.intend(intent)
        sys.stdout.write(f"intent {intent.request_id}\n")
        sys.stdout.flush()
        journal.conclude(a_result(intent))
        sys.stdout.write(f"result {intent.request_id}\n")
        sys.stdout.flush()
    journal.close()


def open_once(state: Path) -> None:
    try:
        open_journal(state).close()
    except LockedError as error:
        sys.stdout.write(f"{error.message}\n{error.hint}\n")
        sys.exit(4)


def hit_the_limit(state: Path) -> None:
    """The kernel takes part of a line, then nothing: what a full disk looks like from inside."""
    journal = open_journal(state, disk=SystemDisk())
    intent = an_intent(an_app(), "req-1")
    journal.intend(intent)
    journal.conclude(a_result(intent))
    size = (state / "journal" / "00000001.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60, resource.RLIM_INFINITY))
    for number in (2, 3):
        try:
            journal.intend(an_intent(an_app(number), f"req-{number}"))
        except JournalError as error:
            sys.stdout.write(f"{error.message}\n")
    sys.stdout.write(f"dead={journal.dead} healed={journal.heal()!r}\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(f"healed={journal.heal()!r}\n")
    journal.close()


def send_after_intent(state: Path) -> None:
    """Five PUTs, the network being a socket pair."""
    journal = open_journal(state)
    here, there = socket.socketpair()
    for number in range(5):
        intent = an_intent(an_app(number))
        journal.intend(intent)
        here.sendall(b"PUT\n")
        there.recv(10)
        journal.conclude(a_result(intent))
    journal.close()
    here.close()
    there.close()


if __name__ == "__main__":
    {f.__name__: f for f in (append_forever, append_sealed, send_sealed, open_once, hit_the_limit, send_after_intent)}[
        sys.argv[1]
    ](Path(sys.argv[2]))
