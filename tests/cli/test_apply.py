"""sync and approve: what they write, what they refuse, what they end with."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import approvals
from syncer.audit.lock import StateLock
from syncer.documents import schema
from tests.support.site import site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Syncer
    from tests.support.site import Site

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
PROTECTED = "  protected: [popup_url]\n"  # the last section of the configuration is policy


def plan_id(syncer: Syncer, here: Site, *apps: str) -> str:
    return str(syncer("plan", "-o", "json", *apps, config=here.config).document["id"])


def protect(here: Site) -> None:
    here.config.write_text(here.config.read_text() + PROTECTED)


@pytest.mark.parametrize("form", ["text", "brief", "markdown", "jsonl", "json"])
def test_a_sync_says_what_it_wrote(tmp_path: Path, syncer: Syncer, form: str) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        told = syncer("sync", "-o", form, config=here.config)
        assert "app_0001" in told.out or "2 applied" in told.out
        assert told.err == ""
        assert [here.live(n)["popup_url"] for n in (1, 2)] == [POPUP, POPUP]


def test_the_json_report_fits_the_published_schema_whatever_happened(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 4, popup_url=POPUP) as here:
        here.emulator.fault("400", app=("cust_1", "app_0001"))
        here.emulator.fault("PUT:500_storm", app=("cust_1", "app_0002"))
        here.emulator.fault("accept_no_apply", app=("cust_1", "app_0003"))
        document = syncer("sync", "-o", "json", config=here.config, expect=1).document
        assert schema.validate(document, "report") == ()
        counted = {key: n for key, n in document["counts"].items() if key != "apps"}
        assert sum(counted.values()) == document["counts"]["apps"] == 4
        assert here.live(4)["popup_url"] == POPUP


def test_a_held_change_ends_with_4_and_names_the_way_out(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        told = syncer("sync", config=here.config, expect=4)
        assert "syncer approve " in told.out
        assert here.emulator.store.ledger() == ()


def test_after_a_write_the_way_out_names_the_plan_that_is_left(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        declared = here.source / "apps.yaml"
        held = "  app_0002: {policy: {protected: [popup_url]}}"
        declared.write_text(declared.read_text().replace("  app_0002: {}", held))
        shown = (syncer("sync", config=here.config, expect=4).out, syncer("status", config=here.config).out)
        for told in shown:
            assert f"to release: syncer approve {plan_id(syncer, here)[:12]} " in told
        assert here.live(1)["popup_url"] == POPUP


def test_failures_win_over_holds(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        (tmp_path / "tokens" / "app_0002").unlink()
        syncer("sync", config=here.config, expect=1)


def test_an_approval_releases_exactly_what_was_shown_and_is_used_once(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        short = plan_id(syncer, here)[:12]
        told = syncer("approve", short, "--reason", "CHG-1", config=here.config)
        assert told.out.splitlines() == [
            "approved cust_1/app_0001 (app_0001)",
            "approved cust_1/app_0002 (app_0002)",
            "next: syncer sync",
        ]
        syncer("sync", config=here.config)
        assert here.live(1)["popup_url"] == POPUP
        here.change(1, popup_url=None)
        syncer("sync", config=here.config, expect=4)
        assert here.live(1)["popup_url"] is None


def test_an_approval_of_one_app_leaves_the_others_held(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        syncer("approve", plan_id(syncer, here), "app_0001", "--reason", "CHG-1", config=here.config)
        syncer("sync", config=here.config, expect=4)
        assert [here.live(n)["popup_url"] for n in (1, 2)] == [POPUP, None]


def test_the_plan_of_some_apps_is_approved_by_naming_the_same_apps(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        narrow = plan_id(syncer, here, "app_0001")
        told = syncer("approve", narrow, "--reason", "CHG-1", config=here.config, expect=4)
        assert "name these apps here" in told.err
        syncer("approve", narrow, "app_0001", "--reason", "CHG-1", config=here.config)
        syncer("sync", "app_0001", "--plan", narrow, config=here.config)
        assert here.live(1)["popup_url"] == POPUP


def test_unrelated_drift_does_not_void_an_approval(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        protect(here)
        syncer("approve", plan_id(syncer, here), "app_0001", "--reason", "CHG-1", config=here.config)
        here.change(2, callback_url=OTHER)
        syncer("sync", config=here.config, expect=4)
        assert here.live(1)["popup_url"] == POPUP


def test_an_approval_expires(tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        protect(here)
        monkeypatch.setattr(approvals, "LASTS", timedelta(0))
        syncer("approve", plan_id(syncer, here), "--reason", "CHG-1", config=here.config)
        syncer("sync", config=here.config, expect=4)
        assert here.emulator.store.ledger() == ()


def test_a_wrong_plan_id_is_refused(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        protect(here)
        told = syncer("approve", "0123456789ab", "--reason", "CHG-1", config=here.config, expect=4)
        assert re.search(r"the plan is [0-9a-f]{12} now, not 0123456789ab", told.err)


@pytest.mark.parametrize(("arguments", "message"), [
    (("0123", "--reason", "x"), "at least 8 characters"),
    (("0123456789ab", "--reason", "  "), "the reason is empty"),
    (("0123456789ab",), "Missing option '--reason'"),
])  # fmt: skip
def test_an_approval_needs_a_plan_and_a_reason(
    tmp_path: Path, syncer: Syncer, arguments: tuple[str, ...], message: str
) -> None:
    assert message in syncer("approve", *arguments, expect=64).err


def test_where_nothing_waits_nothing_is_approved(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        told = syncer("approve", plan_id(syncer, here), "--reason", "CHG-1", config=here.config)
        assert told.out == "nothing in this plan waits for an approval\n"


def test_a_stale_or_shortened_plan_id_is_refused(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        shown = plan_id(syncer, here)
        syncer("sync", "--plan", shown[:4], config=here.config, expect=64)
        here.change(1, callback_url=OTHER)
        assert "syncer plan" in syncer("sync", "--plan", shown, config=here.config, expect=4).err
        assert here.emulator.store.ledger() == ()


def test_a_second_writer_is_refused(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.state.mkdir()
        lock = StateLock(here.state, {"pid": 4711, "host": "other", "start": ""})
        told = syncer("sync", config=here.config, expect=4)
        lock.release()
        assert "4711" in told.err
        assert here.emulator.store.ledger() == ()
        syncer("plan", config=here.config)


def test_a_sync_of_one_app_leaves_the_status_of_the_others(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        here.declare(2, popup_url=OTHER)
        syncer("sync", "app_0001", config=here.config)
        shown = syncer("status", "-o", "json", config=here.config).document
        assert schema.validate(shown, "report") == ()
        assert [app["app_id"] for app in shown["apps"]] == ["app_0001", "app_0002"]
        assert shown["states"] == {"InSync": 2}


def test_a_status_that_can_not_be_kept_hides_no_result(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        (here.state / "status.json").mkdir(parents=True)
        told = syncer("sync", config=here.config)
        assert "1 applied" in told.out
        assert "status.json can't be written" in told.err


def test_a_damaged_status_stops_no_pass(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.state.mkdir()
        (here.state / "status.json").write_text(json.dumps({"schema": "syncer.report/v1", "apps": [{"app_id": 1}]}))
        assert "is damaged" in syncer("status", config=here.config, expect=1).err
        syncer("sync", config=here.config)
        syncer("status", config=here.config)


def test_a_user_without_a_name_is_still_recorded(
    tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("uid 12345")

    with site(tmp_path, 1, popup_url=POPUP) as here:
        monkeypatch.setattr(getpass, "getuser", nameless)
        syncer("sync", config=here.config)
        assert "cli" in {record["data"].get("actor", {}).get("principal") for record in here.journal()}


def test_status_before_any_pass_says_what_to_run(tmp_path: Path, syncer: Syncer) -> None:
    assert "syncer sync" in syncer("status", "--state-dir", str(tmp_path), expect=1).err


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "markdown"])
def test_a_verdict_too_old_is_stale_in_every_form(tmp_path: Path, syncer: Syncer, form: str) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        assert "Stale" not in syncer("status", "-o", form, config=here.config).out
        status = here.state / "status.json"
        document = json.loads(status.read_text())
        document["apps"][0]["checked"] = (datetime.now(UTC) - timedelta(hours=3, minutes=1)).isoformat()
        status.write_text(json.dumps(document))
        told = syncer("status", "-o", form, config=here.config).out
        assert "Stale" in told
        assert '"InSync"' not in told


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "syncer.report/v9"}'])
def test_a_status_file_of_another_kind_is_refused(tmp_path: Path, syncer: Syncer, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert "delete it" in syncer("status", "--state-dir", str(tmp_path), expect=1).err
