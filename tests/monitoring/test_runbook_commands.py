"""What the runbook tells people to type does what it says, beside a daemon that holds the state."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from tests.monitoring.test_kit import commands
from tests.support.daemon import running
from tests.support.site import CONFIG, CUSTOMER, app_id, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
REPORTING = CONFIG.replace("policy:", "policy:\n  on_drift: report")
TOKEN = "alice alice-0123456789abcdef\n"


def shown() -> set[str]:
    """The distinct command lines of syncer, whatever reason they give. A rewritten branch needs more than a folder."""
    lines = (re.sub(r'--reason ".*"', "--reason r", line) for line in commands() if line.startswith("syncer "))
    return {line for line in lines if "--non-fast-forward" not in line}


def test_every_command_of_the_runbook_works_beside_a_daemon(tmp_path: Path) -> None:
    (token := tmp_path / "server.token").write_text(TOKEN)
    with site(tmp_path, 1, seeded={"popup_url": POPUP}, popup_url=POPUP) as here:
        here.configure(REPORTING)
        with running(here, SYNCER_SERVE_TOKEN_FILE=str(token)) as daemon:
            address = daemon.wait_for("serve.listening")["address"]
            daemon.wait_for("pass.finished")
            here.change(1, popup_url="https://elsewhere.example/popup")
            daemon.pass_now()
            plan = json.loads(here.run("plan", "-o", "json"))["id"]
            stands_for = {"CUSTOMER/APP": f"{CUSTOMER}/{app_id(1)}", "APP": app_id(1), "PLAN-ID": plan, "URL": address}
            stands_for["."] = str(here.source)
            told = {}
            for line in sorted(shown()):
                words = [stands_for.get(word, word) for word in shlex.split(line)[1:]]
                known = {"SYNCER_SERVER_TOKEN_FILE": str(token)}
                told[line] = here.run(*words, expect=0, **known)
            assert told["syncer approve PLAN-ID --server URL --reason r"].startswith("approved ")
            assert told["syncer approve PLAN-ID APP --server URL --reason r"].startswith("nothing in this plan waits")
            assert "popup_url" in told["syncer explain APP"]
            daemon.pass_now()
            assert here.live()["popup_url"] == POPUP
            assert daemon.stop() == 0
