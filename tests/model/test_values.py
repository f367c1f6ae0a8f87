"""The small rules that the values themselves carry."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from syncer.errors import (
    ConfigError,
    DesiredStateError,
    HeldError,
    LockedError,
    ProblemsError,
    StoppedError,
    SyncerError,
    UsageError,
    VendorError,
    VendorKind,
)
from syncer.model import url
from syncer.model.desired import AppRef, DesiredState, OnCommit, Revision
from syncer.model.fields import FLAG_FIELDS, UNDECLARED, URL_FIELDS, AppSettings, Field, plain, shown
from syncer.model.outcome import Intent, Trigger
from syncer.model.planned import Cause, Decision, Hold, Plan, Rule
from syncer.model.problems import Place, Problem, Severity
from tests.support.builders import (
    REVISION,
    a_last,
    a_live,
    a_plan,
    a_ref,
    a_step,
    an_app,
    decide,
    live_settings,
    settings,
)


def test_the_seven_fields_stand_in_the_vendors_order() -> None:
    assert [field.value for field in Field] == [
        "popup_url",
        "missed_call_url",
        "callback_url",
        "recording_enabled",
        "recording_url",
        "streaming_enabled",
        "streaming_url",
    ]
    assert {Field.RECORDING_ENABLED, Field.STREAMING_ENABLED} == FLAG_FIELDS
    assert len(URL_FIELDS) == 5


def test_null_is_declared_and_undeclared_is_not() -> None:
    found = settings(popup_url=None, recording_enabled=False)
    assert list(found.declared()) == [(Field.POPUP_URL, None), (Field.RECORDING_ENABLED, False)]
    assert found.get(Field.CALLBACK_URL) is UNDECLARED


def test_declared_fields_lie_over_others_and_undeclared_ones_do_not() -> None:
    laid = settings(popup_url=None).over(live_settings(popup_url="https://a.example/", recording_enabled=True))
    assert laid == live_settings(popup_url=None, recording_enabled=True)


def test_only_settings_with_all_seven_fields_are_complete() -> None:
    assert live_settings().complete
    assert not replace(live_settings(), streaming_url=UNDECLARED).complete
    assert not AppSettings().complete


def test_a_setting_goes_out_as_written_and_is_shown_masked() -> None:
    written = url.parse("HTTPS://h.example/?key=secret")
    assert plain(written) == "HTTPS://h.example/?key=secret"
    assert shown(written) == "HTTPS://h.example/?key=***"
    assert [plain(None), plain(True), shown(None), shown(False)] == [None, True, None, False]


@pytest.mark.parametrize("form", [plain, shown])
def test_an_undeclared_setting_has_no_form(form: object) -> None:
    with pytest.raises(ValueError, match="undeclared"):
        form(UNDECLARED)  # type: ignore[operator]  # one of the two functions


def test_settings_show_no_secret_in_their_repr() -> None:
    assert "secret" not in repr(a_step(live=a_live(shows=live_settings(popup_url="https://h.example/?k=secret"))))


def test_values_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        a_ref().app_id = "other"  # type: ignore[misc]  # the point of the test


def test_a_ref_reads_as_customer_and_app() -> None:
    assert str(a_ref("desk")) == "acme/app_desk"


def test_a_revision_is_short_for_people() -> None:
    assert Revision("0123456789abcdef" * 2, "s").short == "0123456789ab"
    assert Revision("sha256:0123456789abcdef", "s").short == "0123456789ab"


def test_a_field_without_an_origin_of_its_own_stands_where_the_app_stands() -> None:
    app = an_app()
    assert str(app.origin(Field.POPUP_URL)) == "apps/desk.yaml:10"
    assert app.origin(Field.CALLBACK_URL) == app.at


def test_a_state_is_valid_while_no_file_is_rejected() -> None:
    assert DesiredState(REVISION, ()).valid
    assert not DesiredState(REVISION, (), rejected=("apps/a.yaml",)).valid


def test_a_record_knows_the_digests_it_holds() -> None:
    last = a_last(applied=settings(popup_url=None))
    assert last.digest(Field.POPUP_URL)
    assert last.digest(Field.CALLBACK_URL) is None


def test_a_step_knows_its_app_its_causes_and_when_it_was_read() -> None:
    step = a_step(last=a_last())
    assert (step.ref, step.causes, step.moved_before) == (a_ref(), frozenset({Cause.GIT}), step.live.read_at)
    assert Intent("id", "run", Trigger.MANUAL, 1, step, "p").ref == a_ref()


def test_holds_of_an_app_are_its_own_and_those_of_the_whole_pass() -> None:
    held = an_app("desk", on_commit=OnCommit.HOLD)
    decision = decide(a_plan((held, a_live()), (an_app("sales"), a_live("sales"))), writes=False)
    assert [hold.ref for hold in decision.holds_of(a_ref("sales"))] == [None]
    assert [hold.ref for hold in decision.holds_of(a_ref("desk"))] == [None, a_ref("desk")]


def test_a_place_reads_as_editors_want_it() -> None:
    assert str(Place("apps/a.yaml", 3, 7)) == "apps/a.yaml:3:7"
    assert Place("a") < Place("b")


def test_a_problem_is_an_error_unless_it_says_otherwise() -> None:
    assert Problem("SY201", "unknown key", Place("a")).severity is Severity.ERROR


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SyncerError("m"), 1),
        (UsageError("m"), 64),
        (ConfigError("m", ()), 64),
        (DesiredStateError("m", ()), 65),
        (HeldError("m"), 4),
        (LockedError("m"), 4),
        (StoppedError("m"), 0),
        (VendorError(VendorKind.SERVER, "m"), 1),
    ],
)
def test_an_error_knows_the_exit_code(error: SyncerError, code: int) -> None:
    assert (error.exit_code, error.message, str(error)) == (code, "m", "m")


def test_an_error_carries_what_the_loop_needs_to_know() -> None:
    error = VendorError(VendorKind.RATE_LIMITED, "m", status=429, hint="h", retryable=True, retry_after=2.5)
    assert (error.kind, error.status, error.hint, error.retryable, error.retry_after, error.sent) == (
        VendorKind.RATE_LIMITED,
        429,
        "h",
        True,
        2.5,
        True,
    )
    problems = (Problem("SY201", "unknown key", Place("a")),)
    assert ProblemsError("m", problems, hint="h").problems == problems


def test_the_holds_of_an_app_are_its_own_and_those_of_all_in_their_order() -> None:
    one, two = AppRef("c", "one"), AppRef("c", "two")
    rules = [
        (Rule.BUDGET, one),
        (Rule.OBSERVE, None),
        (Rule.WINDOW, two),
        (Rule.FIGHTING, one),
        (Rule.MASS_DRIFT, None),
    ]
    holds = tuple(Hold(rule, "why", ref) for rule, ref in rules)
    revision = Revision("one", "source")
    decision = Decision(Plan("id", revision, (), (), ()), (), holds)
    assert decision.holds_of(one) == (holds[0], holds[1], holds[3], holds[4])
    assert decision.holds_of(AppRef("c", "three")) == (holds[1], holds[4])
    assert replace(decision, holds=()).holds_of(one) == ()
