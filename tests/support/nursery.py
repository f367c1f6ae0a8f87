"""Real `syncer` processes by the hundred, forked from one that has done the imports."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.site import Site

ROOT = Path(__file__).parents[2]
DEADLINE = 90.0


@dataclass(slots=True)
class Child:
    """One process; `output` takes its stdout, and its stderr unless `errors` does."""

    output: Path
    errors: Path | None = None
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
        return self._ordered(
            {
                "arguments": arguments,
                "environ": here.environ(),
                "limits": limits or {},
                "starved": starved,
                "stopped": stopped,
            }
        )

    def call(self, arguments: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """`syncer ARGUMENTS` to its end where this process is, as `subprocess.run` would have it."""
        child = self._ordered({"arguments": arguments, "environ": dict(environ), "folder": str(Path.cwd())}, apart=True)
        assert child.errors is not None
        code = child.wait()
        told = subprocess.CompletedProcess(arguments, code, child.told(), child.errors.read_text())
        child.output.unlink()
        child.errors.unlink()
        return told

    def _ordered(self, order: dict[str, Any], *, apart: bool = False) -> Child:
        with self.lock:
            self.count += 1
            output = self.home / f"output-{self.count}"
            child = Child(output, output.with_name(f"errors-{self.count}") if apart else None)
            child.output.touch()
            self.ordered.append(child)
            files = {"output": str(child.output), "errors": str(child.errors or child.output)}
            self.channel.send(json.dumps(order | files).encode())
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
def nursery(home: Path, *, measured: bool = False) -> Iterator[Nursery]:
    """A zygote and its children, of which none outlives the block; `measured`: coverage counts what they run."""
    (home / "output").mkdir(parents=True, exist_ok=True)
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, its:
        counts = () if measured else ("COVERAGE_",)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(counts)}
        environ["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-m", "tests.support.zygote", str(its.fileno())]
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


@cache
def shared() -> Nursery:
    """One for all that a process of tests starts; it ends with that."""
    ending = ExitStack()
    atexit.register(ending.close)
    home = ending.enter_context(tempfile.TemporaryDirectory())
    return ending.enter_context(nursery(Path(home), measured=True))
