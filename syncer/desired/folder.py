"""Desired state in a plain folder: also a mounted ConfigMap, a git-sync link, and a folder that is being written."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from syncer.desired import foldertree, screen
from syncer.desired.snapshot import Entry, Snapshot
from syncer.errors import EmptySourceError, SourceError, UsageError
from syncer.model.desired import Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncer.clock import Clock
    from syncer.desired.foldertree import Reading
    from syncer.model.desired import Commit

_HELD: Final = 2  # snapshots whose bytes are kept: the one in force and the one being loaded
_NO_REVISIONS: Final = "a folder has no commits to compare with"
IN_A_CHECKOUT: Final = (
    'name a git repository as the source; in a checkout: -C "file://$PWD" --ref BRANCH, '
    "with SYNCER_SOURCE_ALLOW_FILE=true and the folder in SYNCER_SOURCE_SUBPATH"
)


@dataclass(frozen=True, slots=True)
class Settle:
    """How long a folder must stay the same to be believed, for a daemon that reads while somebody writes.

    `pause` waits that many seconds, and `wake` ends such a wait for good (an Event's `wait` and `set`). A truncated
    YAML file is often valid YAML, so two equal readings are asked for. A ConfigMap is switched at once and needs none.
    """

    seconds: float
    pause: Callable[[float], object]
    clock: Clock
    wake: Callable[[], object] = lambda: None


class FolderSource:
    """A folder as typed; every reading is whole, or an error. Bytes are held, so `read` gives what was listed."""

    def __init__(
        self, folder: str, *, settle: Settle | None = None, caps: screen.Caps | None = None, tries: int = 12
    ) -> None:
        self._typed = folder
        self._root = "" if folder in {"", "."} else str(PurePath(folder))
        self._settle = settle
        self._caps = caps or screen.Caps()
        self._tries = tries
        self._held: OrderedDict[str, Mapping[str, bytes]] = OrderedDict()
        self._trusted: tuple[Reading, float] | None = None
        self._interrupted = False

    def fetch(self) -> Snapshot:
        """The folder as it is now; SourceError when it can't be read whole, EmptySourceError without a document."""
        self._go_on()
        reading = self._to_their_ends(self._settled(self._settle)) if self._settle else self._whole()
        if not reading.files and not reading.refused:
            raise EmptySourceError(
                f"folder {self._typed} holds no *.yaml or *.yml file",
                hint="check the path; an empty source never means that there are no apps",
            )
        entries = tuple(Entry(self._path(file.path), file.digest, len(file.content)) for file in reading.files)
        revision = Revision(_identity(reading), self._typed)
        self._hold(revision.id, {file.digest: file.content for file in reading.files})
        return Snapshot(revision, self._root, entries, reading.refused)

    def at(self, revision: str) -> Snapshot:
        """A folder has only its present: UsageError."""
        raise UsageError(f"{_NO_REVISIONS}: {revision!r}", hint=IN_A_CHECKOUT)

    def read(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """The bytes that were there when the snapshot was taken."""
        self._go_on()
        held = self._held.get(snapshot.revision.id)
        if held is None:
            raise SourceError(f"the contents of {snapshot.revision.short} are not held any more", retryable=True)
        return {entry.blob: held[entry.blob] for entry in entries}

    def blame(self, snapshot_revision: str, path: str, line: int) -> Commit | None:  # noqa: ARG002 -- the protocol's
        """Nobody is known to have changed a line."""
        return None

    def changed_since(self, since: str, revision: str) -> frozenset[str]:  # noqa: ARG002 -- the protocol's
        """A folder has no earlier revision: UsageError."""
        raise UsageError(_NO_REVISIONS, hint="name a git repository as the source, or leave the option out")

    def _whole(self) -> Reading:
        """One reading during which nothing moved."""
        moved: foldertree.MovedError | None = None
        for _ in range(self._tries):
            try:
                return foldertree.take(self._typed or ".", self._path, self._caps)
            except foldertree.MovedError as error:
                moved = error
        raise SourceError(
            f"folder {self._typed} changed during each of {self._tries} readings",
            hint="write it once and rename it into place",
            retryable=True,
        ) from moved

    def interrupt(self) -> None:
        """End a wait for a folder that is still being written; nothing more is read from it."""
        self._interrupted = True
        if self._settle is not None:
            self._settle.wake()

    def _settled(self, settle: Settle) -> Reading:
        """A reading that equals an earlier one, at least `settle.seconds` old."""
        earlier = self._trusted
        for _ in range(self._tries):
            reading, at = self._whole(), settle.clock.monotonic()
            if reading.switched or (earlier and earlier[0] == reading and at - earlier[1] >= settle.seconds):
                self._trusted = (reading, at if reading.switched or not earlier else earlier[1])
                return reading
            if not earlier or earlier[0] != reading:
                earlier = (reading, at)
            settle.pause(settle.seconds)
            self._go_on()
        raise SourceError(
            f"folder {self._typed} did not stay the same for {settle.seconds:g} s",
            hint="write it less often, or rename it into place",
            retryable=True,
        )

    def _go_on(self) -> None:
        if self._interrupted:
            raise SourceError(f"asked to stop while folder {self._typed} was read", retryable=True)

    def _to_their_ends(self, reading: Reading) -> Reading:
        """Without the files that break off in the middle of a line, unless all were published at once."""
        if reading.switched:
            return reading
        ends = {file.path: not file.content or file.content.endswith((b"\n", b"\r")) for file in reading.files}
        cut = (screen.cut_off(self._path(path)) for path, whole in ends.items() if not whole)
        refused = tuple(sorted((*reading.refused, *cut), key=lambda problem: problem.at))
        return replace(reading, files=tuple(file for file in reading.files if ends[file.path]), refused=refused)

    def _path(self, relative: str) -> str:
        return f"{self._root.rstrip('/')}/{relative}" if self._root else relative

    def _hold(self, identity: str, contents: Mapping[str, bytes]) -> None:
        self._held[identity] = contents
        self._held.move_to_end(identity)
        while len(self._held) > _HELD:
            self._held.popitem(last=False)


def _identity(reading: Reading) -> str:
    """The same files with the same bytes are the same revision, wherever the folder lies."""
    whole = hashlib.sha256()
    for file in reading.files:
        whole.update(f"{file.path}\0{file.digest}\0".encode("utf-8", "surrogateescape"))
    return f"sha256:{whole.hexdigest()}"
