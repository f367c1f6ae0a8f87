"""doctor, config, emulator, completion, version, and the demo."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.docs import pages
from tests.support.site import ROOT, site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from tests.cli.running import Syncer

POPUP = "https://hooks.acme.example/popup"


def plain_environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCER_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def failing(syncer: Syncer, config: Path, **environ: str) -> dict[str, dict[str, str]]:
    found = syncer("doctor", "-o", "json", config=config, expect=1, **environ).document
    return {finding["what"].strip(): finding for finding in found if not finding["ok"]}


def test_a_sound_installation_passes_every_check(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        told = syncer("doctor", config=here.config).out
        assert told.count("ok  ") == 5
        assert "2 of 2 apps can be read" in told
        assert not here.state.exists()


def test_a_source_that_can_not_be_read_is_named_with_its_cure(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.source.rename(tmp_path / "gone")
        assert set(failing(syncer, here.config)) == {"source"}
        told = syncer("doctor", config=here.config, expect=1).out
        assert "FAIL source" in told
        assert " -> " in told


def test_invalid_files_lead_to_validate(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        (here.source / "broken.yaml").write_text("kind: Apps\n")
        assert "syncer validate" in failing(syncer, here.config)["desired state"]["mend"]


def test_tokens_that_do_not_work_are_told_by_kind(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here:
        (tmp_path / "tokens" / "app_0001").write_text("wrong\n")
        (tmp_path / "tokens" / "app_0002").unlink()
        found = failing(syncer, here.config)
        assert set(found) == {"vendor", "auth", "token"}
        assert "1 of 3" in found["vendor"]["seen"]


def test_a_vendor_that_does_not_answer_is_named(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert "connect" in failing(syncer, here.config, SYNCER_VENDOR_URL=url)


def test_a_missing_git_is_told(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        assert set(failing(syncer, here.config, PATH=str(tmp_path))) == {"git"}


def test_a_state_folder_that_can_not_be_made_is_told(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        (tmp_path / "file").write_text("")
        found = failing(syncer, here.config, SYNCER_STATE_DIR=str(tmp_path / "file" / "state"))
        assert "--state-dir" in found["state folder"]["mend"]


def test_a_journal_that_was_altered_is_told_and_one_with_a_torn_tail_is_not(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        journal = here.state / "journal" / "00000001.jsonl"
        whole = journal.read_bytes()
        assert "good: " in syncer("doctor", config=here.config).out
        journal.write_bytes(whole + b'{"half')
        assert "torn tail" in syncer("doctor", config=here.config).out
        journal.write_bytes(whole.replace(b"genesis", b"genesiz", 1))
        found = failing(syncer, here.config)
        assert set(found) == {"journal"}
        assert "altered" in found["journal"]["seen"]
        assert "syncer audit verify" in found["journal"]["mend"]


def test_every_key_is_shown_with_where_it_comes_from(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        shown = syncer(
            "config", "show", "-o", "json", "--ref", "v1", config=here.config, SYNCER_LOG_LEVEL="error"
        ).document
        assert shown["state_dir"]["origin"] == f"{here.config}:6"
        assert shown["log.level"] == {"value": "error", "origin": "SYNCER_LOG_LEVEL"}
        assert shown["source.ref"] == {"value": "v1", "origin": "option --ref"}
        assert shown["mode"]["origin"] == "built-in"
        text = syncer("config", "show", "--origin", config=here.config).out
        assert f"{here.config}:6" in text
        assert "built-in" not in syncer("config", "show", config=here.config).out


def test_a_wrong_configuration_is_shown_with_a_caret(tmp_path: Path, syncer: Syncer) -> None:
    (tmp_path / "c.yaml").write_text("apiVersion: syncer/v1\nkind: Config\nmoed: observe\n")
    told = syncer("config", "show", "-c", str(tmp_path / "c.yaml"), expect=64)
    assert "c.yaml:3:1" in told.err
    assert "did you mean `mode`?" in told.err
    assert told.out == ""


def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(syncer: Syncer) -> None:
    assert "SYNCER_VENDOR_RATE" in syncer("config", "show", expect=64, SYNCER_VENDOR_RAET="1/s").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(syncer: Syncer, shell: str) -> None:
    assert "_SYNCER_COMPLETE" in syncer("completion", shell).out


def test_completion_answers_the_shell() -> None:
    environ = plain_environ(_SYNCER_COMPLETE="bash_complete", COMP_WORDS="syncer va", COMP_CWORD="1")
    ended = subprocess.run([sys.executable, "-m", "syncer"], env=environ, capture_output=True, text=True, check=True)
    assert "validate" in ended.stdout


def test_an_unknown_shell_is_a_usage_error(syncer: Syncer) -> None:
    assert "'tcsh' is not one of" in syncer("completion", "tcsh", expect=64).err


def test_the_version_is_told_in_both_forms(syncer: Syncer) -> None:
    assert syncer("version").out.startswith("syncer ")
    assert set(syncer("version", "-o", "json").document) == {"syncer", "python"}


def test_the_emulator_serves_until_it_is_asked_to_end() -> None:
    command = [sys.executable, "-m", "syncer", "emulator", "--port", "0"]
    with subprocess.Popen(command, env=plain_environ(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline().startswith("vendor API")
        url = running.stdout.readline().split()[1]
        with urlopen(url, timeout=10) as answer:
            assert answer.status == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_a_port_in_use_is_told_with_the_way_out(syncer: Syncer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = syncer("emulator", "--port", str(taken.getsockname()[1]), expect=1)
        assert "in use" in told.err
        assert "--port" in told.err


@pytest.mark.timeout(180)
def test_the_demo_tells_its_story_and_leaves_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "syncer", "demo"],
        env=plain_environ(TMPDIR=str(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "That was all of it." in ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(180)
def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile, or somebody else's
        return b""


def test_a_kept_demo_runs_until_it_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "syncer", "demo"],
        env=plain_environ(TMPDIR=str(tmp_path), SYNCER_DEMO_KEEP="true"), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as running:  # fmt: skip
        assert running.stdout
        for line in running.stdout:
            if "Ctrl-C ends it" in line:
                break
        control = next(line for line in running.stdout if "emulator" in line).split()[1]
        with urlopen(control, timeout=10) as answer:
            assert answer.status == 200
        shown = next(line for line in running.stdout if "syncer status" in line).split(maxsplit=1)[1]
        variables, _, status = shown.strip().partition("; ")
        program = status.removesuffix(" status")
        _, *blocks = pages.fenced(pages.DOCS / "getting-started.md", "1. See it run", "sh")  # the first one installs
        lines = [line for line in "".join(blocks).splitlines() if line != ". .venv/bin/activate"]
        first = lines.pop(0)
        script = "\n".join([f'syncer() {{ {program} "$@"; }}', "set -e", variables, *lines])
        tried = subprocess.run(
            ["/bin/sh", "-c", script], env=plain_environ(), capture_output=True, text=True, check=False, cwd=tmp_path
        )
        running.terminate()  # alone: what it started must not be left behind
        rest = running.stdout.read()
        assert running.wait(30) == 0, rest
    assert first == ". ENV"
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "changed at the vendor: callback_url" in tried.stdout
    (home,) = tmp_path.iterdir()
    assert not [path for path in Path("/proc").glob("[0-9]*/environ") if str(home).encode() in _bytes(path)]
    assert json.loads((home / "state" / "status.json").read_text())["apps"]


def test_the_configured_repository_is_examined_as_well(tmp_path: Path, syncer: Syncer) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        told = syncer("doctor", config=here.site.config).out
        assert here.repository.git("rev-parse", "--short=7", "main") in told
