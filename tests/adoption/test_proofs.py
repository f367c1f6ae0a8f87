"""What is made is judged by reading it again: whatever went wrong on the way, it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer import settings
from syncer.adoption import accepting, fitting
from syncer.adoption.drafting import Draft, Sheet
from syncer.cli import publishing
from syncer.errors import DesiredStateError, SyncerError
from syncer.model import url
from syncer.model.desired import AppRef, DesiredState, Layer
from syncer.model.fields import Field
from syncer.model.live import LiveApp
from tests.adoption import fleets
from tests.support.builders import REVISION, an_app
from tests.support.builders import settings as declared

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import DesiredApp

APP = an_app("desk", declared(popup_url="https://hooks.example/a", recording_enabled=False))
OTHER = an_app("sales")
NEW = url.parse("https://hooks.example/new")
LIVE = LiveApp(APP.ref, APP.settings.with_setting(Field.POPUP_URL, NEW), fleets.AT)
DONE = replace(APP, settings=APP.settings.with_setting(Field.POPUP_URL, NEW))


def proved(*after: DesiredApp) -> None:
    before = DesiredState(REVISION, (APP, OTHER))
    accepting.prove(APP, Field.POPUP_URL, LIVE, before, lambda: DesiredState(REVISION, after))


def test_the_one_field_is_proved() -> None:
    proved(DONE, OTHER)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ((APP, OTHER), "more than was asked for"),
        ((DONE,), "more than was asked for"),
        ((OTHER,), "more than was asked for"),
        ((DONE, replace(OTHER, name="sold")), "more than was asked for"),
        ((DONE, replace(OTHER, labels=(("a", "b"),))), "more than was asked for"),
        ((replace(DONE, settings=DONE.settings.with_setting(Field.RECORDING_ENABLED, True)), OTHER), "more than"),
        ((replace(APP, settings=APP.settings.with_setting(Field.POPUP_URL, None)), OTHER), "as the live value"),
    ],
)
def test_anything_else_is_refused(after: tuple[DesiredApp, ...], told: str) -> None:
    with pytest.raises(SyncerError, match=told):
        proved(*after)


def test_a_default_is_shared_where_the_files_of_others_are_not_known() -> None:
    layered = replace(APP, origins=tuple((f, replace(o, layer=Layer.FOLDER)) for f, o in APP.origins))
    assert not accepting.shared(layered, Field.POPUP_URL, DesiredState(REVISION, (layered, OTHER)))
    assert accepting.shared(layered, Field.POPUP_URL, DesiredState(REVISION, (layered, OTHER), (), ("x.yaml",)))


def test_an_error_that_nothing_of_theirs_is_to_blame_for_is_told(tmp_path: Path) -> None:
    tree = a_tree(tmp_path)
    sheet = Sheet("cust_1", ("file", "relative/{app}"), (Draft(AppRef("cust_1", "a"), "a", {}),))
    with pytest.raises(DesiredStateError, match="can't be written as files that hold"):
        fitting.fit({tree.path("a.yaml"): sheet}, tree.problems)


def a_tree(home: Path) -> publishing.Tree:
    return publishing.Tree(settings.load({}, {}).settings, home)


def a_sheet(*drafts: Draft) -> Sheet:
    return Sheet("cust_1", ("file", "/tokens/{app_id}"), drafts)


def published(home: Path, *drafts: Draft, live: dict[Field, str | bool | None] | None = None) -> None:
    seen = {draft.ref: LiveApp(draft.ref, fleets.settings(live or {}), fleets.AT) for draft in drafts}
    tree = a_tree(home)
    publishing.publish({tree.path("a.yaml"): a_sheet(*drafts)}, seen, tree, force=False)


def draft(app_id: str = "a", name: str = "a") -> Draft:
    return Draft(AppRef("cust_1", app_id), name, {Field.POPUP_URL: NEW})


def test_what_is_live_is_put_in_place(tmp_path: Path) -> None:
    published(tmp_path, draft(), live={Field.POPUP_URL: NEW.text})
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.parametrize(
    ("drafts", "told"),
    [
        ((draft(),), "a plan for cust_1/a is not empty"),
        ((draft(), draft("b", "a")), "is not read from them as it should be"),
    ],
)
def test_what_is_not_live_is_not(tmp_path: Path, drafts: tuple[Draft, ...], told: str) -> None:
    with pytest.raises(SyncerError, match=told):
        published(tmp_path, *drafts, live={Field.POPUP_URL: None})
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml.new"]


def test_nobody_else_may_change(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(
        "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: cust_1\napps:\n  b: {app_id: a}\n"
    )
    with pytest.raises(SyncerError, match="cust_1/a would change, which is not in them"):
        published(tmp_path, draft(), live={Field.POPUP_URL: NEW.text})


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    tree = a_tree(tmp_path)
    seen = {draft().ref: LiveApp(draft().ref, fleets.settings({Field.POPUP_URL: NEW.text}), fleets.AT)}
    (tmp_path / "a.yaml").write_text("theirs\n")
    with pytest.raises(SyncerError, match="can't be put in place: File exists"):
        publishing.publish({tree.path("a.yaml"): a_sheet(draft())}, seen, tree, force=False)
    assert (tmp_path / "a.yaml").read_text() == "theirs\n"
