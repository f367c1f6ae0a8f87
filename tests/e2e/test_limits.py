"""Limits on a whole pass, with real commands: held, shown with the command that releases it, released once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
USUAL = CONFIG.partition("policy:")[0]


def plan_id(here: Site) -> str:
    return str(json.loads(here.run("plan", "-o", "json"))["id"])


def rules(here: Site) -> set[str]:
    apps: list[dict[str, Any]] = json.loads(here.run("plan", "-o", "json"))["apps"]
    return {hold["rule"] for app in apps for hold in app["holds"]}


def test_a_first_sync_over_the_budget_waits_for_an_approval(tmp_path: Path) -> None:
    with site(tmp_path, 8, popup_url=POPUP) as here:
        here.configure(USUAL)
        here.run("sync", expect=4)
        assert here.emulator.store.ledger() == ()
        assert rules(here) == {"budget"}
        here.run("approve", plan_id(here), "--reason", "first sync")
        here.run("sync")
        assert len(here.emulator.store.ledger()) == 8
        here.change(1, popup_url="https://hooks.acme.example/by-hand")
        here.run("sync")
        assert here.live(1)["popup_url"] == POPUP


def test_a_glitch_of_the_whole_vendor_is_not_put_back(tmp_path: Path) -> None:
    with site(tmp_path, 8, popup_url=POPUP) as here:
        here.run("sync")
        here.configure(USUAL)
        for number in range(1, 9):
            here.change(number, popup_url=None)
        before = len(here.emulator.store.ledger())
        here.run("sync", expect=4)
        assert len(here.emulator.store.ledger()) == before
        assert "mass-drift" in rules(here)
        here.run("approve", plan_id(here), "--reason", "it was us: restore")
        here.run("sync")
        assert {here.live(number)["popup_url"] for number in range(1, 9)} == {POPUP}


def test_recording_switched_off_everywhere_by_mistake_is_held_and_the_rest_goes_on(tmp_path: Path) -> None:
    with site(tmp_path, 8, popup_url=POPUP, recording_enabled=True, recording_url=POPUP) as here:
        here.run("sync")
        here.configure(CONFIG.replace("recording_off: {{apps: 9999}}", "recording_off: {{apps: 2}}"))
        here.declare(8, popup_url=f"{POPUP}/v2", recording_enabled=False)
        here.run("sync", expect=4)
        assert {(app["popup_url"], app["recording_enabled"]) for app in map(here.live, range(1, 9))} == {
            (f"{POPUP}/v2", True)
        }
        assert rules(here) == {"transition"}
        here.run("approve", plan_id(here), "--reason", "recording ends with the contract")
        here.run("sync")
        assert {here.live(number)["recording_enabled"] for number in range(1, 9)} == {False}


def test_dangerous_changes_in_small_steps_add_up(tmp_path: Path) -> None:
    with site(tmp_path, 8, popup_url=POPUP) as here:
        here.configure(CONFIG.replace("blank_url: {{apps: 9999}}", "blank_url: {{apps: 2}}"))
        here.run("sync")
        here.declare(8, popup_url=None)
        for number in range(1, 3):
            here.run("sync", f"app_{number:04d}")
        here.run("sync", "app_0003", expect=4)
        assert here.live(3)["popup_url"] == POPUP


def test_a_fight_is_given_up_and_shown(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.run("sync")
        before = len(here.emulator.store.ledger())
        for round_ in range(8):
            here.change(1, popup_url=f"https://hooks.acme.example/{round_}")
            here.run("sync", expect=0 if round_ < 4 else 4)
        assert len(here.emulator.store.ledger()) - before == 4
        states = {app["app_id"]: app["state"] for app in json.loads(here.run("status", "-o", "json"))["apps"]}
        assert states == {"app_0001": "Fighting", "app_0002": "InSync"}
