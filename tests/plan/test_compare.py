"""Which fields differ, who moved them, and which differences are dangerous."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncer.model.fields import UNDECLARED, AppSettings, Field
from syncer.model.planned import Cause, Danger, LastApplied
from syncer.plan import compare
from tests.support.builders import a_last, an_app, digest, live_settings, settings

A, B, C = "https://a.example/", "https://b.example/", "https://c.example/"


def change(live: str | None, desired: str | None, last: LastApplied | None) -> Cause:
    app = an_app(declared=settings(popup_url=desired))
    (found,) = compare.changes(app, live_settings(popup_url=live), last, digest)
    return found.cause


@pytest.mark.parametrize(
    ("recorded", "live", "desired", "cause"),
    [
        (A, A, B, Cause.GIT),
        (A, B, A, Cause.DRIFT),
        (A, B, C, Cause.BOTH),
        (None, None, A, Cause.GIT),
        (None, A, None, Cause.DRIFT),
        (A, None, A, Cause.DRIFT),
        (A, A, None, Cause.GIT),
        ("HTTPS://A.example:443", A, B, Cause.GIT),
    ],
)
def test_the_cause_is_who_moved_the_field_from_what_was_applied(
    recorded: str | None, live: str | None, desired: str | None, cause: Cause
) -> None:
    assert change(live, desired, a_last(applied=settings(popup_url=recorded))) is cause


def test_the_cause_is_unknown_when_nothing_was_ever_applied() -> None:
    assert change(A, B, None) is Cause.UNKNOWN


def test_the_cause_is_unknown_for_a_field_that_was_not_recorded() -> None:
    assert change(A, B, a_last(applied=settings(callback_url=A))) is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("live", "desired", "cause"), [(B, A, Cause.BOTH), (A, B, Cause.GIT), (B, "https://c.example/", Cause.BOTH)]
)
def test_what_moved_at_the_vendor_of_an_app_that_had_left_git_is_never_drift(
    live: str, desired: str, cause: Cause
) -> None:
    assert change(live, desired, replace(a_last(applied=settings(popup_url=A)), left=True)) is cause


def test_null_that_was_applied_is_not_the_same_as_never_recorded() -> None:
    assert change(A, B, a_last(applied=settings(popup_url=None))) is Cause.BOTH


def test_equal_urls_in_other_spelling_are_no_change() -> None:
    app = an_app(declared=settings(popup_url="HTTPS://A.example:443", recording_enabled=False))
    assert compare.changes(app, live_settings(popup_url=A), None, digest) == ()


def test_undeclared_fields_are_not_compared() -> None:
    app = an_app(declared=settings(recording_enabled=False))
    assert compare.changes(app, live_settings(popup_url=A), None, digest) == ()


def test_changes_stand_in_the_vendors_order_with_their_origins() -> None:
    app = an_app(declared=settings(streaming_url=A, popup_url=B))
    found = compare.changes(app, live_settings(), None, digest)
    assert [(c.field, str(c.origin)) for c in found] == [
        (Field.POPUP_URL, "apps/desk.yaml:10"),
        (Field.STREAMING_URL, "apps/desk.yaml:11"),
    ]


def test_live_settings_that_lack_a_declared_field_are_refused() -> None:
    with pytest.raises(ValueError, match="acme/app_desk lack popup_url"):
        compare.changes(an_app(), AppSettings(popup_url=UNDECLARED), None, digest)


@pytest.mark.parametrize(
    ("live", "desired", "danger"),
    [
        ({"popup_url": A}, {"popup_url": B}, Danger.HOST_CHANGE),
        ({"popup_url": A}, {"popup_url": "https://a.example:8443/"}, Danger.HOST_CHANGE),
        ({"popup_url": A}, {"popup_url": "http://a.example/"}, Danger.HOST_CHANGE),
        ({"popup_url": "no url"}, {"popup_url": A}, Danger.HOST_CHANGE),
        ({"popup_url": "no url"}, {"popup_url": "no url either"}, Danger.HOST_CHANGE),
        ({"popup_url": A}, {"popup_url": "https://a.example/x"}, None),
        ({"popup_url": A}, {"popup_url": None}, Danger.BLANKS_URL),
        ({"popup_url": None}, {"popup_url": A}, None),
        ({"recording_enabled": True}, {"recording_enabled": False}, Danger.RECORDING_OFF),
        ({"recording_enabled": False}, {"recording_enabled": True}, None),
        ({"streaming_enabled": True}, {"streaming_enabled": False}, Danger.STREAMING_OFF),
        ({"streaming_enabled": False}, {"streaming_enabled": True}, None),
    ],
)
def test_a_dangerous_change_is_marked(
    live: dict[str, str | bool | None], desired: dict[str, str | bool | None], danger: Danger | None
) -> None:
    (found,) = compare.changes(an_app(declared=settings(**desired)), live_settings(**live), None, digest)
    assert found.danger is danger
