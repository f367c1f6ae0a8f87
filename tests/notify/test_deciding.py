"""Who is told what: transitions and their ends, after a while, once, and many at once as one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncer.model.outcome import State
from syncer.notify import deciding
from syncer.notify.deciding import gap
from syncer.notify.seen import Seen
from tests.support.noticed import MINUTE, T0, Listener, app, fleet, rules, source

DRIFTED, HELD, FAILING, IN_SYNC = State.DRIFTED, State.HELD, State.FAILING, State.IN_SYNC
PROBLEM, RECOVERY = ("problem", "desk", "Drifted"), ("recovery", "desk", "InSync")


def test_a_fleet_that_is_well_tells_nobody_anything_and_is_not_remembered() -> None:
    listener = Listener(rules())
    assert [listener.sees(app("desk")) for _ in range(3)] == [[], [], []]
    assert listener.memory == {}


def test_a_state_is_told_when_it_begins_and_when_it_ends_and_not_between() -> None:
    listener = Listener(rules())
    states = (IN_SYNC, DRIFTED, DRIFTED, DRIFTED, IN_SYNC, IN_SYNC)
    assert [listener.sees(app("desk", state)) for state in states] == [[], [PROBLEM], [], [], [RECOVERY], []]


def test_a_notice_says_from_where_to_where_why_since_when_and_whom_it_concerns() -> None:
    listener = Listener(rules(public_url="https://syncer.example"))
    listener.sees(app("desk"))
    listener.sees(app("desk", DRIFTED, "changed at the vendor: popup_url", team="voice"))
    [told] = listener.heard
    assert (told.was, told.state, told.reason) == ("InSync", "Drifted", "changed at the vendor: popup_url")
    assert (told.at, told.since, told.labels) == (T0 + 2 * MINUTE, T0 + 2 * MINUTE, (("team", "voice"),))
    assert told.link == "https://syncer.example/apps/acme/app_desk"
    assert told.headline == "desk is Drifted"


def test_a_state_that_nobody_asked_for_is_not_told() -> None:
    listener = Listener(rules(FAILING))
    assert [listener.sees(app("desk", state)) for state in (DRIFTED, HELD, IN_SYNC)] == [[], [], []]


def test_another_trouble_is_no_recovery_and_the_end_comes_with_a_calm_state() -> None:
    listener = Listener(rules(DRIFTED))
    states = (DRIFTED, State.UNREADABLE, State.UNREADABLE, State.PENDING)
    told = [listener.sees(app("desk", state)) for state in states]
    assert told == [[PROBLEM], [], [], [("recovery", "desk", "Pending")]]
    assert listener.heard[-1].was == "Drifted"


def test_one_trouble_after_the_other_is_told_as_such() -> None:
    listener = Listener(rules(DRIFTED, FAILING))
    listener.sees(app("desk", DRIFTED))
    assert listener.sees(app("desk", FAILING)) == [("problem", "desk", "Failing")]
    assert listener.heard[-1].was == "Drifted"


def test_it_may_have_to_hold_for_some_passes() -> None:
    listener = Listener(rules(passes=3))
    states = (DRIFTED, DRIFTED, IN_SYNC, DRIFTED, DRIFTED, DRIFTED, DRIFTED)
    assert [bool(listener.sees(app("desk", state))) for state in states] == [False] * 5 + [True, False]


def test_a_look_between_passes_does_not_count_as_one() -> None:
    listener = Listener(rules(passes=2))
    listener.sees(app("desk", DRIFTED))
    assert listener.sees(app("desk", DRIFTED), counted=False) == []
    assert listener.sees(app("desk", DRIFTED)) == [PROBLEM]


def test_it_may_have_to_hold_for_some_time() -> None:
    listener = Listener(rules(length=10 * MINUTE))
    listener.sees(app("desk", DRIFTED))
    assert listener.sees(app("desk", DRIFTED), after=9 * MINUTE) == []
    assert listener.sees(app("desk", DRIFTED), after=MINUTE, counted=False) == [PROBLEM]


def test_what_was_over_before_it_was_told_is_never_told() -> None:
    listener = Listener(rules(passes=2))
    assert [listener.sees(app("desk", state)) for state in (DRIFTED, IN_SYNC, DRIFTED, IN_SYNC)] == [[], [], [], []]


def test_the_same_is_told_once_in_five_minutes_and_then_if_it_still_holds() -> None:
    listener = Listener(rules())
    listener.sees(app("desk", DRIFTED))
    assert listener.sees(app("desk")) == [RECOVERY]
    assert listener.sees(app("desk", DRIFTED)) == []
    assert listener.sees(app("desk", DRIFTED), after=2 * MINUTE) == []
    assert listener.sees(app("desk", DRIFTED), after=MINUTE) == [PROBLEM]
    assert listener.heard[-1].told_before == 1


def test_what_comes_and_goes_is_told_ever_more_rarely() -> None:
    listener = Listener(rules())
    for number in range(24 * 60):
        listener.sees(app("desk", DRIFTED if number % 2 else IN_SYNC))
    by_hour = [sum(each.at < T0 + timedelta(hours=hours) for each in listener.heard) for hours in (1, 6, 24)]
    assert by_hour[0] <= 10
    assert by_hour[2] <= 24
    assert listener.heard[-1].told_before >= 5


def test_after_all_that_the_receiver_knows_the_truth() -> None:
    listener = Listener(rules())
    for number in range(301):
        listener.sees(app("desk", DRIFTED if number % 2 else IN_SYNC))
    listener.sees(app("desk"), after=timedelta(hours=7))
    assert listener.memory.get("app acme/app_desk") is None or listener.memory["app acme/app_desk"].told == ""
    assert listener.heard[-1].state == "InSync"


def test_quiet_makes_it_news_again() -> None:
    listener = Listener(rules())
    for state in (DRIFTED, IN_SYNC):
        listener.sees(app("desk", state))
    assert listener.sees(app("desk", DRIFTED), after=timedelta(hours=1)) == [PROBLEM]
    assert listener.heard[-1].told_before == 0


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    listener = Listener(rules())
    listener.sees(app("desk", DRIFTED))
    listener.sees(app("desk"))
    assert listener.sees(app("desk", DRIFTED), after=-timedelta(days=2)) == [PROBLEM]


def test_the_gap_doubles_up_to_six_hours() -> None:
    assert [gap(times) / MINUTE for times in (0, 1, 2, 3, 6, 7, 99)] == [5, 10, 20, 40, 320, 360, 360]


def test_more_than_a_few_at_once_are_one_notice() -> None:
    listener = Listener(rules(digest=3))
    names = [f"n{number:02d}" for number in range(37)]
    many = [app(name, DRIFTED, "changed at the vendor", team="voice", tier=name) for name in names]
    assert listener.sees(*many) == [("problem", "fleet", "Drifted")]
    [told] = listener.heard
    assert (told.apps, told.first, told.labels) == (37, tuple(names[:10]), (("team", "voice"),))
    assert (told.reason, told.was, told.headline) == ("changed at the vendor", "InSync", "37 apps are Drifted")
    assert listener.sees(*many) == []
    assert listener.sees(*map(app, names)) == [("recovery", "fleet", "InSync")]
    assert (listener.heard[-1].was, listener.heard[-1].apps) == ("Drifted", 37)


def test_a_few_at_once_are_told_each() -> None:
    listener = Listener(rules(digest=3))
    told = listener.sees(*(app(name, DRIFTED) for name in "abc"))
    assert [name for _, name, _ in told] == ["a", "b", "c"]


def test_reasons_that_differ_are_counted() -> None:
    listener = Listener(rules(digest=1))
    listener.sees(app("a", DRIFTED, "x"), app("b", DRIFTED, "x"), app("c", DRIFTED, "y"))
    assert listener.heard[0].reason == "x (2 of them; other reasons for the rest)"


def test_what_follows_a_digest_within_five_minutes_comes_with_the_next_one() -> None:
    listener = Listener(rules(digest=1))
    first, all_four = [app(name, DRIFTED) for name in "ab"], [app(name, DRIFTED) for name in "abcd"]
    assert listener.sees(*first) == [("problem", "fleet", "Drifted")]
    assert listener.sees(*all_four) == []
    assert listener.sees(*all_four, after=4 * MINUTE) == [("problem", "fleet", "Drifted")]
    assert listener.heard[-1].first == ("c", "d")


def test_ways_that_differ_are_notices_that_differ() -> None:
    listener = Listener(rules(DRIFTED, HELD, digest=1))
    told = listener.sees(*(app(name, DRIFTED) for name in "ab"), *(app(name, HELD) for name in "cd"))
    assert sorted(told) == [("problem", "fleet", "Drifted"), ("problem", "fleet", "Held")]


def test_an_app_that_leaves_git_ends_its_trouble() -> None:
    listener = Listener(rules())
    listener.sees(app("desk", DRIFTED), app("other", HELD))
    assert listener.sees() == [("recovery", "desk", "Unmanaged")]
    assert listener.heard[-1].headline == "desk is no longer managed (was Drifted)"
    assert listener.sees() == []
    assert listener.memory == {}


def test_a_pass_without_a_verdict_on_apps_ends_nothing() -> None:
    listener = Listener(rules())
    listener.sees(app("desk", DRIFTED))
    before = dict(listener.memory)
    listener.take(deciding.decide(listener.rules, Seen(listener.now, source(), fleet()), listener.memory))
    assert listener.memory == before


def test_labels_choose_apps_and_leave_out_the_source_and_the_fleet() -> None:
    listener = Listener(rules(DRIFTED, State.INVALID, labels=(("team", "voice"),)))
    told = listener.sees(
        app("desk", DRIFTED, team="voice", tier="x"), app("other", DRIFTED, team="web"), source=source(State.INVALID)
    )
    assert told == [PROBLEM]


def test_an_app_whose_labels_change_ends_its_trouble_here() -> None:
    listener = Listener(rules(labels=(("team", "voice"),)))
    listener.sees(app("desk", DRIFTED, team="voice"))
    assert listener.sees(app("desk", DRIFTED, team="web")) == [("recovery", "desk", "Unmanaged")]
    assert listener.heard[-1].reason == "its labels are others now"


@pytest.mark.parametrize("what", ["source", "fleet"])
def test_the_source_and_the_fleet_have_states_too(what: str) -> None:
    listener = Listener(rules(FAILING))
    wrong = fleet(FAILING, "no room") if what == "fleet" else fleet()
    broken = source(FAILING, "no room") if what == "source" else source()
    assert listener.sees(fleet=wrong, source=broken) == [("problem", what, "Failing")]
    assert listener.heard[0].headline == f"The {what} is Failing"
    assert listener.sees(fleet=fleet(), source=source()) == [("recovery", what, "InSync")]


def test_a_calm_state_is_told_where_it_was_asked_for() -> None:
    listener = Listener(rules(State.SUSPENDED))
    assert listener.sees(app("desk", State.SUSPENDED)) == [("problem", "desk", "Suspended")]
    assert listener.sees(app("desk")) == [RECOVERY]


def test_what_to_do_is_said_with_the_problem_and_not_with_its_end() -> None:
    listener = Listener(rules(FAILING))
    failing = fleet(FAILING)
    listener.sees(fleet=type(failing)(failing.what, failing.state, "", todo="syncer doctor"))
    listener.sees()
    assert [each.todo for each in listener.heard] == ["syncer doctor", ""]
