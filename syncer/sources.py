"""Settings become a source and a loader: all that commands need which never speak to the vendor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from syncer import access, environment
from syncer.clock import SystemClock
from syncer.desired import gitaddress
from syncer.desired.admission import Admission
from syncer.desired.folder import FolderSource, Settle
from syncer.desired.git import GitSource
from syncer.desired.gitmirror import Access
from syncer.desired.loader import Loader
from syncer.desired.steering import Past
from syncer.desired.tracker import Memory
from syncer.errors import UsageError
from syncer.settings.tree import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from syncer.desired.snapshot import Source
    from syncer.model.planned import SourceApproval
    from syncer.settings import Settings
    from syncer.settings.tree import OperatorPolicy

SETTLE_SECONDS: Final = 2.0
"""How long a plain folder must look the same before the daemon believes it (hazard A6)."""
CLOCK: Final = SystemClock()


def source(settings: Settings, *, settle: bool = False) -> Source:
    """Where desired state comes from; `settle` for a long-running process that reads while somebody writes."""
    wanted = settings.source
    if wanted.url:
        address = gitaddress.parse(
            wanted.url, wanted.ref or gitaddress.HEAD, wanted.subpath, allow_file=wanted.allow_file
        )
        reach = Access(access.credentials(wanted.credentials), wanted.ca_file, wanted.proxy)
        return GitSource(address, settings.state_dir / "git", reach, environment.read(), CLOCK)
    if wanted.path is None:
        raise UsageError("no source is named", hint="give -C FOLDER|URL, SYNCER_SOURCE, or a file with -c")
    stop = threading.Event()
    return FolderSource(str(wanted.path), settle=Settle(SETTLE_SECONDS, stop.wait, CLOCK, stop.set) if settle else None)


def loader(policy: OperatorPolicy | None = None) -> Loader:
    """What turns a source's files into desired state, with the operator's policy as the weakest layer."""
    return Loader(CLOCK, policy.layer, policy.locked) if policy else Loader(CLOCK)


def past(settings: Settings, read_from: Source, admitted: Admission | None) -> Past:
    """Desired state at earlier commits, under the operator's policy of today; a plain folder has none."""
    follows = read_from.is_ancestor if isinstance(read_from, GitSource) else lambda _old, _new: False
    return Past(read_from, loader(settings.policy), admitted, follows)


def memory(settings: Settings, *, kept: bool) -> Memory:
    """What was in force, by repository and ref: naming another one is the operator's word that its history begins."""
    wanted = settings.source
    origin = f"{wanted.url} {wanted.ref or gitaddress.HEAD}" if wanted.url else str(wanted.path)
    return Memory(settings.state_dir / "last-good.json", origin, kept)


def admission(
    settings: Settings, read_from: Source, approvals: Callable[[], Iterable[SourceApproval]]
) -> Admission | None:
    """What commits have to be; a plain folder has none. UsageError when signatures are asked of one."""
    wanted = settings.source
    if not isinstance(read_from, GitSource):
        if wanted.allowed_signers is not None:
            raise UsageError(
                "source.verify asks for signed commits, and a folder has none",
                hint="name the repository in source.url, or take source.verify out",
            )
        return None

    def approved(was: str, now: str) -> bool:
        return any((each.was, each.commit) == (was, now) for each in approvals())

    return Admission(read_from, approved, wanted.allowed_signers, wanted.history is History.FAST_FORWARD_ONLY)
