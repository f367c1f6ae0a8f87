"""A real `syncer run` process, its log read line by line as it comes."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.site import Site

DEADLINE = 30.0
Line = dict[str, Any]


@dataclass
class Running:
    """The process; `lines` are its log so far. A line that is no JSON object ends the reading thread's work."""

    process: subprocess.Popen[bytes]
    lines: list[Line] = field(default_factory=list)
    broken: list[bytes] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)

    def mark(self) -> int:
        """How many lines there are now."""
        with self.more:
            return len(self.lines)

    def wait_for(self, event: str, since: int = 0, **keys: object) -> Line:
        """The first line after `since` with this event and these keys; AssertionError when none comes in time."""

        def found() -> Line | None:
            wanted = {"event": event, **keys}
            return next((line for line in self.lines[since:] if wanted.items() <= line.items()), None)

        with self.more:
            self.more.wait_for(lambda: found() is not None or self.process.poll() is not None, DEADLINE)
            line = found()
        assert line is not None, f"no {event} {keys} in {self.lines[since:]} {self.broken}"
        return line

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def pass_now(self) -> Line:
        """SIGHUP, and the line that sums the pass up."""
        since = self.mark()
        self.signal(signal.SIGHUP)
        return self.wait_for("pass.finished", since, trigger="signal")

    def ended(self) -> int:
        """The exit code, once the process has ended; every line it wrote was JSON."""
        code = self.process.wait(DEADLINE)
        with self.more:
            self.more.wait_for(lambda: self.lines == [] or self.closed, DEADLINE)
        assert self.broken == []
        return code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()

    closed: bool = False

    def read(self) -> None:
        for raw in self.process.stdout or ():
            try:
                line = json.loads(raw)
            except ValueError:
                self.broken.append(raw)
                continue
            with self.more:
                self.lines.append(line)
                self.more.notify_all()
        with self.more:
            self.closed = True
            self.more.notify_all()


@contextmanager
def running(here: Site, wrap: Callable[[list[str]], list[str]] = list, **environ: str) -> Iterator[Running]:
    """A daemon on a site; killed at the end unless it has ended by then."""
    process = subprocess.Popen(
        wrap(here.command("run", "--log-format", "json")),
        env=here.environ(**environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    made = Running(process)
    reader = threading.Thread(target=made.read, daemon=True)
    reader.start()
    try:
        yield made
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        assert process.stdout
        process.stdout.close()
