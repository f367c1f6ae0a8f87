"""Bugs put in on purpose, each into a copy of everything: the tests that should see it do (figure seeded-bugs)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

ROOT = Path(__file__).parents[2]
PARTS = ("syncer", "tests", "schemas", "config", "docs")


@dataclass(frozen=True, slots=True)
class Bug:
    """A text of a file in the package, what stands there instead, and the tests that are run."""

    name: str
    path: str
    was: str
    now: str
    tests: str


BUGS = (
    Bug(
        "no fsync",
        "audit/appender.py",
        "        os.fsync(handle)\n",
        "        del handle\n",
        "tests/audit/test_processes.py",
    ),
    Bug(
        "result before the PUT",
        "apply/one.py",
        "        answer = await run.writer.put(step.app, step.body, intent.request_id)\n",
        "        run.journal.conclude(result)\n"
        "        answer = await run.writer.put(step.app, step.body, intent.request_id)\n",
        "tests/apply",
    ),
    Bug("no intent", "apply/one.py", "        run.journal.intend(intent)\n", "        pass\n", "tests/apply"),
    Bug(
        "no read-back",
        "apply/one.py",
        "        live = await run.writer.read(step.app)\n        if not",
        "        live = replace(step.live, settings=step.body)\n        if not",
        "tests/apply",
    ),
    Bug(
        "no re-read before the PUT",
        "apply/one.py",
        "    if digests.base(live.settings) != step.base:\n",
        "    if False:\n",
        "tests/apply",
    ),
    Bug(
        "budget of one more",
        "plan/limits.py",
        "    if len(spent | wanted) > (most := limits.budget(fleet.size)):",
        "    if len(spent | wanted) > (most := limits.budget(fleet.size)) + 1:",
        "tests/plan/test_limits.py",
    ),
    Bug(
        "mass drift at the limit",
        "plan/limits.py",
        "    if len(drifted) > (most := limits.drifted(fleet.size)):",
        "    if len(drifted) >= (most := limits.drifted(fleet.size)):",
        "tests/plan/test_limits.py",
    ),
    Bug(
        "redirects followed",
        "vendor/transport.py",
        "follow_redirects=False",
        "follow_redirects=True",
        "tests/vendor/test_wire_hazards.py",
    ),
    Bug(
        "unmanaged fields emptied",
        "plan/build.py",
        "        body=app.settings.over(live.settings),\n",
        "        body=app.settings.over(type(live.settings)(*[None] * 7)),\n",
        "tests/plan",
    ),
    Bug(
        "drift put back in spite of report",
        "plan/gate.py",
        "    if policy.on_drift is OnDrift.REPORT and not approved",
        "    if False and not approved",
        "tests/plan/test_gate.py",
    ),
    Bug(
        "approval used twice",
        "audit/projection.py",
        '            "UPDATE approvals SET used = 1 WHERE',
        '            "UPDATE approvals SET used = 0 WHERE',
        "tests/audit/test_index.py",
    ),
    Bug(
        "approval of another change",
        "plan/gate.py",
        "a.ref == step.ref and a.digest == step.digest and",
        "a.ref == step.ref and",
        "tests/plan/test_gate.py",
    ),
    Bug("expired approval", "plan/gate.py", " and a.expires > self.now)", ")", "tests/plan/test_gate.py"),
    Bug(
        "links not checked",
        "audit/chain.py",
        '        if event.get("prevhash") != self.head:\n',
        "        if False:\n",
        "tests/audit/test_damage.py",
    ),
    Bug(
        "no lock",
        "audit/lock.py",
        "            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            pass\n",
        "tests/audit/test_processes.py tests/audit/test_journal.py",
    ),
    Bug(
        "next wave without soak",
        "plan/rollout.py",
        "        if why := _unfinished(members, waves[number].soak, stage, now):",
        "        if why := _unfinished(members, timedelta(0), stage, now):",
        "tests/plan/test_rollout.py",
    ),
    Bug(
        "next wave unverified",
        "plan/rollout.py",
        "    if unverified := sorted(members - stage.settled):",
        "    if unverified := sorted(members - stage.settled - set(stage.attempts)):",
        "tests/plan/test_rollout.py",
    ),
)
IN_CI = frozenset({"no intent", "budget of one more", "expired approval"})


def outcome(home: Path, bug: Bug | None, tests: str) -> int:
    """What pytest ends with on a copy that has the bug."""
    for part in PARTS:
        shutil.copytree(ROOT / part, home / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, home / name)
    if bug is not None:
        path = home / "syncer" / bug.path
        text = path.read_text(encoding="utf-8")
        assert text.count(bug.was) == 1, f"{bug.name}: the text has moved"
        path.write_text(text.replace(bug.was, bug.now), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:randomly", *tests.split()]
    return subprocess.run(command, cwd=home, capture_output=True, check=False).returncode


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in IN_CI], ids=lambda bug: bug.name)
def test_a_bug_is_caught(tmp_path: Path, bug: Bug) -> None:
    assert outcome(tmp_path, bug, bug.tests) == pytest.ExitCode.TESTS_FAILED


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_bug_is_caught_and_without_one_nothing_fails(tmp_path: Path, figure: Recorder) -> None:
    everything = " ".join(sorted({part for bug in BUGS for part in bug.tests.split()}))
    assert outcome(tmp_path / "good", None, everything) == pytest.ExitCode.OK
    missed = [
        bug.name
        for number, bug in enumerate(BUGS)
        if outcome(tmp_path / str(number), bug, bug.tests) != pytest.ExitCode.TESTS_FAILED
    ]
    assert missed == []
    figure("seeded-bugs", len(BUGS), seeds="none", result="each caught")
