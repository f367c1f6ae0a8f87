"""Programs of others on loopback: started with a free port, killed at the end, their words kept for a failing test."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.programs import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEADLINE = 30.0


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def eventually(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Waits for something in another program, which has no event to wait for."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} did not come within {seconds:g} s"
        time.sleep(0.05)


@contextmanager
def program(home: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose output goes to a file; AssertionError with that output when it ended by itself."""
    said = home / f"{command[0].rpartition('/')[2]}.out"
    with said.open("wb") as out:
        found = (find(command[0]) or command[0], *command[1:])
        process = subprocess.Popen(found, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
            assert process.poll() is None, said.read_text(errors="replace")[-2000:]
        finally:
            process.kill()
            process.wait()
