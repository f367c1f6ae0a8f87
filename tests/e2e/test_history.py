"""Rewritten history and signatures, end to end: a commit that is not taken causes no PUT and is told once."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.repositories import Repository
from tests.support.signing import PgpSigner, SshSigner, sign
from tests.support.site import Site, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "https://hooks.acme.example"
CONFIG = """\
apiVersion: syncer/v1
kind: Config
source: {{url: "file://{home}/origin.git", ref: REF, allow_file: true, poll: 1s HISTORY}}
vendor: {{base_url: {vendor}, rate: 5000/s}}
schedule: {{detect: 1h, apply: 1h, jitter: 0%}}
state_dir: {state}
"""


@dataclass(frozen=True, slots=True)
class Deployed:
    """An installation that reads a repository, with its first commit applied."""

    site: Site
    repository: Repository

    def commit(self, popup: str, *, branch: str = "main", orphan: bool = False) -> str:
        self.site.declare(2, popup_url=f"{HOST}/{popup}")
        content = (self.site.source / "apps.yaml").read_bytes()
        return self.repository.commit({"apps.yaml": content}, branch=branch, orphan=orphan, subject=popup)

    def move(self, commit: str, ref: str = "refs/heads/main") -> str:
        self.repository.git("update-ref", ref, commit)
        return commit

    def puts(self) -> int:
        return len(self.site.emulator.store.ledger())

    def popup(self) -> str:
        return str(self.site.live(1)["popup_url"]).removeprefix(f"{HOST}/")

    def told(self, *arguments: str, expect: int) -> str:
        """What a command says on stderr."""
        ended = self.site.ended(*arguments)
        assert ended.returncode == expect, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stderr

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record["data"] for record in self.site.journal() if record["type"] == f"syncer.{kind}.v1"]

    def configure(self, *, ref: str = "main", history: str = "") -> None:
        self.site.configure(CONFIG.replace("REF", ref).replace("HISTORY", history))

    def pass_log(self, expect: int) -> list[dict[str, Any]]:
        """One scheduled pass; its log."""
        return [json.loads(line) for line in self.site.run("run", "--once", expect=expect).splitlines()]


@contextmanager
def deployed(home: Path, *, ref: str = "main", history: str = "") -> Iterator[Deployed]:
    with site(home, 2) as here:
        made = Deployed(here, Repository.create(home / "origin.git"))
        made.commit("1")
        made.commit("2")
        if ref != "main":
            made.move("main", f"refs/tags/{ref}")
        made.configure(ref=ref, history=history)
        here.run("sync")
        yield made


def amended(here: Deployed) -> str:
    here.move("main~1")
    return here.commit("3")


def reset(here: Deployed) -> str:
    for name in ("3", "4"):
        here.commit(name)
    here.site.run("sync")
    return here.move(here.repository.git("rev-parse", "main~3"))


def orphaned(here: Deployed) -> str:
    return here.commit("3", orphan=True)


def recreated(here: Deployed) -> str:
    here.commit("3", branch="other", orphan=True)
    here.repository.git("update-ref", "-d", "refs/heads/main")
    here.pass_log(expect=1)
    return here.move(here.repository.git("rev-parse", "other"))


@pytest.mark.parametrize("rewritten", [amended, reset, orphaned, recreated])
def test_a_rewritten_history_is_held_with_one_message_and_goes_on_when_approved(
    tmp_path: Path, rewritten: Callable[[Deployed], str]
) -> None:
    with deployed(tmp_path) as here:
        tip = rewritten(here)
        puts, before = here.puts(), here.popup()
        [line] = [line for line in here.pass_log(expect=4) if line["event"] == "source.failed"]
        assert f"history was rewritten: {tip} does not follow" in line["error"]
        here.pass_log(expect=4)
        assert (here.puts(), here.popup()) == (puts, before)
        told = here.told("sync", expect=4)
        command = re.findall(r"`syncer (approve --non-fast-forward \w+)", told)
        assert command == [f"approve --non-fast-forward {tip}"]
        assert here.puts() == puts
        assert here.site.run(*command[0].split(), "--reason", "meant").startswith(f"approved {tip}\n")
        here.site.run("sync")
        assert here.popup() != before
        [approval] = here.records("source.approved")
        assert (approval["commit"], approval["reason"]) == (tip, "meant")
        assert here.records("source.changed")[-1]["git"]["commit"] == tip


def test_a_moved_tag_is_held(tmp_path: Path) -> None:
    with deployed(tmp_path, ref="live") as here:
        puts = here.puts()
        here.move("main~1", "refs/tags/live")
        assert here.told("sync", expect=4).count("history was rewritten") == 1
        assert (here.puts(), here.popup()) == (puts, "2")


def test_while_history_is_held_drift_is_still_put_back(tmp_path: Path) -> None:
    with deployed(tmp_path) as here:
        amended(here)
        here.site.change(1, popup_url=f"{HOST}/by-hand")
        here.pass_log(expect=4)
        assert here.popup() == "2"
        assert [hold["rule"] for hold in here.records("hold")] == ["rewritten-history"]


def test_an_approval_is_for_one_commit_and_for_once(tmp_path: Path) -> None:
    with deployed(tmp_path) as here:
        second = here.repository.git("rev-parse", "main")
        third = amended(here)
        assert third in here.told("approve", "--non-fast-forward", second, "--reason", "x", expect=4)
        here.site.run("approve", "--non-fast-forward", third[:12], "--reason", "x")
        fourth = here.commit("4", orphan=True)
        assert fourth in here.told("sync", expect=4)
        here.move(third)
        here.site.run("sync")
        here.move(second)
        here.site.run("approve", "--non-fast-forward", second, "--reason", "back")
        here.site.run("sync")
        here.move(third)
        assert third in here.told("sync", expect=4)
        assert here.popup() == "2"


def test_there_is_nothing_to_approve_in_a_history_that_goes_on(tmp_path: Path) -> None:
    with deployed(tmp_path) as here:
        tip = here.commit("3")
        assert "no commit waits" in here.site.run("approve", "--non-fast-forward", tip, "--reason", "x")
        assert here.records("source.approved") == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("3f2a9c1b7d20", "--non-fast-forward", "ab" * 20),
        ("--non-fast-forward", "main"),
        ("--non-fast-forward", "abc"),
    ],
)
def test_an_approval_names_either_a_plan_or_a_commit(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with deployed(tmp_path) as here:
        assert here.told("approve", *arguments, "--reason", "x", expect=64)


def test_history_any_follows_a_rewritten_branch(tmp_path: Path) -> None:
    with deployed(tmp_path, history=", history: any") as here:
        amended(here)
        here.site.run("sync")
        assert here.popup() == "3"


def test_only_looking_says_so_too(tmp_path: Path) -> None:
    with deployed(tmp_path) as here:
        amended(here)
        assert here.told("plan", expect=4).count("history was rewritten") == 1
        assert here.told("explain", "app_0001", expect=0).count("history was rewritten") == 1
        assert "history was rewritten" in here.site.run("doctor", expect=1)


def test_the_daemon_says_it_once_and_goes_on_with_what_is_in_force(tmp_path: Path) -> None:
    with deployed(tmp_path) as here:
        puts = here.puts()
        with subprocess.Popen(
            here.site.command("run"), env=here.site.environ(SYNCER_LOG_FORMAT="json"), stdout=subprocess.PIPE, text=True
        ) as daemon:
            assert daemon.stdout is not None
            events = (json.loads(line) for line in daemon.stdout)
            next(event for event in events if event["event"] == "pass.finished")
            tip = amended(here)
            refused = next(event for event in events if event["event"] == "source.failed")
            assert tip in refused["error"]
            daemon.send_signal(signal.SIGHUP)
            rest = []
            for event in events:
                rest.append(event)
                if event["event"] == "pass.finished":
                    daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
        [finished] = [event for event in rest if event["event"] == "pass.finished"]
        again = [event["level"] for event in rest if event["event"] == "source.failed"]
        assert again == ["error"]  # by the pass alone, whatever the number of polls
        assert (finished["failed"], here.puts(), here.popup()) == (0, puts, "2")


@pytest.mark.needs("ssh-keygen")
def test_only_commits_signed_by_allowed_keys_are_applied(tmp_path: Path) -> None:
    ann, eve = SshSigner.create(tmp_path, "ann"), SshSigner.create(tmp_path, "eve")
    (tmp_path / "allowed").write_text(ann.line("ann@acme.example"))
    with deployed(tmp_path) as here:
        here.configure(history=", verify: {{allowed_signers: {{file: {home}/allowed}}}}")
        puts = here.puts()
        assert here.told("sync", expect=4).count("is not signed") == 1
        sign(here.repository, eve)
        assert here.told("sync", expect=4).count("does not name for this") == 1
        here.move("main~1")
        here.commit("3")
        signed = sign(here.repository, ann)
        assert here.puts() == puts
        assert here.told("sync", expect=4).count("history was rewritten") == 1
        here.site.run("approve", "--non-fast-forward", signed, "--reason", "the first that is signed")
        here.site.run("sync")
        assert here.popup() == "3"
        git = here.records("source.changed")[-1]["git"]
        assert re.fullmatch(r"ann@acme\.example \(ED25519 key SHA256:\S+\)", git["signed"])
        assert here.records("put.intent")[-1]["git"]["signed"] == git["signed"]
        assert f"by {git['signed']}" in " ".join(here.site.run("explain", "app_0001").split())
        puts = here.puts()
        here.commit("4")
        here.pass_log(expect=4)
        assert (here.puts(), here.popup()) == (puts, "3")
        here.commit("5")
        sign(here.repository, ann)
        log = here.pass_log(expect=0)
        assert [line["signer"] for line in log if line["event"] == "source.changed"] == [git["signed"]]
        assert here.popup() == "5"


@pytest.mark.needs("ssh-keygen", "gpg")
def test_an_openpgp_key_signs_as_well(tmp_path: Path) -> None:
    asha = PgpSigner.create(tmp_path, "asha")
    (tmp_path / "allowed").write_text(asha.armored())
    try:
        with deployed(tmp_path) as here:
            here.commit("3")
            sign(here.repository, asha)
            here.configure(history=", verify: {{allowed_signers: {{file: {home}/allowed}}}}")
            here.site.run("sync")
            assert asha.fingerprint in here.records("source.changed")[-1]["git"]["signed"]
            assert here.popup() == "3"
    finally:
        asha.close()


def test_signatures_can_not_be_asked_of_a_folder(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=f"{HOST}/1") as here:
        text = here.config.read_text().replace("}\nvendor", ", verify: {allowed_signers: {file: allowed}}}\nvendor")
        here.config.write_text(text)
        here.run("sync", expect=64)
        assert here.emulator.store.ledger() == ()
