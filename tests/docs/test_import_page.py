"""docs/import.md holds: its commands, one after the other, take a fleet in as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from syncer.emulator.tokens import Entity
from tests.docs import pages
from tests.support.site import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (pages.DOCS / "import.md").read_text("utf-8")
PLACE = "/etc/syncer"
CUSTOMER, APP = "cust_acme", "app_abc123"


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_is_true_from_top_to_bottom(tmp_path: Path) -> None:
    [config] = fenced("yaml")
    (tmp_path / "syncer.yaml").write_text(config.replace(PLACE, str(tmp_path)))
    (tmp_path / "tokens").mkdir()
    commands = [line.replace(PLACE, str(tmp_path)) for block in fenced("sh") for line in block.splitlines()]
    with Emulator.in_thread() as emulator:

        def seed(app_id: str) -> None:
            settings: dict[str, str | bool | None] = {"popup_url": "https://hooks.acme.example/p"}
            emulator.seed(Seed(CUSTOMER, app_id, app_id, f"token-{app_id}", f"secret-{app_id}", settings=settings))
            (tmp_path / "tokens" / app_id).write_text(f"token-{app_id}")

        def run(command: str) -> str:
            env = {
                "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
                "SYNCER_VENDOR_URL": emulator.base_url,
                "HOME": str(tmp_path),
            }
            program = f'syncer() {{ PYTHONPATH={ROOT} {sys.executable} -m syncer "$@"; }}; set -e; '
            ended = subprocess.run(
                ["/bin/sh", "-c", program + command], capture_output=True, text=True, check=False, cwd=tmp_path, env=env
            )
            assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
            return ended.stdout

        seed(APP)
        seed("app_def456")
        token = emulator.store.issue(Entity.CUSTOMER, CUSTOMER, emulator.store.customers[CUSTOMER])
        (tmp_path / "tokens" / CUSTOMER).write_text(f"{token}\n")
        assert "2 apps" in run(commands.pop(0))  # import
        run(commands.pop(0))  # validate
        assert run(plan := commands.pop(0)).startswith("In sync: 2 apps")
        seed("app_new789")
        assert f"never touched: {CUSTOMER}/app_new789" in run(commands.pop(0))  # doctor
        assert "1 app" in run(commands.pop(0))  # import into apps/more
        assert run(plan).startswith("In sync: 3 apps")
        change = {"popup_url": "https://hooks.acme.example/new"}
        emulator.store.change(AppKey(CUSTOMER, APP), change, "somebody")
        run(commands.pop(0))  # import --field
        run("git apply accept.patch")
        assert run(plan).startswith("In sync: 3 apps")
    assert commands == []
