from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncer.model.desired import (
    AllowedHosts,
    DesiredApp,
    DesiredState,
    EnvToken,
    FileToken,
    MintedToken,
    OnCommit,
    Policy,
    Suspend,
    Window,
    WindowKind,
)
from syncer.model.fields import UNDECLARED, Field
from syncer.model.planned import Danger
from syncer.plan.against import DesiredChange, Side, compare, token
from tests.support.shown_plans import POPUP, REVISION, app, setting, settings, with_policy

APP = app(declared=settings(popup_url=POPUP))


def between(before: DesiredApp | None, after: DesiredApp | None) -> tuple[DesiredChange, ...]:
    old, new = (DesiredState(REVISION, (one,) if one else ()) for one in (before, after))
    return compare(old, new)


def sides(before: DesiredApp | None, after: DesiredApp | None) -> list[tuple[str | None, Side, Side]]:
    return [(change.field, change.before, change.after) for change in between(before, after)]


def test_the_same_state_has_no_difference() -> None:
    assert between(APP, APP) == ()


def test_a_new_app_comes_with_its_settings() -> None:
    found = between(None, APP)
    assert sides(None, APP) == [(None, UNDECLARED, APP.name), ("popup_url", UNDECLARED, setting(POPUP))]
    assert (found[0].added, found[0].removed) == (True, False)


def test_an_app_that_leaves_is_one_entry() -> None:
    found = between(APP, None)
    assert [(change.field, change.added, change.removed) for change in found] == [(None, False, True)]


def test_an_app_with_another_id_is_another_app() -> None:
    moved = replace(APP, ref=replace(APP.ref, app_id="other"))
    assert [(c.added, c.removed) for c in between(APP, moved) if c.field is None] == [(False, True), (True, False)]


def test_a_moved_host_is_dangerous() -> None:
    after = replace(APP, settings=settings(popup_url="https://other.example/"))
    assert [change.danger for change in between(APP, after)] == [Danger.HOST_CHANGE]


def test_a_field_that_is_no_longer_declared_is_shown_where_it_stood() -> None:
    after = replace(APP, settings=settings(), origins=())
    found = between(APP, after)
    assert [(c.after, c.danger, c.origin) for c in found] == [(UNDECLARED, None, APP.origin(Field.POPUP_URL))]


def test_every_key_beside_the_settings_is_named() -> None:
    until = datetime(2026, 5, 6, tzinfo=UTC)
    after = replace(
        APP,
        name="desk",
        labels=(("env", "prod"),),
        token=EnvToken("T"),
        policy=Policy(
            on_commit=OnCommit.HOLD,
            protected=(Field.POPUP_URL,),
            allowed_hosts=(
                AllowedHosts(Field.POPUP_URL, ("a.example",)),
                AllowedHosts(None, ("b.example", "c.example")),
            ),
            windows=(Window(WindowKind.ALLOW, "0 8 * * mon-fri", timedelta(hours=10), "Asia/Kolkata"),),
            suspend=Suspend("move", until),
        ),
    )
    assert sides(APP, after) == [
        ("name", "support-desk", "desk"),
        ("labels", "none", "env=prod"),
        ("token", "none", "environment variable T"),
        ("on_commit", "apply", "hold"),
        ("protected", "none", "popup_url"),
        ("allowed_hosts", "any", "popup_url: a.example; every URL: b.example, c.example"),
        ("windows", "none", "allow 0 8 * * mon-fri for 10:00:00 in Asia/Kolkata"),
        ("suspend", "none", "until 2026-05-06T00:00:00+00:00: move"),
    ]


def test_a_suspension_without_an_end_says_so() -> None:
    after = with_policy(APP, Policy(suspend=Suspend("move")))
    assert sides(APP, after) == [("suspend", "none", "until removed: move")]


def test_token_references_are_told_apart_and_hold_no_token() -> None:
    assert token(FileToken("/secrets/a")) == "file /secrets/a"
    assert token(MintedToken(FileToken("/secrets/a"))) == "minted with the secret in file /secrets/a"
