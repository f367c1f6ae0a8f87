"""suspend, resume, rollback on a real repository, with a real journal and the emulator."""

from __future__ import annotations

import json
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from syncer.emulator.store import Seed
from tests.support.site import site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Ran
    from tests.cli.running import Syncer
    from tests.support.versioned import Versioned

GOOD, BAD, NEXT = (f"https://hooks.acme.example/{name}" for name in ("good", "bad", "next"))
APPS = range(1, 3)


class Desk:
    """An installation with a good commit and a bad one that was written, and a person at its command line."""

    def __init__(self, versioned: Versioned, syncer: Syncer) -> None:
        self.here = versioned
        self._syncer = syncer
        self.run("sync")
        self.good = versioned.before(0)
        self.bad = self.commit(BAD)
        self.run("sync")

    def run(self, *arguments: str, expect: int = 0) -> Ran:
        return self._syncer(*arguments, expect=expect, config=self.here.site.config)

    def commit(self, url: str, numbers: range = APPS, **more: object) -> str:
        return self.here.commit(numbers, popup_url=url, **more)

    def rollback(self, *arguments: str, expect: int = 0) -> Ran:
        return self.run("rollback", *arguments, "--until", "4h", "--reason", "INC-9", expect=expect)

    def popups(self) -> list[str]:
        return [self.here.site.live(number)["popup_url"] for number in APPS]

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.here.site.journal() if each["type"] == f"syncer.{kind}.v1"]

    def states(self) -> list[str]:
        return [app["state"] for app in self.run("plan", "-o", "json").document["apps"]]


@pytest.fixture
def desk(tmp_path: Path, syncer: Syncer) -> Iterator[Desk]:
    with versioned(tmp_path, len(APPS), popup_url=GOOD) as here:
        yield Desk(here, syncer)


def test_a_rollback_writes_the_earlier_settings_and_puts_drift_from_them_back(desk: Desk) -> None:
    told = desk.rollback("app_0001", "--to", desk.good[:9])
    assert told.out.startswith(f"pinned to {desk.good[:12]} until 20")
    desk.run("sync")
    assert desk.popups() == [GOOD, BAD]
    intent = desk.records("put.intent")[-1]["data"]
    assert (intent["git"]["commit"], intent["pin"]["reason"]) == (desk.good, "INC-9")
    assert intent["git"]["lines"] == {"popup_url": f"{desk.good[:7]}:app_0001.yaml:10"}
    desk.here.site.change(1, popup_url=NEXT)
    desk.run("sync")
    assert desk.popups() == [GOOD, BAD]


def test_a_pin_is_shown_wherever_the_app_is(desk: Desk) -> None:
    desk.rollback("app_0001", "--to", desk.good)
    word = f"pinned to {desk.good[:7]} by cli:"
    plan = desk.run("plan").out
    assert word in plan
    assert f"git: {desk.good[:7]}:app_0001.yaml:10  {desk.good[:7]} Ann Example" in plan
    assert word in desk.run("plan", "-o", "markdown").out
    desk.run("sync")
    settled = desk.run("plan").out
    assert "At an earlier commit, and in sync with it" in settled
    assert word in settled
    assert "In sync with an earlier commit, and refuses the one in force: 1 app" in desk.run("status").out
    [row, other] = desk.run("status", "-o", "json").document["apps"]
    assert (row["pin"]["commit"], row["pin"]["reason"], other["pin"]) == (desk.good, "INC-9", None)
    explained = desk.run("explain", "app_0001").out
    assert f"  pinned      {word}" in explained
    assert "pinned by cli:" in explained
    assert f"  next        nothing: live is as {desk.good[:7]} declares" in explained


def test_a_commit_to_another_app_ends_no_pin_and_one_to_this_app_ends_it_for_good(desk: Desk) -> None:
    desk.rollback("app_0001", "--to", desk.good)
    desk.commit(NEXT, range(2, 3))
    desk.run("sync")
    assert desk.popups() == [GOOD, NEXT]
    desk.commit(NEXT)
    desk.run("sync")
    assert desk.popups() == [NEXT, NEXT]
    [unpinned] = desk.records("unpin")
    assert unpinned["data"]["by"] == "system"
    assert unpinned["data"]["reason"] == "git declares something else for it now"
    desk.commit(BAD, range(1, 2))
    desk.run("sync")
    assert desk.popups() == [BAD, NEXT]  # somebody wants it again, and nobody refused it since


def test_a_plan_alone_records_no_end_and_writes_nothing(desk: Desk) -> None:
    desk.rollback("app_0001", "--to", desk.good)
    desk.commit(NEXT)
    assert "-> https://hooks.acme.example/next" in desk.run("plan").out
    assert desk.records("unpin") == []


def test_undo_takes_what_git_declares_now(desk: Desk) -> None:
    desk.rollback("app_*", "--to", desk.good)
    desk.run("sync")
    assert desk.popups() == [GOOD, GOOD]
    assert "no longer pinned: cust_1/app_0002" in desk.run("rollback", "app_0002", "--undo", "--reason", "mended").out
    desk.run("sync")
    assert desk.popups() == [GOOD, BAD]
    assert "no longer pinned: cust_1/app_0001" in desk.run("rollback", "--all", "--undo", "--reason", "mended").out
    desk.run("sync")
    assert desk.popups() == [BAD, BAD]
    assert desk.run("rollback", "app_0002", "--undo", "--reason", "again").out == "nothing was pinned\n"


def test_a_second_rollback_still_refuses_what_the_first_one_did(desk: Desk) -> None:
    later = desk.commit("https://hooks.acme.example/worse")
    desk.rollback("app_0001", "--to", desk.bad)
    desk.run("sync")
    desk.rollback("app_0001", "--to", desk.good)
    desk.run("sync")
    assert desk.popups()[0] == GOOD
    first, second = (record["data"] for record in desk.records("pin"))
    assert (first["refused"], first["passing"]) == (second["refused"], second["passing"])
    assert first["passing"] == later


def test_a_commit_that_is_gone_holds_the_app_until_the_command_that_the_hold_names(desk: Desk) -> None:
    desk.rollback("app_0001", "--to", desk.good)
    desk.run("sync")
    desk.here.configure()
    repository = desk.here.repository
    files: dict[str | bytes, Any] = {
        name: repository.run("show", f"main:{name}")
        for name in repository.git("ls-tree", "--name-only", "main").split()
    }
    alone = repository.commit(files, orphan=True)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--prune=now", "--quiet")
    shutil.rmtree(desk.here.site.state / "git")
    desk.run("sync", expect=4)  # history was rewritten, and nobody has let that pass
    desk.run("approve", "--non-fast-forward", alone, "--reason", "secret taken out")
    desk.run("sync", expect=4)
    assert desk.popups() == [GOOD, BAD]
    assert desk.records("unpin") == []
    document = desk.run("plan", "-o", "json").document
    [hold] = document["apps"][0]["holds"]
    assert (document["apps"][0]["state"], hold["rule"]) == ("Held", "pin-lost")
    assert "nothing in this plan waits" in desk.run("approve", document["id"], "--reason", "try").out
    desk.run("sync", expect=4)
    command = hold["release"].replace("…", "INC-9 is over")
    assert "no longer pinned: cust_1/app_0001" in desk.run(*shlex.split(command)[1:]).out
    desk.run("sync")
    assert desk.popups() == [BAD, BAD]


def test_hosts_that_are_not_allowed_today_are_not_written_by_a_pin_of_yesterday(desk: Desk) -> None:
    desk.commit("https://new.acme.example/x")
    desk.run("sync")
    desk.rollback("app_0001", "--to", desk.good)
    config = desk.here.site.config
    config.write_text(
        config.read_text().replace("policy:", "policy:\n  allowed_hosts: {popup_url: [new.acme.example]}", 1)
    )
    desk.run("sync", expect=4)
    assert desk.popups() == ["https://new.acme.example/x"] * 2
    assert desk.states() == ["Held", "InSync"]
    assert "pinned to" in desk.run("plan", "--exit-code", expect=4).out
    assert "Needs you: 1 app\n  Held  cust_1/app_0001" in desk.run("status").out
    told = desk.rollback("app_0002", "--to", desk.good, expect=64)
    assert "cust_1/app_0002 is not declared at" in told.err
    assert "its file there is invalid today" in told.err


def test_the_budget_holds_for_the_way_back_too(desk: Desk) -> None:
    config = desk.here.site.config
    config.write_text(
        config.read_text().replace("apps: 100000, share: 100%, at_least: 100000", "apps: 1, share: 1%, at_least: 1")
    )
    desk.rollback("app_*", "--to", desk.good)
    desk.run("sync", expect=4)
    assert desk.popups() == [BAD, BAD]


def test_a_field_that_was_not_declared_then_is_named(desk: Desk) -> None:
    desk.commit(BAD, callback_url=BAD)
    desk.run("sync")
    told = desk.rollback("app_0001", "--to", desk.good)
    assert "cust_1/app_0001: callback_url was not declared then, and stays as it is at the vendor" in told.err
    desk.run("sync")
    assert desk.here.site.live(1)["callback_url"] == BAD


def test_a_pin_to_what_git_declares_anyway_says_that_it_refuses_nothing(desk: Desk) -> None:
    desk.here.repository.commit({"README.txt": b"a later commit\n"})
    told = desk.rollback("app_0001", "--to", desk.bad)
    assert "cust_1/app_0001: git declares the same now, so nothing is refused" in told.err


def test_all_apps_are_pinned_or_none(desk: Desk) -> None:
    desk.here.site.emulator.seed(_seed(desk.here.site.home))
    desk.here.commit(range(3, 4), popup_url=NEXT)
    told = desk.rollback("app_*", "--to", desk.good, expect=64)
    assert "cust_1/app_0003 is not declared at" in told.err
    assert desk.records("pin") == []


def _seed(home: Path) -> Seed:
    (home / "tokens" / "app_0003").write_text("token-app_0003\n")
    return Seed("cust_1", "app_0003", "app_0003", "token-app_0003", "secret-app_0003", settings={})


def test_a_commit_that_was_never_on_the_branch_is_no_way_back(desk: Desk) -> None:
    files: dict[str | bytes, Any] = {"app_0001.yaml": desk.here.repository.run("show", f"{desk.good}:app_0001.yaml")}
    stranger = desk.here.repository.commit(files, branch="unreviewed", orphan=True)
    for revision in (stranger, "unreviewed"):
        assert "is not in the history of" in desk.rollback("app_0001", "--to", revision, expect=64).err
    assert "is the commit in force" in desk.rollback("app_0001", "--to", "main", expect=64).err
    assert desk.rollback("app_0001", "--to", "f" * 40, expect=1).err
    assert desk.records("pin") == []


def test_a_folder_has_no_earlier_commits(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=GOOD) as here:
        told = syncer(
            "rollback", "app_0001", "--to", "1a2b3c4", "--until", "4h", "--reason", "x", expect=64, config=here.config
        )
    assert "a folder has no commits to compare with" in told.err


NO_ORDERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("rollback", "app_0001", "--to", "main", "--reason", "x"), "--until is missing"),
    (("rollback", "app_0001", "--until", "4h", "--reason", "x"), "give --to REV or --undo"),
    (("rollback", "app_0001", "--to", "m", "--undo", "--reason", "x"), "give --to REV or --undo"),
    (("rollback", "app_0001", "--undo", "--until", "4h", "--reason", "x"), "--undo has no end"),
    (("rollback", "--all", "--to", "main", "--until", "4h", "--reason", "x"), "can't be taken back"),
    (("suspend", "app_0001", "--reason", "x"), "--until is missing"),
    (("suspend", "app_0001", "--until", "2001-01-01", "--reason", "x"), "2001-01-01 is over"),
    (("suspend", "app_0001", "--until", "soon", "--reason", "x"), "'soon' is no end"),
    (("suspend", "app_0001", "--until", "9999-12-31", "--reason", "x"), "'9999-12-31' is no end"),
    (("suspend", "app_0001", "--until", "4h", "--reason", " "), "the reason is empty"),
    (("suspend", "app_0001", "--until", "4h", "--reason", "x" * 501), "longer than 500 characters"),
    (("suspend", "--until", "4h", "--reason", "x"), "whom is it for?"),
    (("suspend", "app_0001", "--all", "--until", "4h", "--reason", "x"), "whom is it for?"),
    (("suspend", "nobody", "--until", "4h", "--reason", "x"), "no app is called 'nobody'"),
    (("resume", "--reason", "x"), "whom is it for?"),
)
"""Command lines, and what is said of them."""


def test_what_makes_no_order_is_refused_and_recorded_nowhere(desk: Desk) -> None:
    for arguments, told in NO_ORDERS:
        assert told in desk.run(*arguments, expect=64).err, arguments
    assert [desk.records(kind) for kind in ("suspend", "resume", "pin", "unpin")] == [[], [], [], []]


def test_a_suspended_app_is_left_alone_and_its_drift_is_seen(desk: Desk) -> None:
    desk.run("suspend", "app_0001", "--until", "4h", "--reason", "INC-7")
    desk.commit(NEXT)
    desk.run("sync")
    assert desk.popups() == [BAD, NEXT]
    desk.here.site.change(1, popup_url=GOOD)
    desk.run("sync")
    assert desk.popups() == [GOOD, NEXT]
    assert [record["subject"] for record in desk.records("drift.seen")] == ["customers/cust_1/apps/app_0001"]
    status = desk.run("status").out
    assert "Left as it is on purpose, not counted: 1 app\n  Suspended  cust_1/app_0001" in status
    assert "or: syncer resume cust_1/app_0001 --reason '…'" in status
    assert "suspended by cli:" in desk.run("explain", "app_0001").out
    desk.run("resume", "app_0001", "--reason", "over")
    desk.run("sync")
    assert desk.popups() == [NEXT, NEXT]


def test_the_whole_fleet_is_suspended_with_apps_to_come_and_each_word_is_lifted_by_itself(desk: Desk) -> None:
    desk.run("suspend", "app_0001", "--until", "4h", "--reason", "INC-7")
    assert "the whole fleet" in desk.run("suspend", "--all", "--until", "2099-01-01", "--reason", "fair").out
    assert desk.states() == ["Suspended", "Suspended"]
    assert "hint: lift that with `syncer resume --all" in desk.run("resume", "app_0002", "--reason", "x", expect=4).err
    both = desk.run("resume", "app_0001", "--reason", "over")
    assert both.out.startswith("resumed: cust_1/app_0001")
    assert "the whole fleet is still suspended: fair" in both.err
    desk.run("suspend", "app_0001", "--until", "4h", "--reason", "INC-8")
    lifted = desk.run("resume", "--all", "--reason", "over")
    assert lifted.out.startswith("resumed: the whole fleet\n")
    assert "still suspended: cust_1/app_0001" in lifted.err
    assert desk.states() == ["Suspended", "InSync"]
    assert desk.run("resume", "--all", "--reason", "again").out == "nothing was suspended\n"


def test_resuming_an_app_leaves_its_pin(desk: Desk) -> None:
    desk.run("suspend", "app_0001", "--until", "4h", "--reason", "INC-9")
    desk.rollback("app_0001", "--to", desk.good)
    assert "still pinned: cust_1/app_0001" in desk.run("resume", "app_0001", "--reason", "write the pin").err
    desk.run("sync")
    assert desk.popups() == [GOOD, BAD]


def test_an_app_that_left_git_is_resumed_by_its_ids_also_without_git(desk: Desk) -> None:
    desk.run("suspend", "app_0001", "--until", "4h", "--reason", "INC-7")
    desk.here.repository.path.rename(desk.here.site.home / "elsewhere")
    shutil.rmtree(desk.here.site.state / "git")
    desk.run("resume", "app_0001", "--reason", "x", expect=1)
    assert desk.run("resume", "cust_1/app_0001", "--reason", "x").out.startswith("resumed: cust_1/app_0001")


def test_without_git_the_mirror_is_good_enough_in_an_incident(desk: Desk) -> None:
    desk.here.repository.path.rename(desk.here.site.home / "elsewhere")
    assert desk.run("suspend", "app_0002", "--until", "4h", "--reason", "INC-7").out.startswith("suspended until ")
    assert desk.rollback("app_0001", "--to", desk.good).out.startswith("pinned to ")


def test_apps_are_chosen_by_label_too(desk: Desk) -> None:
    told = desk.run("suspend", "-l", "env!=prod", "--until", "4h", "--reason", "INC-7")
    assert told.out.count("suspended until ") == 2
    again = json.loads(desk.run("status", "-l", "env!=prod", "-o", "json").out)
    assert len(again["apps"]) == 2


def test_a_deleted_index_forgets_no_order(desk: Desk) -> None:
    desk.run("suspend", "--all", "--until", "4h", "--reason", "fair")
    desk.rollback("app_0001", "--to", desk.good)
    (desk.here.site.state / "index.sqlite").unlink()
    assert desk.states() == ["Suspended", "Suspended"]
    desk.run("resume", "--all", "--reason", "over")
    desk.run("sync")
    assert desk.popups() == [GOOD, BAD]


@pytest.mark.parametrize("words", ["suspend app_0001", "suspend --all", "rollback app_0001 --to GOOD"])
def test_where_leaders_are_elected_whoever_orders_is_told_that_one_journal_has_it(desk: Desk, words: str) -> None:
    order = (*words.replace("GOOD", desk.good).split(), "--until", "4h", "--reason", "INC-9")
    told = "a replica with a journal of its own that comes to lead goes by git"
    assert told not in desk.run(*order).err
    trustme.CA().cert_pem.write_to_path(desk.here.site.home / "ca.pem")
    reach = f"server: 'https://127.0.0.1:1', namespace: x, token: {{file: /x}}, ca_file: {desk.here.site.home}/ca.pem"
    with desk.here.site.config.open("a") as config:
        config.write(f"leader: {{kind: lease, {reach}}}\n")
    assert told in desk.run(*order).err
