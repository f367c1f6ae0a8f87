"""Runs mutmut on a copy of the tree and says how many mutants the tests kill: `make mutants`.

    python -m tests.mutation.score COPY [NAME…]      NAME: patterns of mutants, all without any

Writes the survivors into COPY/survivors.txt; ends with 1 when a package is below its bound.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.soak.figures import Recorder

ROOT = Path(__file__).parents[2]
PARTS = ("syncer", "tests", "schemas", "config", "docs")
PACKAGES = ("syncer.plan", "syncer.audit")
BOUND = 85.0
"""Percent of the mutants of each package that some test must kill."""
KILLED = frozenset({1, 3})
"""Exit codes of pytest: a test failed, or the mutant could not even be imported."""
SETTINGS = """
[tool.mutmut]
paths_to_mutate = ["syncer/plan/", "syncer/audit/"]
tests_dir = ["tests/plan/", "tests/audit/"]
also_copy = ["syncer", "schemas", "config", "tests", "docs", "README.md", "Makefile"]
mutate_only_covered_lines = true
"""


def prepare(copy: Path) -> None:
    """A copy of the tree with mutmut's settings; mutants run in one process each, without the plugins of the suite."""
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "Makefile", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    plain = text.replace("--disable-socket --allow-hosts=127.0.0.1,::1,localhost --allow-unix-socket ", "")
    (copy / "pyproject.toml").write_text(plain + SETTINGS, encoding="utf-8")


def verdicts(copy: Path) -> dict[str, int | None]:
    """Each mutant's exit code; None where it was not run."""
    found: dict[str, int | None] = {}
    for path in sorted((copy / "mutants" / "syncer").rglob("*.meta")):
        found.update(json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"])
    return found


def score(found: dict[str, int | None], package: str) -> tuple[int, int]:
    """Killed mutants of a package, and those that were run."""
    ran = [code for name, code in found.items() if name.startswith(f"{package}.") and code is not None]
    return sum(code in KILLED for code in ran), len(ran)


def told(found: dict[str, int | None]) -> str:
    """One line per module, and one per package."""
    modules = Counter(name.rsplit(".", 1)[0] for name in found)
    rows = [(module, *score(found, module)) for module in (*sorted(modules), *PACKAGES)]
    return "\n".join(
        f"{name:28} {killed:5} of {ran:5}  {100 * killed / max(ran, 1):5.1f} %" for name, killed, ran in rows
    )


def main(copy: Path, *names: str) -> int:
    prepare(copy)
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "2", *names], cwd=copy, check=False)
    found = verdicts(copy)
    survivors = sorted(name for name, code in found.items() if code is not None and code not in KILLED)
    (copy / "survivors.txt").write_text("\n".join(survivors) + "\n", encoding="utf-8")
    print(told(found))  # noqa: T201 -- what the command is for
    totals = [score(found, package) for package in PACKAGES]
    killed, ran = sum(k for k, _ in totals), sum(r for _, r in totals)
    result = ", ".join(f"{p}: {100 * k / max(r, 1):.1f} %" for p, (k, r) in zip(PACKAGES, totals, strict=True))
    Recorder("make mutants")("mutants", ran, seeds="none", result=f"{killed:,} killed; {result}")
    return int(any(r and 100 * k / r < BOUND for k, r in totals))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
