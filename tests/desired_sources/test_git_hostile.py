"""Repositories made to harm: nothing in them is run, followed or shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.screen import Caps
from syncer.errors import SourceError
from syncer.model.problems import Severity
from tests.support.git_sources import source
from tests.support.repositories import APPS, Blob, Repository

if TYPE_CHECKING:
    from syncer.desired.snapshot import Snapshot

STRACE = ("strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o")
CANARY = b"canary-51c2: never to be read\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "origin.git")


def refused(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(problem.rule, problem.at.path) for problem in snapshot.refused]


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../secret.yaml", b"b.yaml", b"", b"x" * 5000])
def test_a_symlink_is_refused_wherever_it_leads(repository: Repository, tmp_path: Path, target: bytes) -> None:
    repository.commit({"apps/link.yaml": Blob(target, "120000"), "apps/b.yaml": APPS, "secret.yaml": CANARY})
    git = source(repository.url, tmp_path / "state", subpath="apps")
    snapshot = git.fetch()
    assert refused(snapshot) == [("SY150", "apps/link.yaml")]
    assert list(git.read(snapshot, snapshot.entries).values()) == [APPS]


def test_a_linked_folder_is_mentioned_and_not_entered(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"team": Blob(b"/etc", "120000"), "a.yaml": APPS})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert refused(snapshot) == [("SY150", "team")]
    assert snapshot.refused[0].severity is Severity.WARNING


def test_a_linked_subpath_is_not_a_folder(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"apps": Blob(b"/etc", "120000"), "a.yaml": APPS})
    with pytest.raises(SourceError, match="is not a folder"):
        source(repository.url, tmp_path / "state", subpath="apps").fetch()


def test_a_submodule_is_mentioned_and_never_fetched(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": APPS})
    url = b"ext::touch " + os.fsencode(tmp_path / "ran")
    modules = b'[submodule "x"]\n\tpath = x\n\turl = ' + url + b"\n"
    repository.commit({"x": Blob(b"d" * 40, "160000"), "a.yaml": APPS})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert refused(snapshot) == [("SY152", "x")]
    repository.commit({".gitmodules": modules})
    assert refused(source(repository.url, tmp_path / "state").fetch()) == [("SY152", "x")]
    assert not (tmp_path / "ran").exists()


def test_an_executable_document_is_refused_with_its_mode(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": APPS, "b.yaml": Blob(APPS, "100755"), "deploy.sh": Blob(b"", "100755")})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert refused(snapshot) == [("SY151", "b.yaml")]
    assert "100755" in snapshot.refused[0].message


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nb.yaml", r"a\u{a}b.yaml"),
        (b"\x1b]52;c;x\x07.yaml", r"\u{1b}]52;c;x\u{7}.yaml"),
        (b"\x01.yaml", r"\u{1}.yaml"),
        ("a\u202efdp.yaml".encode(), r"a\u{202e}fdp.yaml"),
        ("zero\u200bwidth.yaml".encode(), r"zero\u{200b}width.yaml"),
        (b"\xff\xfe.yaml", r"\u{dcff}\u{dcfe}.yaml"),
        ("cafe\u0301.yaml".encode(), "cafe\u0301.yaml"),
        (b"n" * 300 + b".yaml", "n" * 300 + ".yaml"),
        (b"n" * 4090 + b".yaml", "n" * 1024 + "…"),
    ],
)
def test_a_name_that_can_mislead_is_refused_and_shown_harmless(
    repository: Repository, tmp_path: Path, name: bytes, shown: str
) -> None:
    repository.commit({name: CANARY, "a.yaml": APPS})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert refused(snapshot) == [("SY153", shown)]
    assert [entry.path for entry in snapshot.entries] == ["a.yaml"]


def test_a_composed_name_is_a_document(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"café.yaml": APPS, "cafe\u0301.yaml": APPS})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert [entry.path for entry in snapshot.entries] == ["café.yaml"]


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "."])
def test_a_tree_that_would_write_into_git_itself_is_not_taken_in(
    repository: Repository, tmp_path: Path, name: str
) -> None:
    first = repository.commit({"a.yaml": APPS})
    git = source(repository.url, tmp_path / "state")
    git.fetch()
    repository.tree_of_one(name, "100644", repository.write_blob(b"[core]\n\tsshCommand = touch /tmp/x\n"))
    with pytest.raises(SourceError, match="objects that git's own check refuses"):
        git.fetch()
    assert git.at(first).entries


def test_large_and_deep_documents_are_refused_unread(repository: Repository, tmp_path: Path) -> None:
    deep = "/".join("d" * 4) + "/x.yaml"
    repository.commit({"big.yaml": b"x" * 101, "fits.yaml": b"x" * 100, deep: APPS, "d/d/d/fits.yaml": b""})
    snapshot = source(repository.url, tmp_path / "state", caps=Caps(file=100, depth=4)).fetch()
    assert refused(snapshot) == [("SY154", "big.yaml"), ("SY155", deep)]
    assert [entry.path for entry in snapshot.entries] == ["d/d/d/fits.yaml", "fits.yaml"]


def test_a_source_of_nothing_but_refused_files_is_a_snapshot_with_problems(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"link.yaml": Blob(b"/etc/passwd", "120000")})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert snapshot.entries == ()
    assert refused(snapshot) == [("SY150", "link.yaml")]


def test_a_pack_over_the_limit_ends_the_fetch_and_leaves_nothing_large(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": APPS, "noise.bin": os.urandom(3_000_000), **_many(150)})
    with pytest.raises(SourceError, match="larger than the limit for one pack"):
        source(repository.url, tmp_path / "state", object_file=1_000_000).fetch()
    assert sum(path.stat().st_size for path in (tmp_path / "state").rglob("*") if path.is_file()) < 100_000


def _many(count: int) -> dict[str | bytes, bytes | Blob | None]:
    return {f"f{number}.txt": b"%d" % number for number in range(count)}


@pytest.mark.needs("strace")
def test_only_git_its_transport_and_its_helpers_are_ever_executed(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    repository = Repository.create(tmp_path / "origin.git")
    touch = f"touch {ran}"
    repository.commit(
        {
            "a.yaml": APPS,
            ".gitattributes": b"* filter=evil diff=evil merge=evil\n*.yaml filter=lfs\n",
            "lfs.yaml": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "x": Blob(b"d" * 40, "160000"),
            ".mailmap": b"Mallory <m@example.test> <ann@example.test>\n",
        }
    )
    hooks = repository.path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-update", "fsmonitor-watchman"):
        (hooks / hook).write_text(f"#!/bin/sh\n{touch}\n")
        (hooks / hook).chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {touch}\n\tsshCommand = {touch}\n\tpager = {touch}\n"
        f'[credential]\n\thelper = "!{touch}"\n[uploadpack]\n\tpackObjectsHook = {touch}\n'
        f'[url "ext::{touch} "]\n\tinsteadOf = file://\n[filter "evil"]\n\tsmudge = {touch}\n'
    )
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.support.git_sources import source\n"
        "git = source(sys.argv[1], Path(sys.argv[2]))\nsnapshot = git.fetch()\n"
        "git.read(snapshot, snapshot.entries)\ngit.blame(snapshot.revision.id, 'a.yaml', 1)\n"
    )
    trace = tmp_path / "trace"
    state = tmp_path / "state"
    hostile = {"HOME": str(home), "GIT_EXTERNAL_DIFF": touch, "GIT_SSH_COMMAND": touch, "GIT_ASKPASS": touch}
    done = subprocess.run(
        [*STRACE, str(trace), sys.executable, "-c", program, repository.url, str(state)],
        env={**os.environ, **hostile},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    executed = {line.split('execve("')[1].split('"')[0] for line in trace.read_text().splitlines() if " = 0" in line}
    names = {Path(program).name for program in executed}
    assert names <= {Path(sys.executable).name, "git", "sh", "dash", "git-upload-pack"}
    assert not ran.exists()
