"""The fleet's page: who comes first, what is counted, what the filters leave."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import files, payloads
from syncer.errors import VendorKind
from syncer.model.desired import OnDrift, Policy, Suspend
from syncer.model.live import Unreadable
from syncer.model.outcome import Outcome, Status, Trigger
from syncer.views import fleet
from tests.support.paged import Desk, texts
from tests.support.recording import open_journal
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.cli.render.view import PlanView
    from syncer.model.desired import DesiredApp
    from syncer.model.live import Live

OTHER = "https://other.example/"


def labelled(subject: DesiredApp, **labels: str) -> DesiredApp:
    return replace(subject, labels=tuple(sorted(labels.items())))


def a_fleet() -> PlanView:
    """Two in sync, one drifted, one reported, one suspended, one without a token."""
    still, again = labelled(app("a-still"), team="sales", env="prod"), labelled(app("b-still"), team="care", env="prod")
    drifted = labelled(app("c-drifted"), team="sales", env="prod")
    reported = with_policy(app("d-reported"), Policy(on_drift=OnDrift.REPORT))
    paused = with_policy(app("e-paused"), Policy(suspend=Suspend("porting", NOW + timedelta(days=1))))
    refused = app("f-refused")
    pairs: list[tuple[DesiredApp, Live]] = [
        (still, live(still)),
        (again, live(again)),
        (drifted, live(drifted, popup_url=OTHER)),
        (reported, live(reported, popup_url=OTHER)),
        (paused, live(paused, popup_url=OTHER)),
        (refused, Unreadable(refused.ref, VendorKind.AUTH, "the token was refused")),
    ]
    return view(pairs, [last(each) for each, _ in pairs])


def names(page: dict[str, Any]) -> list[str]:
    return [each["name"] for each in page["apps"]]


async def asked(tmp_path: Path, **query: str) -> dict[str, Any]:
    desk = Desk(tmp_path)
    desk.publish(a_fleet())
    return await desk.page("fleet", **query)


async def test_before_the_first_pass_nothing_is_known(tmp_path: Path) -> None:
    page = await Desk(tmp_path).page("fleet")
    assert (page["summary"], page["total"], page["pass"]) == ("There are no apps yet.", 0, None)


async def test_needs_you_comes_first_then_what_goes_by_itself(tmp_path: Path) -> None:
    page = await asked(tmp_path)
    assert names(page) == ["d-reported", "f-refused", "c-drifted", "e-paused", "a-still", "b-still"]
    assert page["summary"] == "2 of 6 apps need you; 1 goes by itself."
    assert page["turns"] == {"you": 2, "itself": 1, "chosen": 1}
    assert page["states"] == {"InSync": 2, "Drifted": 2, "Suspended": 1, "AuthFailed": 1}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "Drifted"}, ["d-reported", "c-drifted"]),
        ({"turn": "you"}, ["d-reported", "f-refused"]),
        ({"cause": "drift"}, ["d-reported", "c-drifted", "e-paused"]),
        ({"label": "team=sales"}, ["c-drifted", "a-still"]),
        ({"label": "team"}, ["c-drifted", "a-still", "b-still"]),
        ({"q": "STILL care"}, ["b-still"]),
        ({"q": "cust_acme/"}, []),
        ({"state": "Drifted", "label": "team=sales"}, ["c-drifted"]),
        ({"turn": "nobody"}, []),
        ({"page": "99"}, ["d-reported", "f-refused", "c-drifted", "e-paused", "a-still", "b-still"]),
        ({"page": "0"}, ["d-reported", "f-refused", "c-drifted", "e-paused", "a-still", "b-still"]),
        ({"page": "-1"}, ["d-reported", "f-refused", "c-drifted", "e-paused", "a-still", "b-still"]),
        ({"page": "²"}, ["d-reported", "f-refused", "c-drifted", "e-paused", "a-still", "b-still"]),
    ],
)
async def test_filters(tmp_path: Path, query: dict[str, str], found: list[str]) -> None:
    page = await asked(tmp_path, **query)
    assert names(page) == found
    assert page["found"] == len(found)


async def test_labels_that_tell_apps_apart_are_offered(tmp_path: Path) -> None:
    page = await asked(tmp_path)
    assert page["facets"]["labels"] == [
        {"key": "team", "values": [{"value": "sales", "count": 2}, {"value": "care", "count": 1}]}
    ]


async def test_the_list_comes_in_pages(tmp_path: Path) -> None:
    apps = [app(f"app-{number:03d}") for number in range(fleet.PAGE + 5)]
    desk = Desk(tmp_path)
    desk.publish(view([(each, live(each)) for each in apps], [last(each) for each in apps]))
    first, second = await desk.page("fleet"), await desk.page("fleet", page="2")
    assert (len(first["apps"]), len(second["apps"]), second["pages"], second["asked"]["page"]) == (fleet.PAGE, 5, 2, 2)
    assert first["summary"] == f"Everything is as git declares it: {len(apps)} apps."


async def test_apps_with_the_same_story_are_told_once(tmp_path: Path) -> None:
    apps = [app(f"app-{number}") for number in range(9)]
    desk = Desk(tmp_path)
    desk.publish(view([(each, live(each, popup_url=OTHER)) for each in apps], [last(each) for each in apps]))
    story = (await desk.page("fleet"))["stories"]["itself"]
    assert ([each["others"] for each in story["told"]], story["more"]) == ([8], 0)


async def test_more_stories_than_fit_are_counted(tmp_path: Path) -> None:
    apps = [app(f"app-{number}") for number in range(fleet.NAMED + 2)]
    silent = [Unreadable(each.ref, VendorKind.SERVER, f"failure {each.name}") for each in apps]
    desk = Desk(tmp_path)
    desk.publish(view(list(zip(apps, silent, strict=True))))
    story = (await desk.page("fleet"))["stories"]["itself"]
    assert (len(story["told"]), story["more"]) == (fleet.NAMED, 2)


async def test_what_the_pass_wrote_itself_is_no_change_any_more(tmp_path: Path) -> None:
    one = app("one")
    desk = Desk(tmp_path)
    shown = view([(one, live(one, popup_url=OTHER))], [last(one)])
    desk.publish(shown, [Outcome(one.ref, one.name, Status.APPLIED, 1, 0.1)])
    [row] = (await desk.page("fleet"))["apps"]
    assert (row["state"], row["fields"]) == ("InSync", [])


async def test_what_the_pass_had_to_leave_is_still_told(tmp_path: Path) -> None:
    one = with_policy(app("one"), Policy(on_drift=OnDrift.REPORT))
    moved = replace(last(one), digests=last(one, recording_enabled=False).digests)
    desk = Desk(tmp_path)
    shown = view([(one, live(one, popup_url=OTHER, recording_enabled=False))], [moved])
    desk.publish(shown, [Outcome(one.ref, one.name, Status.APPLIED, 1, 0.1)])
    [row] = (await desk.page("fleet"))["apps"]
    assert (row["state"], row["fields"]) == ("Drifted", ["popup_url"])


async def test_what_git_does_not_declare_is_named_and_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(a_fleet())
    assert (await desk.page("fleet"))["unmanaged"] is None
    others = [{"customer_id": "c", "app_id": f"a{n}", "name": "", "active": True} for n in range(fleet.LISTED + 2)]
    lost = [{"customer_id": "d", "message": "refused", "hint": ""}]
    desk.board._document = {**(desk.board.document or {}), "unmanaged": {"apps": others, "unlisted": lost}}
    found = (await desk.page("fleet"))["unmanaged"]
    assert (found["count"], len(found["apps"]), found["unlisted"]) == (fleet.LISTED + 2, fleet.LISTED, lost)


async def test_a_verdict_of_long_ago_is_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(a_fleet())
    assert (await desk.page("fleet"))["states"]["InSync"] == 2
    desk.clock.at = NOW + timedelta(minutes=16)
    page = await desk.page("fleet")
    assert page["states"] == {"Stale": 6}
    assert texts(page["apps"])[0].startswith("Without a verdict for 16 min: no verdict for three intervals")


def kept(desk: Desk) -> object:
    return desk.views._snapshot


async def test_a_new_pass_is_made_ready_while_somebody_looks(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.publish(a_fleet())
    await desk.views.be_ready()
    assert kept(desk) is None  # nobody has looked yet
    await desk.page("fleet")
    before = kept(desk)
    desk.publish(a_fleet())
    task = asyncio.create_task(desk.views.keep_ready())
    async with asyncio.timeout(10):
        while kept(desk) is before:  # noqa: ASYNC110 -- what is waited for is the work of a timer
            await asyncio.sleep(0.05)
    task.cancel()
    desk.clock.at = NOW + timedelta(hours=1)
    desk.publish(a_fleet())
    before = kept(desk)
    await desk.views.be_ready()
    assert kept(desk) is before


async def test_the_page_says_which_pass_it_tells_of_and_when_the_next_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.appointments = {
        Trigger.DETECT: NOW + timedelta(minutes=5),
        Trigger.SCHEDULE: NOW + timedelta(minutes=3),
    }
    desk.publish(a_fleet())
    told = (await desk.page("fleet"))["pass"]
    assert (told["trigger"], told["next_look"], told["next_write"]) == (
        "manual",
        "2026-05-04T10:10:30Z",
        "2026-05-04T10:10:30Z",
    )


async def test_the_time_in_which_a_value_moved_is_that_of_the_first_look_that_saw_it(tmp_path: Path) -> None:
    one = app("one")
    shown = view([(one, live(one, popup_url=OTHER))], [last(one)])
    [step] = shown.decision.plan.steps
    journal = open_journal(tmp_path)
    seen = replace(step, live=replace(step.live, read_at=NOW - timedelta(minutes=10)))
    journal.note_many([payloads.drift_seen(seen, journal.digests)])
    desk = Desk(tmp_path)
    desk.publish(shown)
    [told] = texts((await desk.page("fleet"))["apps"])
    assert "at the vendor between 09:52 and 09:57 UTC" in told
    journal.close()
    files.segment(tmp_path).unlink()  # the record is gone: what the plan says is wider, and true as well
    page = await desk.views.page("fleet", {})
    assert page is not None
    assert "at the vendor between 09:52 and 10:07 UTC" in texts(page["apps"])[0]
