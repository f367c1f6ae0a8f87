"""Whether what is written to a folder outlives the Pod, from what the kernel says of its mount."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from syncer.errors import UsageError
from syncer.settings import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.settings import Settings

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
OF_THE_CONTAINER: Final = frozenset({"overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs"})


def mounts() -> str:
    """What /proc says of this process's mounts; nothing on another system, where there is no kubelet either."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def check(settings: Settings, environ: Mapping[str, str], mountinfo: str) -> None:
    """UsageError where PUTs would be recorded in a journal that goes with its Pod (hazard E7).

    An anchor elsewhere, or the operator's recorded word, makes it a choice.
    """
    audit = settings.audit
    if settings.mode is Mode.OBSERVE or audit.may_vanish or not environ.get("KUBERNETES_SERVICE_HOST"):
        return
    kept = any(not vanishing(mountinfo, str(path.resolve())) for path in audit.anchor_files)
    if audit.anchors or audit.anchor_repositories or kept:
        return
    if why := vanishing(mountinfo, str(settings.state_dir.resolve())):
        raise UsageError(
            f"the journal in {settings.state_dir} would be lost with the Pod: {why}",
            hint="mount a PersistentVolume there, name an anchor in audit.anchors, or accept it with "
            "audit.may_vanish: true (SYNCER_AUDIT_MAY_VANISH), which the journal records",
        )


def vanishing(mountinfo: str, folder: str) -> str:
    """Why a folder goes with its Pod, or an empty text.

    `mountinfo` is the text of /proc/self/mountinfo, `folder` an absolute path without links. The kubelet mounts an
    emptyDir from a directory whose path names it; one in memory is a tmpfs; no volume at all is the container's layer.
    """
    found = _mount(mountinfo, PurePosixPath(folder))
    if found is None:
        return ""
    root, kind = found
    if "/volumes/kubernetes.io~empty-dir/" in f"{root}/":
        return "it is an emptyDir"
    if kind in IN_MEMORY:
        return f"it is in memory ({kind})"
    return "it is in the container's own layer" if kind in OF_THE_CONTAINER else ""


def _mount(mountinfo: str, folder: PurePosixPath) -> tuple[str, str] | None:
    """Root and kind of the innermost mount of a folder; a later line lies over an earlier one."""
    best: tuple[int, str, str] | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        point = PurePosixPath(_unescaped(fields[4]))
        if folder.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), _unescaped(fields[3]), kinds[0])
    return None if best is None else best[1:]


def _unescaped(text: str) -> str:
    """The kernel writes blanks and backslashes as octal numbers."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text
