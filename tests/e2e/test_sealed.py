"""Heads as a person meets them: a key, anchors, and what `audit verify` says of a journal that somebody touched."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from syncer.documents import schema
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
SEALED = f"""{CONFIG}
audit: {{{{origin: acme/prod, rotate: 8KiB, sign: {{{{key: {{{{file: "{{home}}/audit.key"}}}}}}}}, ANCHORS}}}}
"""


@contextmanager
def sealed(home: Path, anchors: str = '[{{file: "{home}/heads"}}]', count: int = 2) -> Iterator[Site]:
    with site(home, count, popup_url=POPUP) as here:
        here.configure(CONFIG + "audit: {{origin: acme/prod}}\n")
        (home / "acme.pub").write_text(here.run("audit", "keygen", str(home / "audit.key")))
        here.configure(SEALED.replace("ANCHORS", f"anchors: {anchors}"))
        yield here


def verdict(here: Site, *options: str, expect: int = 0, **environ: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(here.run("audit", "verify", "-o", "json", *options, expect=expect, **environ))
    assert schema.validate(found, "verification") == ()
    return found


def test_a_key_is_the_owners_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    with sealed(tmp_path) as here:
        key = tmp_path / "audit.key"
        before = key.read_bytes()
        here.run("audit", "keygen", str(key), expect=1)
        assert key.read_bytes() == before
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert (tmp_path / "acme.pub").read_text().startswith("acme/prod+")


def test_what_a_sync_wrote_is_signed_and_anchored(tmp_path: Path) -> None:
    with sealed(tmp_path, count=8) as here:
        here.run("sync")
        pub, heads = str(tmp_path / "acme.pub"), str(tmp_path / "heads")
        found = verdict(here, "--pubkey", pub, "--anchor", heads)
        assert (found["finding"], found["signatures"], found["origin"]) == ("good", "good", "acme/prod")
        assert found["anchors"] == len((tmp_path / "heads").read_text().split("— ")) - 1
        assert int(str(found["segment"])) > 1
        key = (tmp_path / "acme.pub").read_text()
        twins = verdict(here, SYNCER_AUDIT_PUBKEY=key, SYNCER_AUDIT_ANCHOR=heads, SYNCER_AUDIT_FROM_SEGMENT="2")
        assert (twins["signatures"], twins["anchors"]) == ("good", found["anchors"])
        text = here.run("audit", "verify", "--pubkey", pub, "--anchor", heads)
        assert "signatures good" in text
        assert "A cut-off tail" not in text
        assert "keep heads elsewhere" in here.run("audit", "verify")
        assert json.loads(here.run("plan", "-o", "json"))["summary"] == {"InSync": 8}


def test_a_changed_record_is_told_with_its_place(tmp_path: Path) -> None:
    with sealed(tmp_path) as here:
        here.run("sync")
        path = here.state / "journal" / "00000001.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"hooks.acme.example", b"hooks.acme.exampel", 1))
        found = verdict(here, expect=1)
        assert found["finding"] == "altered"
        damage = found["damage"]
        assert isinstance(damage, dict)
        line_start = whole.rfind(b"\n", 0, whole.index(b"hooks.acme.example")) + 1
        assert (damage["segment"], damage["offset"]) == (1, line_start)
        assert "altered or damaged" in here.run("audit", "verify", expect=1)


def test_a_journal_begun_afresh_is_told_by_the_anchor(tmp_path: Path) -> None:
    with sealed(tmp_path) as here:
        here.run("sync")
        heads = tmp_path / "heads"
        kept = heads.rename(tmp_path / "kept")
        for path in (*here.state.rglob("*.jsonl"), here.state / "checkpoint"):
            path.unlink()
        here.run("sync")
        assert verdict(here, "--pubkey", str(tmp_path / "acme.pub"))["finding"] == "good"
        assert verdict(here, "--anchor", str(kept), expect=1)["finding"] in {"altered", "shorter-than-anchor"}


def test_the_log_of_the_daemon_is_an_anchor(tmp_path: Path) -> None:
    with sealed(tmp_path, "[stdout]") as here:
        lines = []
        with subprocess.Popen(here.command("run"), stdout=subprocess.PIPE, text=True, env=here.environ()) as process:
            for line in process.stdout or ():
                lines.append(line)
                if '"pass.finished"' in line:
                    process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
        log = tmp_path / "log"
        log.write_text("".join(lines))
        made = [event for event in map(json.loads, lines) if event["event"] == "audit.checkpoint"]
        found = verdict(here, "--pubkey", str(tmp_path / "acme.pub"), "--anchor", str(log))
        assert (found["finding"], found["anchors"]) == ("good", len(made))
        segments = sorted(here.state.rglob("*.jsonl"))
        records = [json.loads(line) for path in segments for line in path.read_text("utf-8").splitlines()]
        heads = [record["data"] for record in records if record["type"] == "syncer.checkpoint.v1"]
        assert [head["moment"] for head in heads if head["moment"] != "segment"] == ["start", "pass", "stop"]
        assert [head["note"] for head in heads] == [event["note"] for event in made]


def test_an_anchor_that_can_not_be_written_stops_nothing(tmp_path: Path) -> None:
    with sealed(tmp_path, '[{{file: "{home}/none/heads"}}]') as here:
        out = here.run("run", "--once")
        assert '"audit.anchor-failed"' in out
        assert here.live()["popup_url"] == POPUP


def test_a_key_from_a_variable_signs_too(tmp_path: Path) -> None:
    with sealed(tmp_path) as here:
        key = (tmp_path / "audit.key").read_text().strip()
        here.configure(CONFIG + "audit: {{origin: acme/prod, sign: {{key: {{env: SYNCER_SECRET_AUDIT}}}}}}\n")
        here.run("sync", SYNCER_SECRET_AUDIT=key)
        assert verdict(here, "--pubkey", str(tmp_path / "acme.pub"))["signatures"] == "good"
        here.run("sync", expect=64)


@pytest.mark.parametrize(
    ("audit", "message"),
    [
        ('{{origin: other, sign: {{key: {{file: "{home}/audit.key"}}}}}}', "is that of acme/prod"),
        ('{{origin: acme/prod, sign: {{key: {{file: "{home}/none"}}}}}}', "can't be read"),
        ('{{origin: acme/prod, sign: {{key: {{file: "{home}/acme.pub"}}}}}}', "signing key is not one"),
        ("{{anchors: [lease]}}", "an annotation of the lease, and there is none"),
    ],
)
def test_a_key_that_can_not_sign_for_this_journal_is_refused(tmp_path: Path, audit: str, message: str) -> None:
    with sealed(tmp_path) as here:
        here.configure(CONFIG + f"audit: {audit}\n")
        ended = here.ended("sync")
        assert ended.returncode == 64
        assert message in ended.stderr
        assert "PRIVATE" not in ended.stderr + ended.stdout
        assert here.live()["popup_url"] is None


@pytest.mark.parametrize(
    "options",
    [("--pubkey", "none"), ("--pubkey", "{home}/audit.key"), ("--anchor", "{home}/none"), ("--pubkey", "a+b")],
)
def test_options_that_name_nothing_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    with sealed(tmp_path) as here:
        here.run("sync")
        here.run("audit", "verify", *(option.format(home=tmp_path) for option in options), expect=64)
