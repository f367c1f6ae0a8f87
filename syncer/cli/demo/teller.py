"""The demo's voice, and the processes it runs: commands shown with their output, the daemon watched by its log."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

import click

from syncer.errors import SyncerError
from syncer.model.text import sanitize

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.cli.demo.stage import Stage

WAIT: Final = 30.0
"""Seconds after which something that the daemon should have logged is given up on."""


class Teller:
    """Numbers the scenes, shows commands as a person would type them, and remembers them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._scene = 0
        self.commands: list[str] = []

    def scene(self, title: str) -> None:
        """A new heading."""
        self._scene += 1
        click.secho(f"\n{self._scene}. {title}", bold=True)

    def say(self, text: str) -> None:
        """A sentence between the commands."""
        click.secho(f"   {sanitize(text)}", fg="cyan")

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Runs a syncer command, shows it with its output, and returns the output; another exit code ends the demo."""
        shown = " ".join(("syncer", *(f'"{a}"' if " " in a else a for a in arguments)))
        self.commands.append(shown)
        click.secho(f"   $ {shown}", fg="green")
        ended = subprocess.run(
            self._stage.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            cwd=self._stage.home,
            env=self._stage.environ(),
        )
        text = (ended.stdout + ended.stderr).replace(str(self._stage.home) + "/", "")
        for line in text.rstrip("\n").split("\n"):
            click.echo(f"   {line}" if line else "")
        if ended.returncode != expect:
            raise SyncerError(f"the demo went wrong: {shown} ended with {ended.returncode}, not {expect}")
        return ended.stdout


class Watched:
    """The daemon as a process, its log lines collected as they come."""

    def __init__(self, stage: Stage, log: Path) -> None:
        self._log = log.open("w", encoding="utf-8")
        self._lines: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._process = subprocess.Popen(
            stage.command("run"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=stage.home,
            env=stage.environ(),
            start_new_session=True,  # Ctrl-C is for the demo, which then stops the daemon once
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def mark(self) -> int:
        """How many lines there are now: what comes later is news."""
        with self._more:
            return len(self._lines)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], since: int = 0) -> dict[str, Any]:
        """The first line after `since` that is wanted; SyncerError when none comes in time or the daemon ended."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self._lines[since:] if wanted(line)), None)

        with self._more:
            self._more.wait_for(lambda: found() is not None or self._process.poll() is not None, timeout=WAIT)
            line = found()
        if line is None:
            raise SyncerError(f"the daemon did not log what was waited for; its log is {self._log.name}")
        return line

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, SIGKILL if that is not enough, and the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait(WAIT)
        self._reader.join(WAIT)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        return code

    def _read(self) -> None:
        for line in self._output():
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def _output(self) -> Iterator[dict[str, Any]]:
        for text in self._process.stdout or ():
            self._log.write(text)
            self._log.flush()
            try:
                yield json.loads(text)
            except ValueError:
                yield {"event": "", "text": text}
