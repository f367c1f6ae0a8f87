"""Invariant I7: a secret is in nothing that syncer prints, keeps or shows to other processes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import git_https
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.site import Site

POPUP = "https://hooks.acme.example/popup?key=canary-query-7f3a"
CANARIES = (
    b"canary-token-7f3a",
    b"canary-secret-7f3a",
    b"canary-password-7f3a",
    b"canary-query-7f3a",
    b"canary-env-7f3a",
)
COMMANDS = (
    ("validate",), ("plan",), ("plan", "-o", "json"), ("plan", "-o", "markdown"), ("explain", "app_0001"), ("sync",),
    ("sync", "-o", "json"), ("run", "--once", "--log-format", "json"), ("run", "--once", "--log-format", "text"),
    ("status",), ("doctor",), ("config", "show", "--origin"), ("audit", "tail"), ("audit", "export"),
    ("audit", "verify"), ("plan", "--against", "main"),
)  # fmt: skip


@contextmanager
def watched() -> Iterator[set[bytes]]:
    """Command lines of every process, looked at again and again until the end."""
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.002):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def leaks(where: str, data: bytes) -> list[tuple[str, bytes]]:
    return [(where, canary) for canary in CANARIES if canary in data]


def run_all(here: Site) -> list[tuple[str, bytes]]:
    found = []
    for command in COMMANDS:
        ended = here.ended(*command, SYNCER_TOKEN_THREE="canary-env-7f3a")
        assert "Traceback" not in ended.stderr, ended.stderr
        found += leaks(f"{command} stdout", ended.stdout.encode()) + leaks(f"{command} stderr", ended.stderr.encode())
    return found


@pytest.mark.needs("git-http-backend")
@pytest.mark.timeout(300)
def test_no_canary_is_found_anywhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("canary-password-7f3a\n")
    (tmp_path / "secret").write_text("canary-secret-7f3a\n")
    with (
        versioned(tmp_path, 3, popup_url=POPUP) as here,
        git_https.serving(tmp_path, tmp_path, username="robot", password="canary-password-7f3a") as server,
        watched() as command_lines,
    ):
        tokens = tmp_path / "tokens"
        (tokens / "app_0001").write_text("canary-token-7f3a\n")  # wrong, so that every command meets a 401
        two, three = ({"mint": {"secret": {"file": f"{tmp_path}/secret"}}}, {"env": "SYNCER_TOKEN_THREE"})
        for number, token in ((2, two), (3, three)):
            file = here.repository.git("show", f"main:app_000{number}.yaml")
            text = file.replace(f'"file": "{tmp_path}/tokens/{{app}}"', str(token)[1:-1].replace("'", '"'))
            assert text != file
            here.repository.commit({f"app_000{number}.yaml": text.encode()})
        here.site.config.write_text(
            "apiVersion: syncer/v1\nkind: Config\n"
            f"source:\n  url: {server.url('settings.git')}\n  ref: main\n  ca_file: {server.ca_file}\n"
            f"  credentials: {{username: robot, password: {{file: {tmp_path}/password}}}}\n"
            f"vendor: {{base_url: {here.site.emulator.base_url}, deadline: 2s}}\nstate_dir: {here.site.state}\n"
        )
        found = run_all(here.site)
        here.site.change(2, popup_url="https://hooks.acme.example/?x=canary-query-7f3a")
        server.behaviour.password = "another"
        found += run_all(here.site)
    found += [leak for line in command_lines for leak in leaks("command line", line)]
    for path in here.site.state.rglob("*"):
        if (
            path.is_file() and "git" not in path.relative_to(here.site.state).parts
        ):  # the mirror holds what was committed
            found += leaks(str(path), path.read_bytes())
    assert found == []
