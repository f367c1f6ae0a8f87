"""Commands as a person runs them: real processes, a real vendor on loopback, a real journal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.modes import PutSemantics
from tests.support.site import site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"


@pytest.mark.parametrize("semantics", list(PutSemantics))
def test_a_plan_after_a_sync_is_empty_and_undeclared_fields_keep_their_values(
    tmp_path: Path, semantics: PutSemantics
) -> None:
    mine = {"callback_url": "https://elsewhere.example/mine", "streaming_enabled": True}
    with site(tmp_path, 3, seeded=mine, popup_url=POPUP, recording_enabled=False) as here:
        here.emulator.store.modes = replace(here.emulator.store.modes, put_semantics=semantics)
        here.run("plan", "--exit-code", expect=2)
        here.run("sync")
        assert json.loads(here.run("plan", "--exit-code", "-o", "json"))["summary"] == {"InSync": 3}
        for number in (1, 2, 3):
            live = here.live(number)
            assert live["popup_url"] == POPUP
            assert {name: live[name] for name in mine} == mine


def test_drift_is_put_back_and_named_as_drift(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.run("sync")
        here.change(1, popup_url="https://hooks.acme.example/by-hand")
        planned = json.loads(here.run("plan", "--exit-code", "-o", "json", expect=3))
        [change] = planned["apps"][0]["changes"]
        assert change["cause"] == "drift"
        assert planned["apps"][0]["moved"]["after"] < planned["apps"][0]["moved"]["before"]
        here.run("sync")
        assert here.live(1)["popup_url"] == POPUP


def test_one_app_that_can_not_be_read_stops_no_other(tmp_path: Path) -> None:
    with site(tmp_path, 5, popup_url=POPUP) as here:
        (tmp_path / "tokens" / "app_0002").write_text("wrong\n")
        here.run("sync", expect=1)
        assert [here.live(n)["popup_url"] for n in range(1, 6)] == [POPUP, None, POPUP, POPUP, POPUP]


def test_every_put_has_an_intent_before_it_and_a_result_after_it(tmp_path: Path) -> None:
    with site(tmp_path, 4, popup_url=POPUP) as here:
        here.run("sync")
        sent = {entry.request_id for entry in here.emulator.store.ledger()}
        records = here.journal()
        intents = {r["data"]["reqid"]: int(r["seq"]) for r in records if r["type"] == "syncer.put.intent.v1"}
        results = {r["data"]["reqid"]: int(r["seq"]) for r in records if r["type"] == "syncer.put.result.v1"}
        assert sent == set(intents) == set(results)
        assert all(intents[request] < results[request] for request in sent)


def test_an_invalid_file_ends_with_65_and_writes_nothing(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        (here.source / "broken.yaml").write_text("apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\nappps: {}\n")
        here.run("validate", str(here.source), expect=65)
        here.run("plan", expect=65)
        here.run("sync", expect=65)
        assert here.emulator.store.ledger() == ()


def test_a_stale_plan_id_is_refused(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        plan_id = json.loads(here.run("plan", "-o", "json"))["id"]
        here.change(1, missed_call_url="https://hooks.acme.example/other")
        here.run("sync", "--plan", plan_id, expect=4)
        assert here.emulator.store.ledger() == ()


def test_observe_mode_never_writes(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.config.write_text(here.config.read_text() + "mode: observe\n")
        here.run("sync")
        assert here.emulator.store.ledger() == ()
