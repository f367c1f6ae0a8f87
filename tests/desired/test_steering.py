"""People's orders over desired state: what a pin writes, what ends it, and when it can't be followed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.desired.admission import Admission
from syncer.desired.loader import Loader
from syncer.desired.steering import ENDED, PASSED, Past, Steering
from syncer.desired.tracker import Tracker
from syncer.errors import JournalError, Refusal, RefusedCommitError, SourceError
from syncer.model.desired import AllowedHosts, AppRef, Policy
from syncer.model.fields import Field, plain
from syncer.model.orders import Lift, Pin, Suspension
from syncer.plan import digests
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.model.orders import Order

HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: cust_1\n"
TOKEN = "defaults: {token: {env: TOKEN}}\n"
GOOD, BAD, NEXT = (f"https://hooks.acme.example/{name}" for name in ("good", "bad", "next"))
ONE, TWO = AppRef("cust_1", "one"), AppRef("cust_1", "two")
UNTIL = FixedClock().time + timedelta(hours=4)


def declared(url: str, *names: str, more: str = "", policy: str = "") -> str:
    apps = "".join(f"  {name}: {{settings: {{popup_url: {url}{more}}}{policy}}}\n" for name in names)
    return f"{HEAD}{TOKEN}apps:\n{apps}"


@dataclass
class Given:
    """The orders of the journal, and whether it can be read."""

    known: list[Order] = field(default_factory=list)
    broken: bool = False

    def orders(self) -> tuple[Order, ...]:
        if self.broken:
            raise JournalError("damaged")
        return tuple(self.known)


@dataclass
class Desk:
    """A source with a good and a bad commit, the bad one in force, and orders over it."""

    source: MemorySource = field(default_factory=lambda: MemorySource({"a.yaml": declared(GOOD, "one", "two")}))
    clock: FixedClock = field(default_factory=FixedClock)
    given: Given = field(default_factory=Given)
    policy: Policy = field(default_factory=Policy)
    admission: Admission | None = None
    straight: bool = True

    def __post_init__(self) -> None:
        self.good = next(iter(self.source.revisions))
        self.bad = self.source.commit({"a.yaml": declared(BAD, "one", "two")})

    def tracker(self) -> Tracker:
        past = Past(self.source, Loader(self.clock, self.policy), self.admission, self.follows)
        return Tracker(self.source, Loader(self.clock, self.policy), steer=Steering(self.given, past, self.clock))

    def follows(self, old: str, new: str) -> bool:
        if not self.straight:
            raise SourceError("not here")
        return int(old, 16) <= int(new, 16)

    def pin(self, ref: AppRef = ONE, commit: str = "") -> Pin:
        app = one(Tracker(self.source, Loader(self.clock)).refresh(), ref)
        refused = digests.target(ref, app.settings)
        made = Pin(ref, commit or self.good, refused, self.bad, "cli:asha", "INC-9", self.clock.time, UNTIL)
        self.given.known.append(made)
        return made


def one(state: DesiredState, ref: AppRef = ONE) -> DesiredApp:
    return next(app for app in state.apps if app.ref == ref)


def popup(app: DesiredApp) -> object:
    return plain(app.settings.popup_url)


def test_without_orders_a_state_stays_as_it_is() -> None:
    desk = Desk()
    assert popup(one(desk.tracker().refresh())) == BAD


def test_a_pinned_app_has_the_settings_and_places_of_its_commit_and_all_else_as_it_is_now() -> None:
    desk = Desk()
    desk.source.commit(
        {"a.yaml": declared(BAD, "one", "two", policy=", policy: {on_drift: report}, labels: {env: new}")}
    )
    pin = desk.pin()
    state = desk.tracker().refresh()
    app = one(state)
    assert popup(app) == GOOD
    assert (app.pin, app.unpinnable, app.revision.id) == (pin, "", desk.good)
    assert str(app.origin(Field.POPUP_URL)) == f"{desk.good[:7]}:a.yaml:6"
    assert (app.policy.on_drift, dict(app.labels), app.at.path) == ("report", {"env": "new"}, "a.yaml")
    assert popup(one(state, TWO)) == BAD
    assert state.revision.id not in {desk.good, desk.bad}


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"a.yaml": declared(NEXT, "one", "two")}, True),
        ({"a.yaml": declared(GOOD, "one", "two")}, True),
        ({"a.yaml": declared(BAD, "one", "two", more=", callback_url: null")}, True),
        ({"b.yaml": declared(NEXT, "three")}, False),
        ({"a.yaml": declared(BAD, "one", "two", policy=", labels: {env: x}")}, False),
        ({"a.yaml": declared(BAD, "one", "two").replace("settings", "settigns")}, False),
    ],
)
def test_git_moves_past_a_pin_when_it_declares_other_settings_for_the_app(change: dict[str, str], ends: bool) -> None:
    desk = Desk()
    pin = desk.pin()
    follow = desk.tracker()
    follow.refresh()
    desk.source.change(change)
    state = follow.refresh()
    assert state.lifted == ((Lift(pin, "system", PASSED),) if ends else ())
    assert (one(state).pin is None) is ends


def test_a_pin_outlives_its_app_being_out_of_git_for_a_while() -> None:
    desk = Desk()
    desk.pin()
    follow = desk.tracker()
    desk.source.change({"a.yaml": declared(BAD, "two")})
    assert follow.refresh().lifted == ()
    desk.source.change({"a.yaml": declared(BAD, "one", "two")})
    assert popup(one(follow.refresh())) == GOOD


def test_an_older_commit_that_is_in_force_for_a_while_ends_no_pin() -> None:
    desk = Desk()
    desk.pin()
    old = desk.tracker()
    desk.source.revisions = {sha: desk.source.revisions[sha] for sha in (desk.bad, desk.good)}  # good is the newest now
    state = old.refresh()
    assert state.revision.id == desk.good
    assert state.lifted == ()
    assert one(state).pin is not None


def test_where_nobody_can_say_what_follows_what_a_pin_stays() -> None:
    desk = Desk(straight=False)
    desk.pin()
    desk.source.commit({"a.yaml": declared(NEXT, "one", "two")})
    state = desk.tracker().refresh()
    assert (state.lifted, popup(one(state))) == ((), GOOD)


def test_orders_end_at_their_time() -> None:
    desk = Desk()
    pin = desk.pin()
    pause = Suspension(TWO, "cli:asha", "port", desk.clock.time, UNTIL)
    fleet = replace(pause, ref=None)
    desk.given.known += [pause, fleet]
    follow = desk.tracker()
    state = follow.refresh()
    assert one(state, TWO).suspensions == (pause, fleet)
    assert one(state).suspensions == (fleet,)
    desk.clock.time = UNTIL
    state = follow.refresh()
    assert state.lifted == tuple(Lift(order, "system", ENDED) for order in (pin, pause, fleet))
    assert (popup(one(state)), one(state, TWO).suspensions) == (BAD, ())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda desk: desk.source.revisions.pop(desk.good), "which can't be had: no revision"),
        (lambda desk: desk.source.revisions.update({desk.good: {"a.yaml": b""}}), "which can't be had"),
        (
            lambda desk: desk.source.revisions.update({desk.good: {"a.yaml": declared(GOOD, "two").encode()}}),
            "no such app",
        ),
        (
            lambda desk: desk.source.revisions.update(
                {desk.good: {"a.yaml": b"apps: [", "b.yaml": declared(GOOD, "two").encode()}}
            ),
            "its file there is invalid today",
        ),
    ],
)
def test_a_pin_that_cannot_be_followed_says_why_and_is_not_lifted(spoil: object, told: str) -> None:
    desk = Desk()
    desk.pin()
    spoil(desk)  # type: ignore[operator]  # one of the functions above
    state = desk.tracker().refresh()
    assert told in one(state).unpinnable
    assert (one(state).pin is not None, state.lifted) == (True, ())


def test_a_pin_is_followed_again_once_its_commit_is_back() -> None:
    desk = Desk()
    desk.pin()
    kept = desk.source.revisions.pop(desk.good)
    follow = desk.tracker()
    assert one(follow.refresh()).unpinnable
    desk.source.revisions = {desk.good: kept, **desk.source.revisions}
    assert popup(one(follow.refresh())) == GOOD


def hosts(*names: str) -> tuple[AllowedHosts, ...]:
    return (AllowedHosts(None, names),)


def test_hosts_that_the_operator_does_not_allow_today_are_not_written() -> None:
    desk = Desk(policy=Policy(allowed_hosts=hosts("new.acme.example")))
    desk.source.commit({"a.yaml": declared("https://new.acme.example/x", "one", "two")})
    desk.pin()
    assert "its file there is invalid today" in one(desk.tracker().refresh()).unpinnable


def test_hosts_that_git_does_not_allow_today_are_not_written() -> None:
    desk = Desk()
    limits = ", policy: {allowed_hosts: {popup_url: [new.acme.example]}}"
    desk.source.commit({"a.yaml": declared("https://new.acme.example/x", "one", "two", policy=limits)})
    desk.pin()
    assert "popup_url of cust_1/one at 000000000000 is not allowed today" in one(desk.tracker().refresh()).unpinnable


def test_a_commit_that_is_not_signed_as_asked_today_is_not_written(tmp_path: Path) -> None:
    desk = Desk()

    class Commits:
        def is_ancestor(self, old: str, new: str) -> bool:
            return desk.follows(old, new)

        def signer(self, commit: str, allowed: Path) -> str:
            del allowed
            if commit == desk.good:
                raise RefusedCommitError(Refusal.NOT_SIGNED, "not signed", commit=commit)
            return "asha"

    desk.admission = Admission(Commits(), lambda _was, _now: False, tmp_path)
    desk.pin()
    assert "which can't be had: not signed" in one(desk.tracker().refresh()).unpinnable


def test_a_failing_source_leaves_the_last_state_under_the_orders_of_now() -> None:
    desk = Desk()
    follow = desk.tracker()
    follow.refresh()
    desk.given.known.append(Suspension(None, "cli:asha", "fair", desk.clock.time, UNTIL))
    desk.source.fails = "unplugged"
    with pytest.raises(SourceError):
        follow.refresh()
    assert follow.in_force is not None
    assert [len(app.suspensions) for app in follow.in_force.apps] == [1, 1]


@pytest.mark.parametrize("unplugged", ["", "unplugged"])
def test_without_orders_that_can_be_read_nothing_is_in_force(unplugged: str) -> None:
    desk = Desk()
    follow = desk.tracker()
    follow.refresh()
    desk.given.broken = True
    desk.source.fails = unplugged
    with pytest.raises(JournalError):
        follow.refresh()
    assert follow.in_force is None
    assert follow.apps == ()


def test_a_commit_that_was_read_is_followed_while_somebody_is_pinned_to_it_and_then_forgotten() -> None:
    desk = Desk()
    desk.pin()
    follow = desk.tracker()
    follow.refresh()
    desk.source.revisions.pop(desk.good)
    assert popup(one(follow.refresh())) == GOOD
    desk.given.known.clear()
    follow.refresh()
    desk.pin()
    assert one(follow.refresh()).unpinnable


def test_a_pin_that_came_by_the_lease_takes_no_commit_in_force_that_is_not_in_the_history() -> None:
    desk = Desk()
    pin = replace(desk.pin(), carried=True)
    desk.given.known = [pin]
    assert one(desk.tracker().refresh()).unpinnable == ""
    desk.straight = False
    held = one(desk.tracker().refresh())
    assert (
        held.unpinnable
        == f"pinned to {desk.good[:7]} by the lease, and that is not in the history of the commit in force"
    )
    desk.given.known = [replace(pin, carried=False)]
    assert one(desk.tracker().refresh()).unpinnable == ""
