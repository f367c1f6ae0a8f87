"""What the pages tell from the journal: an app's past, commits, drift, the audit's search, syncer itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import files, payloads
from syncer.audit.events import EventType
from syncer.errors import SourceError, UsageError, VendorKind
from syncer.model.desired import Policy
from syncer.model.fields import Field
from syncer.model.live import Unreadable
from syncer.model.outcome import Trigger, Verdict
from syncer.model.planned import Approval, Cause, Hold, Rule
from syncer.model.problems import Place, Problem
from syncer.views import audit
from syncer.views.happenings import WORDS
from tests.support.paged import Desk
from tests.support.recording import (
    COMMIT,
    REVISION,
    START,
    a_result,
    a_step,
    an_adoption,
    an_app,
    an_approval,
    an_intent,
    open_journal,
    put,
)
from tests.support.sealed import a_sealing
from tests.support.shown_plans import NOW, POPUP, app, last, live, view, with_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.audit.journal import Journal

ONE = replace(app("one"), ref=an_app(), name="app app_1")
OTHER = "https://other.example/"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_journal(tmp_path, sealing=a_sealing())
    yield opened
    opened.close()


def of(fields: list[dict[str, Any]], field: str) -> dict[str, Any]:
    return next(each for each in fields if each["field"] == field)


async def page_of_one(desk: Desk) -> dict[str, Any]:
    return await desk.page("app", customer=ONE.ref.customer_id, app=ONE.ref.app_id)


async def test_nobody_knows_an_app_of_another_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))]))
    assert await desk.views.page("app", {"customer": "cust_acme", "app": "other"}) is None


async def test_a_field_that_drifted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.appointments = {Trigger.SCHEDULE: NOW + timedelta(minutes=8)}
    desk.publish(view([(ONE, live(ONE, popup_url=OTHER))], [last(ONE)]))
    found = of((await page_of_one(desk))["fields"], "popup_url")
    assert found == {
        "field": "popup_url",
        "declared": True,
        "git": POPUP,
        "path": "apps/acme.yaml",
        "line": 15,
        "layer": "app",
        "applied": None,
        "known": True,
        "live": OTHER,
        "same": False,
        "cause": "drift",
        "danger": "host-change",
        "next": "put back 10:15 UTC",
    }


async def test_a_field_in_sync_and_one_that_nobody_declares(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    fields = (await page_of_one(desk))["fields"]
    same, undeclared = of(fields, "popup_url"), of(fields, "streaming_url")
    assert (same["same"], same["live"], same["next"]) == (True, POPUP, None)
    assert (undeclared["declared"], undeclared["known"], undeclared["live"]) == (False, False, None)


async def test_what_is_live_is_not_known_of_an_app_that_can_not_be_read(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, Unreadable(ONE.ref, VendorKind.SERVER, "the vendor failed"))]))
    found = of((await page_of_one(desk))["fields"], "popup_url")
    assert (found["known"], found["live"]) == (False, None)


async def test_a_held_field_says_so_and_can_be_approved(tmp_path: Path) -> None:
    held = with_policy(ONE, Policy(protected=(Field.POPUP_URL,)))
    desk = Desk(tmp_path)
    desk.publish(view([(held, live(held, popup_url=OTHER))], [last(held)]))
    page = await page_of_one(desk)
    assert of(page["fields"], "popup_url")["next"] == "held: protected: popup_url"
    assert len(page["approvable"]) == 12
    assert page["commands"][0]["command"] == f"syncer approve {page['approvable']} cust_acme/app_1 --reason '…'"


async def test_a_commit_is_applied_when_nobody_knows_when(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE, popup_url=OTHER))], [last(ONE, popup_url=OTHER)]))
    page = await page_of_one(desk)
    assert of(page["fields"], "popup_url")["next"] == "applied at the next pass that writes"
    assert page["approvable"] == ""


async def test_before_a_pass_of_this_process_the_report_of_an_earlier_one_is_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    desk.board._last = None  # as after a restart
    page = await page_of_one(desk)
    assert (page["app"]["state"], page["fields"], page["declared"]) == ("InSync", [], None)


async def test_what_was_last_applied_comes_from_the_journal(tmp_path: Path, journal: Journal) -> None:
    journal.adopt([an_adoption(ONE.ref)])
    put(journal, ONE.ref)
    put(journal, ONE.ref, Verdict.REJECTED, 400)
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    fields = (await page_of_one(desk))["fields"]
    written, agreed = of(fields, "recording_url")["applied"], of(fields, "popup_url")["applied"]
    assert (written["value"], written["revision"], written["agreed"]) == (
        "https://hooks.example.com/new",
        COMMIT.sha,
        False,
    )
    assert (agreed["value"], agreed["agreed"]) == (None, True)
    assert of(fields, "streaming_url")["applied"] is None


async def test_a_write_of_all_fields_needs_no_look_at_older_ones(tmp_path: Path, journal: Journal) -> None:
    put(journal, ONE.ref)
    step = a_step(ONE.ref)
    whole = replace(step, changes=tuple(replace(step.changes[0], field=field) for field in Field))
    intent = an_intent(ONE.ref, step=whole)
    journal.intend(intent)
    journal.conclude(a_result(intent))
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    fields = (await page_of_one(desk))["fields"]
    assert {each["applied"]["value"] for each in fields if each["declared"]} == {"https://hooks.example.com/new"}


async def test_the_past_tells_each_write_once_latest_first(tmp_path: Path, journal: Journal) -> None:
    journal.adopt([an_adoption(ONE.ref)])
    journal.approve(an_approval(ONE.ref))
    drifted = replace(a_step(ONE.ref), changes=(replace(a_step(ONE.ref).changes[0], cause=Cause.DRIFT),))
    journal.note_many([payloads.drift_seen(drifted, journal.digests)])
    back = an_intent(ONE.ref, step=drifted)
    journal.intend(back)
    journal.conclude(a_result(back))
    put(journal, ONE.ref, Verdict.NOT_APPLIED, 500)
    journal.note_many([payloads.held(Hold(Rule.PROTECTED, "protected: popup_url", ONE.ref))])
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    past = (await page_of_one(desk))["past"]
    assert [(each["what"], each["by"], each["name"]) for each in past] == [
        ("Held back", "system", "app app_1"),
        ("Sent, and the vendor does not show it", "Asha Rao <asha@example.com>", "app app_1"),
        ("Put back", "system", "app app_1"),
        ("Drift seen", "system", "app app_1"),
        ("Approved", "asha", "app app_1"),
        ("Seen in agreement with git", "system", "app app_1"),
    ]
    assert past[2]["moves"] == [
        {
            "field": "recording_url",
            "live": "https://hooks.example.com/r",
            "git": "https://hooks.example.com/new",
            "cause": "drift",
            "danger": None,
        }
    ]


async def test_a_record_that_was_moved_away_still_tells_what_its_row_knows(tmp_path: Path, journal: Journal) -> None:
    put(journal, ONE.ref)
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))], [last(ONE)]))
    desk.catch_up()
    files.segment(tmp_path).rename(tmp_path / "away")
    found = await desk.views.page("app", {"customer": ONE.ref.customer_id, "app": ONE.ref.app_id})
    (tmp_path / "away").rename(files.segment(tmp_path))
    assert found is not None
    assert [(each["what"], each["moves"]) for each in found["past"]] == [("Applied", [])]


async def test_commits_say_what_came_of_them(tmp_path: Path, journal: Journal) -> None:
    journal.note_many([payloads.source_changed("", replace(REVISION, id="0a" * 20, commit=None), apps=1)])
    journal.note_many([payloads.source_changed("0a", REVISION, apps=2, rejected=["apps/bad.yaml"])])
    journal.note_many([payloads.source_changed("", REVISION, apps=2)])  # a restart finds it again
    put(journal, ONE.ref)
    put(journal, an_app(2), Verdict.REJECTED, 400)
    page = await Desk(tmp_path).page("revisions")
    newest, oldest = page["revisions"]
    assert (newest["revision"], newest["author"], newest["subject"]) == (COMMIT.sha, COMMIT.author, COMMIT.subject)
    assert (newest["in_force"], newest["touched"], newest["applied"]) == (True, 2, 1)
    assert newest["rejected"] == ["apps/bad.yaml"]
    assert (oldest["in_force"], oldest["touched"], oldest["author"]) == (False, 0, "")


async def test_a_commit_in_force_says_why_it_waits_and_what_is_wrong_in_git(tmp_path: Path, journal: Journal) -> None:
    held = with_policy(ONE, Policy(protected=(Field.POPUP_URL,)))
    desk = Desk(tmp_path)
    shown = view([(held, live(held, popup_url=OTHER))], [last(held, popup_url=OTHER)])
    made = desk.publish(shown)
    journal.note_many([payloads.source_changed("", made.revision, apps=1)])
    problem = Problem("SY201", "unknown key `x`", Place("apps/bad.yaml", 3, 5, 1, "    x: 1"), help="take it out")
    desk.board._last = (replace(made, problems=(problem,) * 25), shown.apps)
    page = await desk.page("revisions")
    [commit] = page["revisions"]
    assert (commit["waiting"], commit["touched"], commit["applied"]) == (1, 1, 0)
    assert commit["held"] == [{"detail": "protected: popup_url", "apps": 1}]
    assert (len(page["problems"]), page["more_problems"]) == (20, 5)
    assert "  |     ^" in page["problems"][0]["drawn"]


async def test_a_commit_that_is_not_taken_says_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path, failure=SourceError("the branch was rewritten", hint="approve it"))
    assert (await desk.page("revisions"))["failure"] == {"message": "the branch was rewritten", "hint": "approve it"}


async def test_a_commit_whose_record_is_gone_is_named_all_the_same(tmp_path: Path, journal: Journal) -> None:
    journal.note_many([payloads.source_changed("", REVISION, apps=2)])
    desk = Desk(tmp_path)
    desk.catch_up()
    files.segment(tmp_path).rename(tmp_path / "away")
    found = await desk.views.page("revisions", {})
    (tmp_path / "away").rename(files.segment(tmp_path))
    assert found is not None
    assert [(each["revision"], each["apps"]) for each in found["revisions"]] == [(COMMIT.sha, None)]


async def test_drift_is_counted_by_field_app_and_day(tmp_path: Path, journal: Journal) -> None:
    step = a_step(ONE.ref)
    drifted = replace(step, changes=(replace(step.changes[0], cause=Cause.DRIFT),))
    journal.note_many([payloads.drift_seen(drifted, journal.digests)] * 2)
    intent = an_intent(ONE.ref, step=drifted)
    journal.intend(intent)
    journal.conclude(a_result(intent))
    desk = Desk(tmp_path)
    desk.clock.at = START + timedelta(days=1)
    owned = replace(ONE, labels=(("team", "sales"),))
    desk.publish(view([(owned, live(owned))], [last(owned)]))
    page = await desk.page("drift")
    assert (page["seen"], page["put_back"], page["drifted"], page["now"]) == (2, 1, 0, [])
    assert page["by_field"] == [{"field": "recording_url", "count": 2, "last": page["by_field"][0]["last"]}]
    [by_app] = page["by_app"]
    assert (by_app["count"], by_app["owner"], by_app["fields"]) == (2, "sales", ["recording_url"])
    assert [each["count"] for each in page["by_day"]][-3:] == [0, 2, 0]
    assert len(page["by_day"]) == page["days"]


async def test_drift_of_long_ago_is_left_out_and_an_unknown_app_has_no_owner(tmp_path: Path, journal: Journal) -> None:
    step = a_step(ONE.ref)
    journal.note_many([payloads.drift_seen(step, journal.digests)])
    desk = Desk(tmp_path)
    desk.clock.at = START + timedelta(hours=1)
    [by_app] = (await desk.page("drift"))["by_app"]
    assert by_app["owner"] == ""
    desk.clock.at = START + timedelta(days=31)
    assert (await desk.page("drift"))["seen"] == 0


async def test_what_drifts_now_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE, popup_url=OTHER))], [last(ONE)]))
    page = await desk.page("drift")
    assert (page["drifted"], [each["name"] for each in page["now"]]) == (1, ["app app_1"])


@pytest.fixture
def searched(tmp_path: Path, journal: Journal) -> Desk:
    """Two PUTs of two apps, an approval, and a head."""
    put(journal, an_app(1))
    put(journal, an_app(2), Verdict.REJECTED, 400)
    journal.approve(Approval(an_app(3), "d", "p" * 64, "berta", "CHG-7, 100% sure", START + timedelta(days=1)))
    journal.seal()
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Approved", "Refused by the vendor", "Applied", "syncer started", "The journal begins"]),
        ({"app": "app_1"}, ["Applied"]),
        ({"app": "cust_acme/app_2"}, ["Refused by the vendor"]),
        ({"app": "app app_2"}, ["Refused by the vendor"]),
        ({"app": "app%2"}, []),
        ({"field": "recording_url"}, ["Refused by the vendor", "Applied"]),
        ({"field": "recording"}, []),
        ({"who": "BERTA"}, ["Approved"]),
        ({"who": "asha rao"}, ["Refused by the vendor", "Applied"]),
        ({"commit": "5f5f"}, ["Refused by the vendor", "Applied"]),
        ({"commit": "f5f"}, []),
        ({"since": "2026-11-21"}, []),
        ({"until": "2026-11-19"}, []),
        ({"since": "2026-11-20", "until": "2026-11-20", "kind": "approve"}, ["Approved"]),
        ({"since": "2026-11-20T10:00:00+05:30", "kind": "approve"}, ["Approved"]),
        ({"kind": "checkpoint"}, ["Head of the journal", "Head of the journal"]),
        ({"kind": "put.result"}, ["Result of a write", "Result of a write"]),
        ({"kind": "nothing"}, []),
    ],
)
async def test_the_audit_is_searched(searched: Desk, query: dict[str, str], found: list[str]) -> None:
    page = await searched.page("audit", **query)
    assert [each["what"] for each in page["entries"]] == found
    assert (page["found"], page["wrong"]) == (len(found), "")


async def test_everything_is_shown_on_request_with_the_record_itself(searched: Desk) -> None:
    page = await searched.page("audit", kind="all")
    assert page["found"] == page["verified"]["records"] == 9
    assert page["entries"][1]["record"]["by"] == "berta"


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31"])
async def test_a_time_that_is_none_finds_nothing_and_says_so(searched: Desk, text: str) -> None:
    page = await searched.page("audit", until=text)
    assert (page["entries"], page["found"]) == ([], 0)
    assert page["wrong"].startswith("`until` is no day or time")


async def test_entries_come_in_pages(tmp_path: Path, journal: Journal) -> None:
    for number in range(audit.PAGE + 3):
        put(journal, an_app(number))
    page = await Desk(tmp_path).page("audit", page="2", kind="put.intent")
    assert (page["pages"], len(page["entries"]), page["entries"][-1]["name"]) == (2, 3, "app app_0")


async def test_an_export_has_the_results_too(searched: Desk) -> None:
    searched.catch_up()
    text = (await searched.views.export({"app": "app_2"}, "jsonl")).decode()
    assert ["put.intent" in line or "put.result" in line for line in text.splitlines()] == [True, True]
    table = (await searched.views.export({"app": "app_2"}, "csv")).decode().splitlines()
    assert (len(table), table[0].split(",")[:2]) == (3, ["seq", "time"])


async def test_an_export_of_too_much_is_refused(searched: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    searched.catch_up()
    monkeypatch.setattr(audit, "EXPORTED", 2)
    with pytest.raises(UsageError, match="more than 2 records"):
        await searched.views.export({}, "csv")


async def test_the_system_page_tells_how_syncer_fares(tmp_path: Path) -> None:
    desk = Desk(tmp_path, origins={"mode": ("apply", "built-in")}, failure=SourceError("no answer", hint="wait"))
    desk.appointments = {Trigger.POLL: NOW}
    desk.slowed = {"cust_b": (5.0, 0.0), "cust_a": (1.25, 30.0)}
    for number in range(20):
        desk.gauges.on_request("GET", 200, number / 100, ONE.ref)
    desk.gauges.on_request("GET", None, 9.0, ONE.ref)
    desk.gauges.on_look(None)
    desk.gauges.on_look(SourceError("no answer"))
    ends = {ONE.ref: NOW + timedelta(days=3)}
    shown = view([(ONE, live(ONE))], [last(ONE)])
    desk.publish(shown)
    document = {**(desk.board.document or {})}
    document["apps"] = [{**each, "token_ends": ends[ONE.ref].isoformat()} for each in document["apps"]]
    desk.board._document = document
    desk.board.failed()
    page = await desk.page("system")
    assert page["vendor"] == {
        "requests": 21,
        "median": 0.1,
        "p95": 0.19,
        "slowest": 9.0,
        "answers": {"200": 20, "no answer": 1},
        "slowed": [
            {"customer_id": "cust_a", "rate": 1.25, "pause": 30},
            {"customer_id": "cust_b", "rate": 5.0, "pause": 0},
        ],
    }
    assert page["source"] == {
        "looked": "2026-05-04T10:07:30Z",
        "failure": {"message": "no answer", "hint": "wait"},
    }
    assert [each["ends"] for each in page["tokens"]["soonest"]] == ["2026-05-07T10:07:30Z"]
    assert [each["result"] for each in page["passes"]] == [False, True]
    assert page["passes"][1]["counts"]["unchanged"] == 1
    assert page["configuration"] == [{"key": "mode", "value": "apply", "origin": "built-in"}]
    assert (page["version"], page["journal"]["unsealed"]) == ("1.2.3", 3)


async def test_the_vendor_was_not_asked_yet(tmp_path: Path) -> None:
    told = (await Desk(tmp_path).page("system"))["vendor"]
    assert (told["requests"], told["median"], told["p95"], told["slowest"]) == (0, None, None, None)


def test_every_kind_of_record_has_words() -> None:
    assert set(WORDS) == {kind.value for kind in EventType} - {EventType.PUT_INTENT.value}
