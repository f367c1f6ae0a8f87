"""The git child processes: one way to start them, hardened, bounded in time and output, and killed whole.

A child sees an environment that is built here from nothing, a HOME of its own without configuration, and only the
transport that the source uses. Secrets never are in its arguments or environment (see `gitauth`).
"""

from __future__ import annotations

import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias, cast

from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.clock import Clock

Child: TypeAlias = "subprocess.Popen[bytes]"

SAFE: Final = (
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "gpg.program=/dev/null",
    "gpg.ssh.program=/dev/null",
    "gpg.x509.program=/dev/null",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "maintenance.auto=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
)
"""Configuration of every child, stronger than any file: nothing runs, nothing is followed, objects are checked."""

_KEPT_STDERR: Final = 16 * 1024
_CHUNK: Final = 256 * 1024
_LOOK_UP: Final = 0.25  # seconds between two looks at whether somebody wants to stop
_USERINFO: Final = re.compile(r"(?<=://)[^/\s'\"]*@")
_UNPRINTABLE: Final = re.compile(r"[^\n -~]+")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may use.

    `network` and `local` are seconds, `object_file` the bytes of one file that it writes; a transfer slower than
    `slowest` bytes a second over `patience` seconds is given up.
    """

    network: float = 120.0
    local: float = 60.0
    object_file: int = 2 * 1024**3
    slowest: int = 1000
    patience: int = 30


@dataclass(frozen=True, slots=True)
class Call:
    """One call: arguments after git's own options, `config` as `key=value`, `secrets` to be struck from stderr.

    `env` holds only names and paths. `inherit` are descriptors the child keeps open. `output` bytes are read at most.
    """

    arguments: tuple[str, ...]
    seconds: float
    stdin: bytes = b""
    output: int = 64 * 1024
    config: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    inherit: tuple[int, ...] = ()

    @property
    def verb(self) -> str:
        """Which of git's commands it is."""
        return next(argument for argument in self.arguments if not argument.startswith("-"))


@dataclass(frozen=True, slots=True)
class Finished:
    """How a call ended: `code` is the exit status (negative: the signal), `err` printable and without secrets."""

    code: int
    out: bytes
    err: str


class Git:
    """Starts git in one private folder, which is its HOME as well."""

    def __init__(self, home: Path, search_path: str, clock: Clock, bounds: Bounds) -> None:
        self._home = home
        self._search_path = search_path
        self._clock = clock
        self._stop = threading.Event()
        self.bounds = bounds

    def interrupt(self) -> None:
        """End the running call and refuse every later one; safe from another thread or a signal handler."""
        self._stop.set()

    def go_on(self) -> None:
        """SourceError once it was interrupted."""
        if self._stop.is_set():
            raise SourceError("reading the git source was interrupted", retryable=True)

    def find(self, program: str) -> str:
        """Where the children's PATH has another program, an empty text where it has none."""
        return shutil.which(program, path=self._search_path) or ""

    def run(self, call: Call) -> Finished:
        """Run one call to its end; SourceError when it can't start, takes too long or says too much."""
        self.go_on()
        child = self._start(call)
        try:
            _limit_files(child, self.bounds.object_file)
            out, err = self._exchange(child, call)
            code = child.wait(timeout=max(0.1, call.seconds))
        except subprocess.TimeoutExpired as error:
            raise _took_too_long(call) from error
        finally:
            _end(child)
        return Finished(code, out, scrubbed(err.decode("utf-8", "replace"), call.secrets))

    def _start(self, call: Call) -> Child:
        config = [part for setting in (*SAFE, *call.config) for part in ("-c", setting)]
        try:
            return subprocess.Popen(
                ["git", *config, *call.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._home,
                env=self._environment(call.env),
                pass_fds=call.inherit,
                restore_signals=False,  # SIGXFSZ stays ignored: over its limit git says so instead of dying silently
                start_new_session=True,  # a process group to kill whole, and no terminal to ask on
                bufsize=0,
            )
        except OSError as error:
            raise SourceError(
                f"git can't be started: {error.strerror}", hint="install git, or put it on the PATH of the syncer"
            ) from error

    def _environment(self, more: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
        return {
            "PATH": self._search_path,
            "HOME": str(self._home),
            "LC_ALL": "C",  # messages are matched
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            **dict(more),
        }

    def _exchange(self, child: Child, call: Call) -> tuple[bytes, bytes]:
        """Feed stdin and read both outputs until they end; only the tail of stderr is kept."""
        until = self._clock.monotonic() + call.seconds
        talk = _Talk(child, call.stdin)
        with talk.selector:
            while talk.open:
                left = until - self._clock.monotonic()
                if left <= 0:
                    raise _took_too_long(call)
                self.go_on()
                talk.step(min(left, _LOOK_UP))
                if len(talk.out) > call.output:
                    raise SourceError(
                        f"git {call.verb} answered with more than {call.output} bytes",
                        hint="the repository is larger than the limits allow; name a subpath or raise them",
                    )
        return bytes(talk.out), bytes(talk.err)


class _Talk:
    """The three pipes of a child, none of which may block the others."""

    def __init__(self, child: Child, stdin: bytes) -> None:
        self.selector = selectors.DefaultSelector()
        self.out = bytearray()
        self.err = bytearray()
        self._stdin = memoryview(stdin)
        streams = (child.stdin, child.stdout, child.stderr)
        self._in, out, err = (cast("IO[bytes]", stream) for stream in streams)
        self.selector.register(out, selectors.EVENT_READ, self.out)
        self.selector.register(err, selectors.EVENT_READ, self.err)
        if stdin:
            os.set_blocking(self._in.fileno(), False)
            self.selector.register(self._in, selectors.EVENT_WRITE)
        else:
            self._in.close()

    @property
    def open(self) -> bool:
        """Whether any pipe is still of use."""
        return bool(self.selector.get_map())

    def step(self, seconds: float) -> None:
        """Move what can be moved now, waiting for it at most so long."""
        for key, _ in self.selector.select(seconds):
            stream = cast("IO[bytes]", key.fileobj)
            if key.data is None:
                self._write(stream)
            elif chunk := os.read(stream.fileno(), _CHUNK):
                key.data.extend(chunk)
                del self.err[:-_KEPT_STDERR]
            else:
                self.selector.unregister(stream)

    def _write(self, stream: IO[bytes]) -> None:
        try:
            written = os.write(stream.fileno(), self._stdin[:_CHUNK])
        except BrokenPipeError:
            written = len(self._stdin)  # it ended early: its exit status says why
        self._stdin = self._stdin[written:]
        if not self._stdin:
            self.selector.unregister(stream)
            stream.close()


def scrubbed(text: str, secrets: tuple[str, ...] = ()) -> str:
    """A child's words without secrets, user names in URLs, and characters that a terminal would obey."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _UNPRINTABLE.sub("?", _USERINFO.sub("***@", text.replace("\r", "\n")))


def _limit_files(child: Child, size: int) -> None:
    """Bound every file that the child and its children write, also of those that it has started by now.

    What is bounded hands that on to whatever it starts later, so parents come first and none is missed.
    """
    if sys.platform == "linux":  # elsewhere it takes code between fork and exec, which is not safe beside threads
        ours = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        most = size if ours == resource.RLIM_INFINITY else min(size, ours)
        waiting = [child.pid]
        while waiting:
            process = waiting.pop()
            with suppress(ProcessLookupError):  # it has ended
                resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))
            waiting.extend(_children(process))


def _children(process: int) -> Iterator[int]:
    """Of every thread that can still be read: process and threads may end at any moment."""
    threads: list[Path] = []
    with suppress(OSError):
        threads += Path(f"/proc/{process}/task").iterdir()
    for thread in threads:
        with suppress(OSError):
            yield from map(int, (thread / "children").read_text("ascii").split())


def _took_too_long(call: Call) -> SourceError:
    return SourceError(
        f"git {call.verb} took longer than {call.seconds:g} s and was ended",
        hint="is the server reachable and fast enough? A large first clone may need a longer timeout",
        retryable=True,
    )


def _end(child: Child) -> None:
    """Leave nothing behind: the leader is not reaped before the kill, so its number can't be somebody else's."""
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    _bury()


def _bury() -> None:
    """Take the exit statuses that git left to nobody: a container's first process is given every orphan of it.

    Whoever leads a group is waited for by its own caller. One that is still ending is met at the next call.
    """
    for process in _children(os.getpid()):
        with suppress(ProcessLookupError, ChildProcessError):
            if os.getpgid(process) not in (process, os.getpgrp()):
                os.waitpid(process, os.WNOHANG)
