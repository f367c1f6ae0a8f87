"""The command that a hold names can be pasted, and releases it, wherever this command was told to look."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.site import CONFIG, ROOT, Site, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
RELEASE = re.compile(r"to release:? +(syncer approve .*)")


def run(here: Site, line: str, *codes: int) -> str:
    """A command line as people type it, in a shell that has no variable of ours; its stdout."""
    environ = {name: value for name, value in here.environ().items() if not name.startswith("SYNCER_")}
    python = " ".join(here.command())
    ended = subprocess.run(
        f'syncer() {{ {python} "$@"; }}; {line}',
        shell=True,
        executable="/bin/bash",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode in (codes or (0,)), ended.stdout + ended.stderr
    return ended.stdout


def released(here: Site, shown: str) -> None:
    """Runs the first releasing command of an output, and then one more sync of everything."""
    found = RELEASE.search(shown)
    assert found is not None, shown
    command = found[1].replace("'…'", "'seen in the change meeting'")
    assert "approved " in run(here, command)


@pytest.mark.parametrize("look", ["plan", "sync", "explain app_0001", "plan app_0001", "sync app_0001"])
def test_the_command_that_is_shown_releases_what_is_held(tmp_path: Path, look: str) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.configure(CONFIG.replace("policy:", "policy:\n  on_commit: hold"))
        name, _, apps = look.partition(" ")
        shown = run(here, f"syncer {name} {apps} -c {here.config} --color never", 0, 4)
        assert here.emulator.store.ledger() == ()
        released(here, shown)
        run(here, f"syncer sync -c {here.config}", 0, 4)
        assert here.live(1)["popup_url"] == POPUP


def test_after_a_sync_that_wrote_the_command_releases_what_is_left(tmp_path: Path) -> None:
    with site(tmp_path, 3, popup_url=POPUP, recording_enabled=True, recording_url=POPUP) as here:
        here.configure(CONFIG.replace("policy:", "policy:\n  protected: [recording_enabled]"))
        shown = run(here, f"syncer sync -c {here.config} --color never", 4)
        assert here.live(1)["popup_url"] == POPUP
        released(here, shown)
        run(here, f"syncer sync -c {here.config}")
        assert here.live(3)["recording_enabled"] is True


def test_status_names_the_command_too(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.configure(CONFIG.replace("policy:", "policy:\n  on_commit: hold"))
        run(here, f"syncer sync -c {here.config}", 4)
        released(here, run(here, f"syncer status -c {here.config} --color never"))
        run(here, f"syncer sync -c {here.config}")
        assert here.live(2)["popup_url"] == POPUP
