from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.cli.render import against as shown
from syncer.cli.render.against import AgainstView
from syncer.cli.render.style import Style
from syncer.documents import schema, schemas
from syncer.model.desired import DesiredApp, DesiredState, OnDrift, Policy
from syncer.plan import against
from tests.support.shown_plans import COMMIT, POPUP, REVISION, app, settings, with_policy

if TYPE_CHECKING:
    from collections.abc import Iterable

OLD = replace(REVISION, id="9f8e7d6" + "0" * 33)
DESK, SALES, GONE = app(), app("sales-line", line=30), app("archive", line=60)
NEW = app("new-app", settings(popup_url=POPUP, callback_url=None), line=80)
LATER_DESK = replace(DESK, settings=settings(popup_url="https://calls.acme.example/popup", recording_enabled=True))
LATER_SALES = with_policy(SALES, Policy(on_drift=OnDrift.REPORT))


def compared(before: Iterable[DesiredApp], after: Iterable[DesiredApp]) -> AgainstView:
    later = tuple(after)
    changes = against.compare(DesiredState(OLD, tuple(before)), DesiredState(REVISION, later))
    blame = {origin: COMMIT for one in later for _, origin in one.origins}
    return AgainstView(OLD, REVISION, changes, len(later), blame)


def everything() -> AgainstView:
    return compared((DESK, SALES, GONE), (LATER_DESK, LATER_SALES, NEW))


def test_every_kind_of_difference_in_text() -> None:
    expected = """\
- cust_acme/app_archive (archive)  apps/acme.yaml:60
    leaves git: no longer managed, nothing is written

+ cust_acme/app_new_app (new-app)  apps/acme.yaml:80  new app
    popup_url          https://hooks.acme.example/support/popup
                       apps/acme.yaml:83  1a2b3c4 Asha Rao
    callback_url       null
                       apps/acme.yaml:84  1a2b3c4 Asha Rao

~ cust_acme/app_sales_line (sales-line)
    on_drift           correct -> report
                       apps/acme.yaml:30

~ cust_acme/app_support_desk (support-desk)
    popup_url          https://hooks.acme.example/support/popup -> https://calls.acme.example/popup
                       ! host-change: hooks.acme.example -> calls.acme.example
                       apps/acme.yaml:15  1a2b3c4 Asha Rao
    recording_url      https://hooks.acme.example/recording -> not declared
                       no longer managed: the vendor keeps the value it has
                       apps/acme.yaml:17  1a2b3c4 Asha Rao

3 apps: 1 new, 2 changed, 1 leaves git · commit 9f8e7d6 -> commit 1a2b3c4
"""
    assert expected == shown.text(everything(), Style())


def test_no_difference_is_one_line() -> None:
    assert shown.text(compared([DESK], [DESK]), Style()) == (
        "1 app: no difference · commit 9f8e7d6 -> commit 1a2b3c4\n"
    )


def test_several_that_leave_are_in_the_plural() -> None:
    assert compared([DESK, SALES], []).summary() == "0 apps: 0 new, 0 changed, 2 leave git"


def test_markdown_has_the_dangerous_first() -> None:
    titles = [line for line in shown.markdown(everything()).splitlines() if line.startswith("#### ")]
    assert titles == [
        "#### <code>cust_acme/app_support_desk (support-desk)</code> · 2 changes",
        "#### <code>cust_acme/app_archive (archive)</code> · leaves git: no longer managed, nothing is written",
        "#### <code>cust_acme/app_new_app (new-app)</code> · new app",
        "#### <code>cust_acme/app_sales_line (sales-line)</code> · 1 change",
    ]


def test_markdown_names_dangers_and_masked_differences() -> None:
    before = replace(DESK, settings=settings(popup_url="https://a.example/?k=1"))
    masked = compared([before], [replace(DESK, settings=settings(popup_url="https://a.example/?k=2"))])
    assert "<br>(they differ where they are masked) |" in shown.markdown(masked)
    assert "| `popup_url`<br>**host-change: " in shown.markdown(everything())


def test_markdown_is_cut_by_whole_apps() -> None:
    apps = tuple(app(f"app-{number:04}", line=number) for number in range(900))
    text = shown.markdown(compared([], apps))
    assert len(text) < 60_000
    assert f"_{900 - text.count('#### ')} apps more left out" in text


def test_the_document_follows_its_schema() -> None:
    validator = schema.build(json.loads(schemas.text("against")))
    assert list(validator.iter_errors(shown.of_against(everything()))) == []


def test_undeclared_is_absent_and_null_is_null() -> None:
    changes = shown.of_against(everything())["changes"]
    callback = next(change for change in changes if change["field"] == "callback_url")
    recording = next(change for change in changes if change["field"] == "recording_url")
    assert ("before" in callback, callback["after"]) == (False, None)
    assert ("after" in recording, recording["before"]) == (False, "https://hooks.acme.example/recording")
    assert [change["kind"] for change in changes if change["field"] is None] == ["removed", "added"]
