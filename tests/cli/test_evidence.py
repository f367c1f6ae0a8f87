"""audit tail, verify and export."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from syncer.documents import schema
from tests.support.site import site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Syncer

POPUP = "https://hooks.acme.example/popup"


def test_the_last_records_are_one_line_each(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        told = syncer("audit", "tail", "-n", "3", config=here.config).out.splitlines()
        assert len(told) == 3
        assert [line.split()[2] for line in told[1:]] == ["stop", "checkpoint"]
        assert len(syncer("audit", "tail", config=here.config, SYNCER_AUDIT_COUNT="1").out.splitlines()) == 1


def test_records_are_chosen_by_app_and_type(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        chosen = ("--app", "cust_1/app_0002", "--type", "put.result")
        (line,) = syncer("audit", "tail", "-o", "jsonl", *chosen, config=here.config).out.splitlines()
        assert json.loads(line)["subject"] == "customers/cust_1/apps/app_0002"
        assert syncer("audit", "tail", "--type", "syncer.hold.v1", config=here.config).out == ""
        assert "CUSTOMER/APP" in syncer("audit", "tail", "--app", "app_0002", config=here.config, expect=64).err
        assert "put.result" in syncer("audit", "tail", "--type", "put", config=here.config, expect=64).err


def test_a_good_journal_verifies_in_text_and_json(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        assert syncer("audit", "verify", config=here.config).out.startswith("good: ")
        document = syncer("audit", "verify", "-o", "json", config=here.config).document
        assert schema.validate(document, "verification") == ()
        assert document["good"] is True


@pytest.mark.parametrize(("cut", "finding"), [(b"popup_url", "altered"), (None, "torn-tail")])
def test_a_damaged_journal_ends_with_1_and_the_verdict(
    tmp_path: Path, syncer: Syncer, cut: bytes | None, finding: str
) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        path = here.state / "journal" / "00000001.jsonl"
        data = path.read_bytes()
        path.write_bytes(data.replace(cut, b"popup_uri", 1) if cut else data[:-3])
        told = syncer("audit", "verify", "-o", "json", config=here.config, expect=1)
        assert schema.validate(told.document, "verification") == ()
        assert told.document["finding"] == finding
        assert "NOT GOOD" in syncer("audit", "verify", config=here.config, expect=1).out


def test_an_altered_journal_is_exported_up_to_the_damage_and_ends_with_1(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        path = here.state / "journal" / "00000001.jsonl"
        path.write_bytes(path.read_bytes().replace(b"put.result", b"put.resulT", 1))
        told = syncer("audit", "export", config=here.config, expect=1)
        assert told.out.count("\n") > 2
        assert told.err.startswith("syncer: ")


def test_an_open_intent_is_named(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.emulator.fault("PUT:reset_after_commit, GET:hang", app=("cust_1", "app_0001"), after=2)
        here.config.write_text(here.config.read_text().replace("rate: 5000/s", "rate: 5000/s, deadline: 1s"))
        syncer("sync", config=here.config, expect=1)
        told = syncer("audit", "verify", config=here.config, expect=1).out
        assert "open     cust_1/app_0001" in told


def test_records_are_exported_as_they_stand_and_as_a_table(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        lines = syncer("audit", "export", config=here.config).out
        assert lines.encode() == (here.state / "journal" / "00000001.jsonl").read_bytes()
        table = list(csv.DictReader(io.StringIO(syncer("audit", "export", "-o", "csv", config=here.config).out)))
        assert len(table) == lines.count("\n")


@pytest.mark.parametrize("command", ["tail", "verify", "export"])
def test_without_a_journal_the_state_folder_is_asked_for(tmp_path: Path, syncer: Syncer, command: str) -> None:
    assert "--state-dir" in syncer("audit", command, "--state-dir", str(tmp_path), expect=1).err


def test_following_shows_records_as_they_come(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.run("sync")
        with subprocess.Popen(
            here.command("audit", "tail", "-f", "-n", "1"), env=here.environ(), stdout=subprocess.PIPE, text=True
        ) as following:
            assert following.stdout
            assert following.stdout.readline().split()[2] == "checkpoint"
            here.change(1, popup_url=None)
            here.run("sync")
            kinds = [following.stdout.readline().split()[2] for _ in range(3)]
            following.send_signal(signal.SIGINT)
            assert following.wait(10) == 130
        assert kinds[0] == "start"
