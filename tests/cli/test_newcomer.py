"""What a person meets who has never seen syncer: each message says where, what, and how to mend it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from syncer.cli import main
from syncer.cli.render import audit, thinning
from syncer.documents.loading import parse
from syncer.documents.schema import check_kind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Syncer

GOOD = """\
apiVersion: syncer/v1
kind: Apps
customer_id: cust_acme
apps:
  desk:
    app_id: app_1
    token: {file: /nowhere/token}
    settings: {popup_url: https://hooks.acme.example/popup}
"""
KINDS = {"Apps": "apps", "Defaults": "defaults"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "acme.yaml").write_text(GOOD)
    return tmp_path


def syncer_process(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SYNCER_")}
    environ |= {"SYNCER_STATE_DIR": str(cwd / "state"), **more.pop("env", {})}
    command = [sys.executable, "-m", "syncer", *arguments]
    return subprocess.run(command, cwd=cwd, env=environ, stderr=subprocess.PIPE, check=False, **more)


def test_without_any_configuration_the_way_to_a_first_source_is_named(
    tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = syncer("plan", expect=1).err
    assert "folder config/apps can't be read" in told
    assert "syncer init" in told


def test_the_next_step_of_init_works_as_printed(
    tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = syncer("init", "mine").out.rpartition("then: syncer ")[2].split()
    assert syncer(*command).out == "1 file, 1 app: valid\n"


def test_init_keeps_state_out_of_git_and_an_existing_gitignore_as_it_is(tmp_path: Path, syncer: Syncer) -> None:
    syncer("init", str(tmp_path / "fresh"))
    assert (tmp_path / "fresh/.gitignore").read_text() == "/state/\n"
    (tmp_path / "old").mkdir()
    (tmp_path / "old/.gitignore").write_text("mine\n")
    syncer("init", str(tmp_path / "old"))
    assert (tmp_path / "old/.gitignore").read_text() == "mine\n"


@pytest.mark.parametrize("name", ["notes.md", ".hidden.yaml"])
def test_a_file_that_is_never_read_is_not_called_valid(name: str, home: Path, syncer: Syncer) -> None:
    (home / "apps" / name).write_text("anything")
    assert "no part of a source" in syncer("validate", f"apps/{name}", expect=64).err


def test_a_configuration_among_the_apps_is_told_apart() -> None:
    [problem] = check_kind(parse("syncer.yaml", b"apiVersion: syncer/v1\nkind: Config\n"), KINDS)
    assert problem.message == "the daemon's configuration is no part of a source"


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"null\n"])
def test_an_empty_file_is_one_problem(text: bytes) -> None:
    assert [problem.rule for problem in check_kind(parse("a.yaml", text), KINDS)] == ["SY114"]


def test_one_problem_is_not_called_problems(home: Path, syncer: Syncer) -> None:
    (home / "apps" / "acme.yaml").write_text(GOOD.replace("popup_url", "pop_url"))
    assert "is invalid: a problem\n" in syncer("plan", "-C", "apps", expect=65).err


def test_explaining_an_app_of_an_invalid_file_points_at_the_file(home: Path, syncer: Syncer) -> None:
    (home / "apps" / "other.yaml").write_text(GOOD.replace("desk:", "other:").replace("app_1", "app_2"))
    (home / "apps" / "acme.yaml").write_text(GOOD.replace("popup_url", "pop_url"))
    told = syncer("explain", "desk", "-C", "apps", "--state-dir", "state", expect=64).err
    assert "no app is called 'desk'" in told
    assert "apps/acme.yaml is invalid" in told


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_stdout_is_a_message(home: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device, not a path of ours
        ended = syncer_process("validate", "apps", cwd=home, stdout=full)
    assert (ended.returncode, ended.stderr.decode().splitlines()[0]) == (
        1,
        "syncer: the system refused: No space left on device",
    )
    assert b"ignored" not in ended.stderr


def test_a_closed_stdout_leaves_the_exit_code(home: Path) -> None:
    ended = syncer_process("validate", "apps", cwd=home, preexec_fn=lambda: os.close(1))
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_reader_that_goes_away_is_no_error_of_ours(home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        ended = syncer_process("validate", "apps", cwd=home, stdout=pipe)
    assert (ended.returncode, ended.stderr) == (main.BROKEN_PIPE, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_no_encoding_stops_the_help(encoding: str, home: Path) -> None:
    ended = syncer_process("plan", "--help", cwd=home, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_current_directory_that_is_gone_is_a_message(home: Path) -> None:
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m syncer plan -C "$1" --state-dir state'
    command = ["sh", "-c", script, sys.executable, str(home / "apps")]
    environ = {**os.environ, "PYTHONSAFEPATH": "1"}
    ended = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "current directory" in ended.stderr


def test_a_damaged_report_says_what_to_do(home: Path, syncer: Syncer) -> None:
    (home / "state").mkdir()
    (home / "state" / "status.json").write_text("half")
    told = syncer("status", "--state-dir", "state", expect=1).err
    assert told == "syncer: state/status.json is damaged\n  hint: delete it; the next pass writes it anew\n"


def test_a_port_in_use_is_told_once(syncer: Syncer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = syncer("emulator", "--port", port, expect=1).err
    assert told.startswith(f"syncer: can't listen on 127.0.0.1:{port}: Address already in use\n")


def test_a_record_spells_values_as_the_files_do_and_stays_on_its_line() -> None:
    changes = {"popup_url": {"live": None, "git": "https://x.example/" + "a" * 500}}
    event = {"seq": "7", "time": "2026-01-01T00:00:00.000000Z", "type": "syncer.put.intent.v1"}
    line = audit.line({**event, "data": {"changes": changes | {"recording_enabled": {"live": True, "git": False}}}})
    assert "popup_url null -> https://x.example/" in line
    assert len(line) == audit.LINE


def test_of_many_alike_ten_are_named_and_the_rest_counted() -> None:
    rows = [("same", number) for number in range(25)] + [("other", 0)]
    kept = list(thinning.thinned(rows, lambda row: row[0]))
    assert [row for row, _ in kept] == [*(("same", number) for number in range(10)), ("other", 0)]
    assert [left for _, left in kept if left] == [15]


def test_a_vendor_that_is_down_for_all_reads_as_one_thing(home: Path, syncer: Syncer) -> None:
    apps = "".join(f"  app-{n:03}: {{app_id: a{n:03}, token: {{env: TOKEN_OF_ALL}}}}\n" for n in range(60))
    (home / "apps" / "acme.yaml").write_text(f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n{apps}")
    here = ("-C", "apps", "--state-dir", "state", "--vendor-url", "http://127.0.0.1:9/v2")
    told = syncer("plan", *here, expect=1, TOKEN_OF_ALL="").out
    assert told.count("is empty or not set") == 1
    assert "  and 50 more: `-o json` names all\n" in told
    assert len(syncer("plan", *here, "-o", "json", expect=1, TOKEN_OF_ALL="").document["apps"]) == 60
    synced = syncer("sync", *here, expect=1, TOKEN_OF_ALL="").out
    assert "? and 50 more: `-o json` names all\n" in synced
    assert "AuthFailed  and 50 more" in syncer("status", "--state-dir", "state").out


def test_many_reasons_of_one_kind_are_counted_past_ten(home: Path, syncer: Syncer) -> None:
    apps = "".join(f"  app-{n:03}: {{app_id: a{n:03}, token: {{file: /nowhere/{n}}}}}\n" for n in range(15))
    (home / "apps" / "acme.yaml").write_text(f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n{apps}")
    told = syncer("plan", "-C", "apps", "--state-dir", "state", expect=1).out
    assert told.count("mount or create it") == 10
    assert "  and 5 more: `-o json` names all (token)\n" in told


def test_json_of_a_record_holds_all_of_it() -> None:
    event = {"seq": "7", "data": {"message": "x" * 1000}}
    assert json.loads(audit.raw(event)) == event
