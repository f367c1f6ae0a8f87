"""10,000 files, 10 of them changed: re-read through the bare mirror, against reading a work tree whole."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from syncer.desired.folder import FolderSource
from tests.support.git_sources import source
from tests.support.repositories import Repository

FILES, CHANGED, ROUNDS = 10_000, 10, 5


def document(number: int, value: int) -> bytes:
    return f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n  app-{number}: {{app_id: a{value}}}\n".encode()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        repository = Repository.create(folder / "origin.git")
        repository.commit({f"team-{number % 100}/app-{number}.yaml": document(number, 0) for number in range(FILES)})
        git = source(repository.url, folder / "state")
        started = time.perf_counter()
        snapshot = git.fetch()
        git.read(snapshot, snapshot.entries)
        tell(f"first clone and reading of {FILES} files: {time.perf_counter() - started:.2f} s")
        subprocess.run(["git", "clone", "-q", repository.url, str(folder / "work")], check=True)
        mirror, tree = [], []
        for turn in range(1, ROUNDS + 1):
            repository.commit({f"team-{n % 100}/app-{n}.yaml": document(n, turn) for n in range(CHANGED)})
            known = {entry.blob for entry in snapshot.entries}
            started = time.perf_counter()
            snapshot = git.fetch()
            fresh = [entry for entry in snapshot.entries if entry.blob not in known]
            read = git.read(snapshot, fresh)
            mirror.append(time.perf_counter() - started)
            assert len(read) == CHANGED
            started = time.perf_counter()
            subprocess.run(["git", "-C", str(folder / "work"), "pull", "-q"], check=True)
            FolderSource(str(folder / "work")).fetch()
            tree.append(time.perf_counter() - started)
        through_mirror, through_tree = statistics.median(mirror), statistics.median(tree)
        tell(f"bare mirror, fetch + list + read {CHANGED} blobs: {through_mirror * 1000:.0f} ms")
        tell(f"work tree, pull + read {FILES} files:           {through_tree * 1000:.0f} ms")
        tell(f"ratio: {through_tree / through_mirror:.1f} x")


if __name__ == "__main__":
    main()
