"""status, wait, history, reconcile and completion as a person runs them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from syncer.documents import schema
from tests.support.site import ROOT, site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Syncer

POPUP, OTHER = "https://hooks.acme.example/popup", "https://hooks.acme.example/other"


def test_status_shows_the_chosen_apps_alone(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        document = syncer("status", "app_000[12]", "-o", "json", config=here.config).document
        assert [app["app_id"] for app in document["apps"]] == ["app_0001", "app_0002"]
        assert document["states"] == {"InSync": 2}
        assert "1 app: 1 InSync" in syncer("status", "app_0003", "-l", "env!=prod", config=here.config).out
        assert "no app is called 'app_0009'" in syncer("status", "app_0009", expect=64, config=here.config).err


def test_wait_looks_at_the_state_folder(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        told = syncer("wait", "--timeout", "1s", expect=1, config=here.config)
        assert told.out == "no pass has been made yet\n0 of 0 apps InSync when the time was over\n"
        syncer("sync", config=here.config)
        assert syncer("wait", config=here.config).out == "2 of 2 apps InSync\n"
        revision = json.loads((here.state / "status.json").read_text())["revision"]["id"]
        assert syncer("wait", "app_0001", "--revision", revision, config=here.config).out == "1 of 1 app InSync\n"


def test_reconcile_without_a_server_says_where_one_may_be(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1) as here:
        assert "--server URL" in syncer("reconcile", expect=64, config=here.config).err
        here.state.mkdir()
        (here.state / "serve.json").write_text('{"address": "http://127.0.0.1:8080"}')
        assert "--server http://127.0.0.1:8080" in syncer("reconcile", expect=64, config=here.config).err


def test_history_tells_what_happened_with_places_people_and_reasons(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP) as here:
        config = here.site.config
        config.write_text(config.read_text().replace("policy:", "policy:\n  protected: [popup_url]", 1))
        plan = syncer("plan", "-o", "json", config=config).document["id"]
        syncer("sync", expect=4, config=config)
        syncer("approve", plan, "--reason", "CHG-1: go", config=config)
        syncer("sync", config=config)
        here.site.change(1, popup_url=OTHER)
        syncer("sync", expect=4, config=config)
        syncer("suspend", "--all", "--until", "2099-01-01", "--reason", "fair", config=config)
        told = syncer("history", "app_0001", config=config).out
        told = re.sub(r"moved (between [0-9:]+ and|at) ", "moved ", told)  # within one second or not
        assert re.sub(r"([0-9]{4}-[0-9-]{5} )?[0-9]{2}:[0-9]{2}(:[0-9]{2})?|cli:\w+|[0-9a-f]{7}", "…", told) == HISTORY
        document = syncer("history", "cust_1/app_0001", "popup_url", "-n", "2", "-o", "json", config=config).document
        assert [str(finding) for finding in schema.validate(document, "history")] == []
        assert [entry["event"] for entry in document["entries"]] == ["hold", "drift.seen"]
        lines = syncer("history", "app_0001", "-o", "jsonl", config=config).out.splitlines()
        assert [json.loads(line)["event"] for line in lines][-1] == "hold"
        table = syncer("history", "app_0001", "-o", "markdown", config=config).out
        assert "| applied | `popup_url: null → https://hooks.acme.example/popup` |" in table


HISTORY = """\
… UTC  suspended with the whole fleet  by …
    fair
    until … UTC
… UTC  held (protected)
    protected: popup_url
… UTC  changed at the vendor  commit …  by Ann Example
    popup_url          https://hooks.acme.example/other -> https://hooks.acme.example/popup
                       drift  app_0001.yaml:10
    moved … UTC
… UTC  applied  commit …  by Ann Example  (manual, …)
    popup_url          null -> https://hooks.acme.example/popup
                       unknown  app_0001.yaml:10
    approved by …: CHG-1: go
… UTC  approved  by …
    CHG-1: go
    until … UTC
… UTC  held (protected)
    protected: popup_url
… UTC  held (protected)
    protected: popup_url
"""


def test_history_of_an_app_that_nobody_wrote_to(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        assert "there is no journal" in syncer("history", "app_0001", expect=1, config=here.config).err
        syncer("sync", "app_0001", config=here.config)
        assert syncer("history", "cust_1/other", config=here.config).out == "nothing is recorded of cust_1/other\n"
        assert "no app is called" in syncer("history", "app_0002", expect=64, config=here.config).err
        syncer("sync", config=here.config)
        assert "names 2 apps" in syncer("history", "app_*", expect=64, config=here.config).err


def test_explain_goes_to_the_bottom(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP, recording_enabled=False) as here:
        config = here.site.config
        syncer("sync", config=config)
        here.site.change(1, popup_url=OTHER)
        told = syncer("explain", "app_0001", "popup_url", config=config).out
        assert re.search(r"live: https://hooks.acme.example/other  \(drift\)\n", told)
        assert re.search(r"moved (between [0-9:]{5,8} and|at) [0-9:]{5,8} UTC\n", told)
        assert re.search(r"applied [0-9:]{5} UTC from commit [0-9a-f]{7} Ann Example \(manual, cli:\w+\)\n", told)
        assert "next: the daemon's next pass, within 1 h, or `syncer sync`, writes it\n" in told
        config.write_text(config.read_text().replace("apply: 1h", 'apply: "0 3 * * *"').replace("detect: 1h, ", ""))
        assert re.search(
            r"next: the daemon's pass at [-0-9 ]*03:00 UTC, or `syncer sync`, writes it", _flat(config, syncer)
        )
        config.write_text("mode: observe\n" + config.read_text())
        held = syncer("explain", "app_0001", "popup_url", config=config).out
        assert "next: held (observe-mode), set mode: apply" in held


def _flat(config: Path, syncer: Syncer) -> str:
    """The explanation with its lines joined: times make them break in different places."""
    return re.sub(r"\s+", " ", syncer("explain", "app_0001", "popup_url", config=config).out)


def test_a_wait_draws_its_progress_on_a_terminal_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        ours, theirs = pty.openpty()
        command = here.command("wait", "--timeout", "2s")
        process = subprocess.Popen(command, env=here.environ(), stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        out, _ = process.communicate(timeout=30)
        seen = os.read(ours, 10_000).decode()
        os.close(ours)
    assert process.returncode == 1
    assert b"no pass has been made yet" in out
    assert "no pass has been made yet, 0.0 s" in seen
    assert seen.endswith("\r\x1b[K")


BASH = """\
eval "$({python} -m syncer completion bash)"
for line in {lines}; do
  COMP_WORDS=($line) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
  _syncer_completion syncer
  echo "${{COMPREPLY[@]}}"
done
"""
COMPLETIONS = {
    "syncer sus": "suspend",
    "syncer history app_": "app_0001 app_0002 app_0003",
    "syncer suspend app_0001 app_": "app_0002 app_0003",
    "syncer explain cust_1/app_0003": "cust_1/app_0003",
    "syncer status --out": "--output --output-file",
    "syncer history app_0001 rec": "recording_enabled recording_url",
}


def bare(**more: str) -> dict[str, str]:
    """This environment without a word to syncer but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCER_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def test_bash_completes_commands_options_fields_and_apps(finished: Path) -> None:
    script = BASH.format(python=sys.executable, lines=" ".join(f"'{line}'" for line in COMPLETIONS))
    environ = bare(SYNCER_CONFIG=str(finished / "syncer.yaml"), PATH=f"{finished}/bin:{os.environ['PATH']}")
    ended = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=90)
    assert dict(zip(COMPLETIONS, ended.stdout.splitlines(), strict=True)) == COMPLETIONS


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation in which a pass was made, with a `syncer` on its own PATH."""
    home = tmp_path_factory.mktemp("finished")
    with site(home, 3, popup_url=POPUP) as here:
        here.run("sync")
    (home / "bin").mkdir()
    program = home / "bin" / "syncer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m syncer "$@"\n')
    program.chmod(0o755)
    return home


def test_without_a_pass_there_are_no_names_and_no_trouble(tmp_path: Path) -> None:
    words = {"COMP_WORDS": "syncer history a", "COMP_CWORD": "2", "_SYNCER_COMPLETE": "bash_complete"}
    ended = subprocess.run(
        [sys.executable, "-m", "syncer"],
        env=bare(SYNCER_STATE_DIR=str(tmp_path), **words),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (ended.stdout.strip(), ended.stderr) == ("", "")
