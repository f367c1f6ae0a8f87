"""strace on a process that was started stopped, so that none of its calls is missed and none of its imports seen."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.nursery import Child


@contextmanager
def attached(child: Child, log: Path, *options: str) -> Iterator[None]:
    """The child goes on once it is watched; the block may last as long as it does. The log is whole after it."""
    child.wait_until_stopped()
    command = ["strace", "-o", str(log), *options, "-p", str(child.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watcher:
        assert watcher.stderr is not None
        while "attached" not in (line := watcher.stderr.readline()):
            assert line, "strace could not attach"
        child.signal(signal.SIGCONT)
        yield
