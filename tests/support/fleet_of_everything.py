"""A desk with something of everything on it: each state that pages tell of, a past, problems, tokens that end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncer.audit import payloads
from syncer.errors import SourceError, VendorKind
from syncer.model import url
from syncer.model.desired import AppRef, Commit, OnDrift, Policy, Revision, Suspend
from syncer.model.fields import Field
from syncer.model.live import Unreadable
from syncer.model.outcome import Trigger, Verdict
from syncer.model.planned import Hold, Rule
from syncer.model.problems import Place, Problem
from tests.support.paged import Desk, Still
from tests.support.recording import Ticks, a_result, a_step, an_approval, an_intent, open_journal
from tests.support.sealed import a_sealing
from tests.support.shown_plans import NOW, REVISION, app, last, live, view, with_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from syncer.audit.journal import Journal
    from syncer.model.desired import DesiredApp
    from syncer.model.live import Live

OTHER = "https://other.example/popup"


def everything(state_dir: Path) -> Desk:
    """Apps in every state, commits, drift and an approval in the journal."""
    names = ("still", "drifted", "pending", "reported", "paused", "refused", "silent", "guarded")
    still, drifted, pending, reported, paused, refused, silent, guarded = (
        replace(app(name), labels=(("team", "sales" if name < "q" else "care"), ("env", "prod"))) for name in names
    )
    reported = with_policy(reported, Policy(on_drift=OnDrift.REPORT))
    paused = with_policy(paused, Policy(suspend=Suspend("number porting", NOW + timedelta(days=9))))
    guarded = with_policy(guarded, Policy(protected=(Field.POPUP_URL,)))
    moved = [(each, live(each, popup_url=OTHER)) for each in (drifted, reported, paused, guarded)]
    pairs: list[tuple[DesiredApp, Live]] = [
        (still, live(still)),
        (pending, live(pending, recording_enabled=False)),
        *moved,
        (refused, Unreadable(refused.ref, VendorKind.AUTH, "the vendor refused the token (401)")),
        (silent, Unreadable(silent.ref, VendorKind.SERVER, "the vendor answered 503")),
    ]
    records = [last(still), last(pending, recording_enabled=False), *(last(each) for each, _ in moved)]
    desk = _desk(state_dir)
    made = desk.publish(shown := view(pairs, records))
    journal = _journal(state_dir)
    journal.note_many([payloads.source_changed("", REVISION, apps=len(pairs), rejected=["apps/bad.yaml"])])
    for step in made.decision.plan.steps:
        journal.note_many([payloads.drift_seen(step, journal.digests)])
    for number, verdict in enumerate(Verdict):
        intent = an_intent(drifted.ref, f"request-{number}")
        journal.intend(intent)
        journal.conclude(replace(a_result(intent, verdict, 200), message="what the vendor said"))
    journal.approve(an_approval(guarded.ref))
    journal.note_many([payloads.held(Hold(Rule.PROTECTED, "protected: popup_url", guarded.ref))])
    journal.close()
    problem = Problem(
        "SY201", "unknown key `popup`", Place("apps/bad.yaml", 3, 5, 5, "    popup: 1"), help="popup_url?"
    )
    desk.board._last = (replace(made, problems=(problem,)), shown.apps)
    desk.board.failed()
    _with_what_reports_add(desk, "a name")
    return desk


def hostile(state_dir: Path, texts: Sequence[str]) -> Desk:
    """An app, a commit and records for each text, which stands in every field that takes any text."""
    apps = [_hostile(number, text) for number, text in enumerate(texts)]
    pairs = [(one, _hostile_live(number, one, texts[number])) for number, one in enumerate(apps)]
    desk = _desk(state_dir, dict.fromkeys(texts[:9], (texts[0], texts[1])))
    desk.slowed = {texts[2]: (1.0, 2.0)}
    desk.failure = SourceError(texts[3], hint=texts[4])
    made = desk.publish(shown := view(pairs, [last(one) for one in apps]))
    problems = [Problem(text, text, Place(text, 3, 5, 1, text), label=text, help=text) for text in texts[:20]]
    desk.board._last = (replace(made, problems=tuple(problems)), shown.apps)
    _with_what_reports_add(desk, texts[0])
    journal = _journal(state_dir)
    for number, (one, text) in enumerate(zip(apps, texts, strict=True)):
        commit = Commit(f"{number:040x}", text, NOW, text, text)
        revision = Revision(commit.sha, text, commit)
        notes = [
            payloads.source_changed("", revision, apps=1, rejected=[text]),
            payloads.held(Hold(Rule.PROTECTED, text, one.ref, release=text)),
        ]
        step = a_step(one.ref, text)
        step = replace(step, app=replace(step.app, name=text, revision=revision))
        notes.append(payloads.drift_seen(step, journal.digests))
        journal.note_many(notes)
        if number < 50:
            intent = an_intent(one.ref, f"request-{number}", step)
            journal.intend(intent)
            journal.conclude(replace(a_result(intent), message=text))
            journal.approve(replace(an_approval(one.ref), by=text, reason=text))
    journal.close()
    return desk


def _hostile(number: int, text: str) -> DesiredApp:
    one = app(f"app-{number}")
    value = url.parse(text)
    origins = tuple((field, replace(origin, path=text)) for field, origin in one.origins)
    policy = Policy(suspend=Suspend(text)) if number % 3 == 0 else Policy(protected=(Field.POPUP_URL,))
    return replace(
        one,
        ref=AppRef(f"c{number}", f"a{number}"),
        name=text,
        at=replace(one.at, path=text),
        settings=one.settings.with_setting(Field.POPUP_URL, value),
        origins=origins,
        labels=(("team", text), (text, "x")),
        policy=policy,
    )


def _hostile_live(number: int, one: DesiredApp, text: str) -> Live:
    if number % 3 == 1:
        return Unreadable(one.ref, VendorKind.SERVER, text, text)
    return live(one, popup_url=text + "x")


def _desk(state_dir: Path, origins: dict[str, tuple[str, str]] | None = None) -> Desk:
    known = {"mode": ("apply", "built-in"), "serve.listen": ("127.0.0.1:8080", "syncer.yaml:3")}
    desk = Desk(state_dir, Still(NOW + timedelta(minutes=14)), origins=origins or known)
    desk.appointments = {
        Trigger.SCHEDULE: NOW + timedelta(minutes=20),
        Trigger.DETECT: NOW + timedelta(minutes=15),
        Trigger.POLL: NOW + timedelta(minutes=14, seconds=30),
    }
    desk.gauges.on_look(None)
    for number in range(50):
        desk.gauges.on_request("GET", 200 if number % 9 else 429, number / 100, AppRef("c", "a"))
    return desk


def _journal(state_dir: Path) -> Journal:
    return open_journal(state_dir, clock=Ticks(NOW), sealing=a_sealing())


def _with_what_reports_add(desk: Desk, name: str) -> None:
    document = dict(desk.board.document or {})
    ends = (NOW + timedelta(days=2)).isoformat()
    document["unmanaged"] = {
        "apps": [
            {"customer_id": "cust_acme", "app_id": f"app_other_{n}", "name": name, "active": False} for n in range(40)
        ],
        "unlisted": [{"customer_id": name, "message": name, "hint": name}],
    }
    document["apps"] = [{**row, "token_ends": ends, "put_back": 5} for row in document["apps"]]
    desk.board._document = document
