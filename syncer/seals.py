"""The journal's heads as the settings want them: by which key they are signed, and where they are shown."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer import access, environment
from syncer.anchoring import Anchor, Place
from syncer.audit import anchors, checkpoint, note
from syncer.audit.sealing import Sealing
from syncer.clock import SystemClock
from syncer.desired import gitaddress
from syncer.desired.gitbranch import Branch
from syncer.desired.gitmirror import Access
from syncer.desired.gitproc import Bounds
from syncer.errors import UsageError
from syncer.leaseanchor import LeaseAnchor
from syncer.log import Event
from syncer.model.desired import FileToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.checkpoint import Head
    from syncer.audit.note import Signer
    from syncer.clock import Clock
    from syncer.settings import Settings
    from syncer.settings.tree import AnchorRepository, Audit, SecretRef


STDOUT: Final = "stdout"
CLOSING: Final = 10.0
"""Seconds that the last head of a process gets to reach a repository."""
SETTLING: Final = 20.0
"""Seconds that are waited at the start for a repository to say which journal it knows."""
BOUNDS: Final = Bounds(network=15.0, local=15.0, object_file=256 * 1024 * 1024, patience=10)
"""What git may use for an anchor: small files, soon."""


class Anchored:
    """Which head stands at each anchor, and since when; fed from several threads, each with anchors of its own."""

    def __init__(self, clock: Clock, places: Iterable[str]) -> None:
        self._clock = clock
        self._newest = 0
        self._kept: dict[str, tuple[int, float] | None] = dict.fromkeys(places)

    @property
    def behind(self) -> int:
        """How many anchors do not have the newest head of this process."""
        return sum((kept[0] if kept else 0) < self._newest for kept in self._kept.values())

    @property
    def age(self) -> float | None:
        """Seconds since the anchor that has waited longest was given a head; None where none has been."""
        times = [kept[1] for kept in self._kept.values() if kept is not None]
        return self._clock.monotonic() - min(times) if times else None

    def made(self, size: int) -> None:
        """A head over so many records is about to be shown."""
        self._newest = size

    def kept(self, place: str, size: int) -> None:
        """An anchor has a head."""
        self._kept[place] = size, self._clock.monotonic()


@dataclass(frozen=True, slots=True)
class Heads:
    """How the journal makes heads, the repositories that they go to, and what has reached which anchor."""

    sealing: Sealing
    repositories: tuple[Anchor, ...]
    anchored: Anchored | None

    def settle(self) -> None:
        """Wait for what the repositories say of the first head, but not for long: one that is down stops nothing."""
        for anchor in self.repositories:
            anchor.settle(SETTLING)


def lease_anchor(settings: Settings, log: FilteringBoundLogger) -> LeaseAnchor | None:
    """Where heads go that stand in the lease, if they are to."""
    wanted = settings.audit
    if "lease" not in wanted.anchors:
        return None
    return LeaseAnchor(wanted.origin, settings.state_dir, settings.leader.name, log)


@contextmanager
def opened(settings: Settings, log: FilteringBoundLogger, lease: LeaseAnchor | None = None) -> Iterator[Heads]:
    """What the journal needs to make heads; UsageError where the key can't be read or is another journal's.

    Leave it after the journal is closed: the last head is made then.
    """
    wanted = settings.audit
    found = places(settings)
    named = (*(each for each in wanted.anchors if each == STDOUT), *map(str, wanted.anchor_files))
    anchored = Anchored(SystemClock(), (*named, *(place.name for place in found)))
    repositories = tuple(Anchor(place, log, partial(anchored.kept, place.name)) for place in found)
    remote: tuple[Anchor | LeaseAnchor, ...] = (*repositories, *([lease] if lease else []))
    sealing = Sealing(
        wanted.origin,
        wanted.rotate,
        partial(_show, wanted, remote, anchored, log),
        _signer(wanted),
        lambda: next((anchor.refused for anchor in remote if anchor.refused), ""),
    )
    try:
        yield Heads(sealing, repositories, anchored if named or found else None)
    finally:
        for anchor in repositories:
            anchor.close(CLOSING)


def places(settings: Settings) -> tuple[Place, ...]:
    """The repositories that heads go to, nothing opened."""
    return tuple(_place(wanted, settings.state_dir) for wanted in settings.audit.anchor_repositories)


def _place(wanted: AnchorRepository, state_dir: Path) -> Place:
    address = gitaddress.parse(wanted.url, wanted.ref)
    reach = Access(access.credentials(wanted.credentials), wanted.ca_file, wanted.proxy)
    branch = Branch(address, state_dir / "anchors", reach, environment.read(), SystemClock(), BOUNDS)
    return Place(branch, f"{wanted.url} {wanted.ref}", state_dir)


def _signer(wanted: Audit) -> Signer | None:
    """The key that signs heads; its name must be the journal's, which is what a verifier expects."""
    if wanted.sign_key is None:
        return None
    key = note.signer(_text_of(wanted.sign_key))
    if key.name != wanted.origin:
        raise UsageError(
            f"the key of audit.sign is that of {key.name}, and audit.origin is {wanted.origin}",
            hint="make a key for this origin with `syncer audit keygen FILE`, or name the key's origin",
        )
    return key


def _text_of(kept: SecretRef) -> str:
    if not isinstance(kept, FileToken):
        text = environment.read().get(kept.name, "")
        if not text:
            raise UsageError(f"${kept.name} is not set", hint="audit.sign.key names it")
        return text
    try:
        return Path(kept.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key of audit.sign can't be read: {error}", hint="see `syncer audit keygen`") from error


def _show(
    wanted: Audit, remote: tuple[Anchor | LeaseAnchor, ...], anchored: Anchored, log: FilteringBoundLogger, head: Head
) -> None:
    """Show a head where it is wanted. What fails is told and no more: the next head covers this one, too."""
    anchored.made(head.size)
    if STDOUT in wanted.anchors:
        root = checkpoint.shown(head.root)
        log.info(Event.CHECKPOINT, origin=head.origin, size=head.size, root=root, note=head.note)
        anchored.kept(STDOUT, head.size)
    for path in wanted.anchor_files:
        try:
            anchors.append(path, head)
        except OSError as error:
            log.warning(Event.ANCHOR_FAILED, file=str(path), error=str(error))
        else:
            anchored.kept(str(path), head.size)
    for anchor in remote:
        anchor.show(head)
