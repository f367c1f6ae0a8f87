"""docs/getting-started.md holds; what it tells of the demo is run with the demo, in tests/cli/test_system.py."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from syncer.settings import load
from tests.docs import pages
from tests.support.site import ROOT

if TYPE_CHECKING:
    from pathlib import Path

APP = "app_abc123"
OLD, NEW = "https://hooks.acme.example/p", "https://hooks.acme.example/v2"


def fenced(heading: str, language: str) -> list[str]:
    return pages.fenced(pages.DOCS / "getting-started.md", heading, language)


def test_a_first_app_is_taken_over_changed_and_compared_as_told(tmp_path: Path) -> None:
    made, looked, kept, applied = fenced("2. Your first app", "sh")
    [config] = fenced("2. Your first app", "yaml")
    [compared] = fenced("3. In a pipeline", "sh")
    home = tmp_path / "exotel"
    with Emulator.in_thread() as emulator:
        emulator.seed(Seed("cust_acme", APP, APP, "token-1", "secret-1", settings={"popup_url": OLD}))

        def run(block: str, where: Path) -> str:
            env = {
                "PATH": "/usr/bin:/bin",
                "HOME": str(tmp_path),
                "SYNCER_VENDOR_URL": emulator.base_url,
                **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            }
            program = f'syncer() {{ PYTHONPATH={ROOT} {sys.executable} -m syncer "$@"; }}; set -e; '
            ended = subprocess.run(
                ["/bin/sh", "-c", program + block], capture_output=True, text=True, check=False, cwd=where, env=env
            )
            assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
            return ended.stdout

        run(made, tmp_path)
        (home / "tokens" / APP).write_text("token-1\n")
        (home / "syncer.yaml").write_text(config)
        assert "In sync: 1 app" in run(looked, home)
        run(kept, home)
        for file, old, new in (("apps/cust_acme.yaml", OLD, NEW), ("syncer.yaml", "observe", "apply")):
            text = (home / file).read_text()
            assert old in text
            (home / file).write_text(text.replace(old, new))
        assert f"popup_url          {OLD} -> {NEW}" in run(applied, home)
        [row] = emulator.store.ledger()
        assert row.body["popup_url"] == NEW
        assert "1 app: 0 new, 1 changed, 0 leave git" in run(compared, home)


def test_the_configuration_of_the_daemon_is_one(tmp_path: Path) -> None:
    [config] = fenced("4. As a daemon", "yaml")
    file = tmp_path / "daemon.yaml"
    file.write_text(config)
    found = load({}, {"SYNCER_CONFIG": str(file)})
    assert found.origins["source.subpath"][0] == "apps"
