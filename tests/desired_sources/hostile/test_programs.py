"""Which programs run while hostile repositories are read: git's own, and what carries the bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.desired_sources.hostile import taking
from tests.desired_sources.hostile.corpus import FULL, ROWS, Row
from tests.desired_sources.hostile.making import RAN
from tests.support import git_https, sshd

if TYPE_CHECKING:
    from collections.abc import Sequence

STRACE = ("strace", "-f", "-qq", "-s", "200", "--seccomp-bpf", "-e", "trace=execve", "-e", "signal=none", "-o")
DECOYS = (
    "git-lfs", "gpg", "ssh-keygen", "less", "vi", "editor", "sensible-editor", "touch", "cat", "ssh-askpass", "curl",
    "git-remote-ext", "git-remote-fd", "git-credential-store", "git-filter-evil", "xdg-open", "diff", "bash", "python3",
)  # fmt: skip
SHELLS = {"sh", "dash"}
"""git starts the server's side of file:// and GIT_SSH_COMMAND by one, and the askpass script is one."""
LENT = re.compile(r"lent-[^/]+/askpass")


def decoys(folder: Path, ran: Path) -> str:
    """A PATH that begins with programs nobody may start."""
    folder.mkdir()
    for name in DECOYS:
        (folder / name).write_text(f"#!/bin/sh\n: > {ran}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def home_of_somebody(folder: Path, ran: Path) -> str:
    """A HOME whose configuration asks for programs at every turn."""
    folder.mkdir()
    touch = f"touch {ran}"
    (folder / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {folder}\n\tfsmonitor = {touch}\n\tsshCommand = {touch}\n\tpager = {touch}\n"
        f'[credential]\n\thelper = "!{touch}"\n[uploadpack]\n\tpackObjectsHook = {touch}\n'
        f'[url "ext::{touch} "]\n\tinsteadOf = file://\n\tinsteadOf = https://\n[filter "evil"]\n\tsmudge = {touch}\n'
    )
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "config").write_text(f"Host *\n  ProxyCommand {touch}\n  PermitLocalCommand yes\n")
    return str(folder)


def traced(home: Path, rows: Sequence[tuple[str, str, str, str]], secrets: Path) -> tuple[list[str], set[str]]:
    """How each reading ended, and every program that was executed."""
    (home / "list").write_text(json.dumps(rows))
    touch = f"touch {home / RAN}"
    environ = {
        "PATH": decoys(home / "decoys", home / RAN),
        "HOME": home_of_somebody(home / "somebody", home / RAN),
        "GIT_EXTERNAL_DIFF": touch, "GIT_SSH_COMMAND": touch, "GIT_ASKPASS": touch, "SSH_ASKPASS": touch,
        "GIT_PROXY_COMMAND": touch, "GIT_EDITOR": touch, "GIT_PAGER": touch, "GIT_ALLOW_PROTOCOL": "ext:file",
        "GIT_TRACE2": str(home / "trace2"), "GIT_EXEC_PATH": str(home / "decoys"), "LD_LIBRARY_PATH": str(home),
    }  # fmt: skip
    done = subprocess.run(
        [*STRACE, str(home / "trace"), sys.executable, "-m", "tests.desired_sources.hostile.reader",
         str(home / "list"), str(secrets)],
        env={**os.environ, **environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    calls = (line for line in (home / "trace").read_text("utf-8", "replace").splitlines() if line.endswith(" = 0"))
    executed = {found[1] for call in calls if (found := re.search(r'execve\("([^"]+)"', call))}
    return [json.loads(line) for line in done.stdout.splitlines()], executed - {sys.executable}


def foreign(executed: set[str], decoy_folder: Path, *carriers: str) -> set[str]:
    """What is none of git's own programs, no carrier, no shell, and not the askpass script."""
    found = set()
    for path in executed:
        name = Path(path).name
        own = name == "git" or "/git-core/" in path or name.startswith("git-upload-pack")
        if path.startswith(str(decoy_folder)) or not (own or name in {*carriers, *SHELLS} or LENT.search(path)):
            found.add(path)
    return found


def prepared(row: Row, home: Path) -> tuple[str, str, str, str]:
    home.mkdir()
    repository = taking.made(row, home)
    row.build(repository)
    return (repository.url, row.ref, row.subpath, str(home / "state"))


@pytest.mark.needs("strace")
@pytest.mark.parametrize("rows", [ROWS[::6], pytest.param((*ROWS, *FULL), marks=pytest.mark.soak)], ids=["some", "all"])
def test_no_hostile_repository_makes_another_program_run(rows: tuple[Row, ...], tmp_path: Path) -> None:
    listed = [prepared(row, tmp_path / f"row{number}") for number, row in enumerate(rows)]
    ended, executed = traced(tmp_path, listed, tmp_path)
    assert len(ended) == len(rows)
    assert "" in ended
    assert foreign(executed, tmp_path / "decoys") == set()
    assert [path for path in tmp_path.rglob(RAN) if path.name == RAN] == []
    assert not (tmp_path / "trace2").exists()


@pytest.mark.needs("strace", "git-http-backend", "sshd", "ssh", "ssh-keygen")
def test_over_https_and_ssh_their_one_carrier_runs_and_nothing_else(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.name in {"hooks in the served repository", "filters", "bundle addresses"}]
    served = [prepared(row, tmp_path / f"row{number}") for number, row in enumerate(rows)]
    with (
        sshd.serving(tmp_path / "secrets") as ssh,
        git_https.serving(tmp_path, tmp_path / "secrets", username="syncer", password="canary-pass") as https,
    ):
        (tmp_path / "secrets" / "password").write_text("canary-pass\n")
        (tmp_path / "secrets" / "name").write_text(ssh.user)
        listed = [
            (address, ref, subpath, f"{state}-{address[:3]}")
            for (url, ref, subpath, state) in served
            for path in [Path(url.removeprefix("file://"))]
            for address in (https.url(str(path.relative_to(tmp_path))), ssh.url(path))
        ]
        ended, executed = traced(tmp_path, listed, tmp_path / "secrets")
    assert ended == [""] * len(listed)
    assert foreign(executed, tmp_path / "decoys", "ssh", "git-remote-https") == set()
    assert not [path for path in tmp_path.rglob(RAN) if path.name == RAN]
