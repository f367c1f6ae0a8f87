"""Real `syncer` processes by the hundred, forked from one that has done the imports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.site import Site

DEADLINE = 90.0


@dataclass(slots=True)
class Child:
    """One process; `output` takes its stdout and stderr."""

    output: Path
    pid: int = 0
    code: int | None = None
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def signal(self, number: signal.Signals) -> None:
        """A signal; nothing where the process has ended, for its pid may by then be another's."""
        with contextlib.suppress(ProcessLookupError):
            if not self.ended.is_set():
                os.kill(self.pid, number)

    def wait_until_stopped(self) -> None:
        """Until it has stopped itself, as ordered: a SIGCONT that came before that would be lost."""
        deadline = time.monotonic() + DEADLINE
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def wait(self, seconds: float = DEADLINE) -> int:
        """The exit code; AssertionError, and the process killed, when it does not end in time."""
        if not self.ended.wait(seconds):
            self.signal(signal.SIGKILL)
            self.ended.wait(DEADLINE)
            raise AssertionError(f"still running after {seconds} s:\n{self.told()}")
        assert self.code is not None
        return self.code

    def told(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it has logged as JSON under this event, but for a line that is being written."""
        whole = self.told().rpartition("\n")[0].splitlines()
        found = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in found if line["event"] == event]


@dataclass(slots=True)
class Nursery:
    """Starts children; one thread hears of their ends."""

    channel: socket.socket
    home: Path
    ordered: list[Child] = field(default_factory=list)
    children: dict[int, Child] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0

    def start(
        self,
        here: Site,
        *arguments: str,
        stopped: bool = False,
        limits: dict[str, int] | None = None,
        starved: tuple[int, int] | None = None,
    ) -> Child:
        """`syncer ARGUMENTS` on a site; `stopped` before it does anything, with soft `limits` by name.

        `starved` is from which to which request for memory Python gets none (to 0: never again).
        """
        with self.lock:
            self.count += 1
            child = Child(self.home / f"output-{self.count}")
            child.output.touch()
            order = {
                "arguments": arguments,
                "environ": here.environ(),
                "limits": limits or {},
                "starved": starved,
                "output": str(child.output),
                "stopped": stopped,
            }
            self.ordered.append(child)
            self.channel.send(json.dumps(order).encode())
        child.started.wait(DEADLINE)
        return child

    def run(self, here: Site, *arguments: str, expect: int = 0) -> str:
        """A process to its end; what it told, after its exit code was checked."""
        child = self.start(here, *arguments)
        code = child.wait()
        assert code == expect, f"{arguments}: {code}\n{child.told()}"
        return child.told()

    def listen(self) -> None:
        """Until the zygote has ended."""
        while packet := self.channel.recv(1 << 16):
            told = json.loads(packet)
            if "code" not in told:  # answers come in the order of the orders
                child = self.children[told["pid"]] = self.ordered.pop(0)
                child.pid = told["pid"]
                child.started.set()
                continue
            child = self.children.pop(told["pid"])
            child.code = told["code"]
            child.ended.set()


@contextmanager
def nursery(home: Path) -> Iterator[Nursery]:
    """A zygote and its children, of which none outlives the block."""
    (home / "output").mkdir(parents=True, exist_ok=True)
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, its:
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.process.zygote", str(its.fileno())]
        with subprocess.Popen(command, pass_fds=[its.fileno()], env=environ, cwd=ROOT) as zygote:
            its.close()
            made = Nursery(mine, home / "output")
            listener = threading.Thread(target=made.listen, daemon=True)
            listener.start()
            try:
                yield made
            finally:
                for child in list(made.children.values()):
                    child.signal(signal.SIGKILL)
                    child.ended.wait(DEADLINE)
                mine.shutdown(socket.SHUT_RDWR)
                zygote.wait(DEADLINE)
                listener.join(DEADLINE)
