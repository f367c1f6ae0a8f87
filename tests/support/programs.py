"""Where the programs that tests need are looked for: `make tools`, Debian's places, the npm packages of `.ci/node`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NODE = Path(__file__).parents[2] / ".ci" / "node" / "node_modules" / ".bin"
TOOLS = Path(__file__).parents[2] / ".tmp" / "tools" / "bin"
PLACES = f"{TOOLS}:{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/git-core:{NODE}"


def find(program: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(program, path=PLACES)
