"""Heads in a branch elsewhere, as a person meets them: history, verification, a journal begun afresh, trouble."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import anchors, verify
from tests.support import git_https
from tests.support.daemon import running
from tests.support.git_https import Fault, GitHttps
from tests.support.repositories import Repository
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
CANARY = "canary-51ad-anchor"
NAME = "acme%2Fprod.checkpoint"
ANCHORED = f"""{CONFIG}
audit:
  origin: ORIGIN
  anchors:
    - git:
        url: URL
        ref: heads
        ca_file: CA
        credentials: {{{{username: syncer, password: {{{{file: "{{home}}/git-password"}}}}}}}}
"""
PROTECTED = """\
#!/bin/sh
while read -r old new ref; do
  case "$old$new" in *0000000000000000000000000000000000000000*) continue ;; esac
  git merge-base --is-ancestor "$old" "$new" || exit 1
done
"""

pytestmark = pytest.mark.needs("git-http-backend")


@dataclass
class Anchored:
    """An installation, and the repository that its heads go to."""

    site: Site
    repository: Repository
    server: GitHttps

    def configure(self, origin: str = "acme/prod") -> None:
        text = ANCHORED.replace("ORIGIN", origin).replace("URL", self.server.url("heads.git"))
        self.site.configure(text.replace("CA", str(self.server.ca_file)))

    @property
    def subjects(self) -> list[str]:
        return self.repository.git("log", "--format=%s", "heads").splitlines()

    def cloned(self) -> Path:
        """The head's file in a fresh clone."""
        clone = self.site.home / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", "-b", "heads", str(self.repository.path), str(clone)], check=True)
        return clone / NAME

    @property
    def finding(self) -> str:
        """What verification against the file of a clone finds."""
        return verify.verify(self.site.state, verify.Wanted(anchors=anchors.read(self.cloned()))).finding.value

    def forget(self) -> None:
        """The state folder is lost, and with it the journal."""
        shutil.rmtree(self.site.state)


@contextmanager
def anchored(home: Path) -> Iterator[Anchored]:
    (home / "served").mkdir()
    repository = Repository.create(home / "served" / "heads.git")
    repository.git("config", "http.receivepack", "true")
    hook = repository.path / "hooks" / "pre-receive"
    hook.parent.mkdir()
    hook.write_text(PROTECTED)
    hook.chmod(0o755)
    (home / "git-password").write_text(f"{CANARY}\n")
    with (
        git_https.serving(home / "served", home, username="syncer", password=CANARY) as server,
        site(home, 2, popup_url=POPUP) as here,
    ):
        made = Anchored(here, repository, server)
        made.configure()
        yield made


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_every_run_adds_to_the_history_and_the_file_of_a_clone_verifies_the_journal(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        here.site.run("sync")
        here.site.change(1, popup_url="https://hooks.acme.example/other")
        here.site.run("sync")
        found = json.loads(here.site.run("audit", "verify", "-o", "json", "--anchor", str(here.cloned())))
        assert (found["finding"], found["anchors"]) == ("good", 1)
        assert here.subjects[0].startswith("acme/prod: ")
        sizes = [int(subject.split()[1]) for subject in here.subjects]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) >= 2


def test_a_journal_begun_afresh_writes_nothing_until_a_person_has_decided(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        here.site.run("sync")
        here.forget()
        here.site.change(1, popup_url="https://hooks.acme.example/other")
        out = here.site.run("run", "--once", expect=1)
        said = {event["event"]: event for event in events(out)}
        assert "was it reset" in said["audit.anchor-refused"]["error"]
        assert "is not of this journal" in said["journal.poisoned"]["error"]
        assert here.site.live()["popup_url"] == "https://hooks.acme.example/other"
        assert not [record for record in here.site.journal() if "put" in record["type"]]
        assert here.finding == "shorter-than-anchor"

        here.repository.commit({NAME: None}, branch="heads", subject="Begin anew: the disk was lost")
        here.site.run("sync")
        assert here.site.live()["popup_url"] == POPUP
        assert "Begin anew: the disk was lost" in here.subjects
        assert here.finding == "good"


def test_a_restored_backup_does_not_write_and_another_origin_is_another_journal(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        here.site.run("sync")
        shutil.copytree(here.site.state, tmp_path / "backup")
        here.site.run("sync")
        here.forget()
        shutil.copytree(tmp_path / "backup", here.site.state)
        here.site.change(1, popup_url="https://hooks.acme.example/other")
        ended = here.site.ended("sync")
        assert ended.returncode == 1
        assert "nothing more is written: the head kept in https://localhost" in ended.stderr
        assert here.site.live()["popup_url"] == "https://hooks.acme.example/other"

        here.configure("acme/prod-2")
        here.site.run("sync")
        assert here.site.live()["popup_url"] == POPUP
        assert here.repository.git("ls-tree", "--name-only", "heads").split() == ["acme%2Fprod-2.checkpoint", NAME]


def test_a_server_that_is_down_stops_nothing_and_gets_the_next_head(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        here.server.behaviour.fault = Fault.STATUS
        out = here.site.run("run", "--once")
        assert "audit.anchor-failed" in out
        assert CANARY not in out
        assert here.site.live()["popup_url"] == POPUP
        here.server.behaviour.fault = Fault.NONE
        here.site.run("run", "--once")
        assert here.finding == "good"


def test_a_daemon_says_once_that_pushes_are_refused_and_goes_on(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        (here.repository.path / "hooks" / "pre-receive").write_text("#!/bin/sh\nexit 1\n")
        with running(here.site) as daemon:
            failed = daemon.wait_for("audit.anchor-failed")
            assert "rules refuse the push" in failed["error"]
            daemon.wait_for("pass.finished")
            (here.repository.path / "hooks" / "pre-receive").write_text(PROTECTED)
            here.site.change(1, popup_url="https://hooks.acme.example/other")
            daemon.pass_now()
            daemon.wait_for("audit.anchored")
            assert daemon.stop() == 0
        assert here.site.live()["popup_url"] == POPUP
        assert here.finding == "good"


def test_a_daemon_killed_at_any_time_leaves_an_anchor_that_fits(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:
        for number, event in enumerate(["audit.anchored", "pass.finished"]):
            here.site.change(1, popup_url=f"https://hooks.acme.example/{number}")
            with running(here.site) as daemon:
                daemon.wait_for(event)
                daemon.signal(signal.SIGKILL)
        out = here.site.run("run", "--once")
        assert "audit.anchor-refused" not in out
        assert here.finding == "good"


def test_the_doctor_looks_at_the_anchor(tmp_path: Path) -> None:
    with anchored(tmp_path) as here:

        def told(expect: int = 0) -> dict[str, Any]:
            found = json.loads(here.site.run("doctor", "-o", "json", expect=expect))
            return next(dict(finding) for finding in found if finding["what"] == "anchor")

        assert "no head yet" in told()["seen"]
        here.site.run("sync")
        assert "a head over" in told()["seen"]
        here.repository.git("config", "http.receivepack", "false")
        assert "denies access" in told(1)["seen"]
        here.repository.git("config", "http.receivepack", "true")
        here.forget()
        found = told(1)
        assert "was it reset" in found["seen"]
        assert "audit.origin" in found["mend"]
