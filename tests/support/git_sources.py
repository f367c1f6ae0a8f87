"""A GitSource with what a test does not care about filled in."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from syncer.clock import SystemClock
from syncer.desired import gitaddress
from syncer.desired.git import GitSource
from syncer.desired.gitmirror import Access
from syncer.desired.gitproc import Bounds

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.screen import Caps

BOUNDS = Bounds(network=30.0, local=20.0)


def source(
    url: str,
    folder: Path,
    *,
    ref: str = "main",
    subpath: str = "",
    access: Access | None = None,
    caps: Caps | None = None,
    **bounds: Any,
) -> GitSource:
    address = gitaddress.parse(url, ref, subpath, allow_file=True)
    environ = {"PATH": os.environ["PATH"]}
    return GitSource(
        address, folder, access or Access(), environ, SystemClock(), caps=caps, bounds=replace(BOUNDS, **bounds)
    )
