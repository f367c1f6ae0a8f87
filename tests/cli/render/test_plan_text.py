"""What `syncer plan` prints, to the letter: these are the samples of the documentation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from syncer.cli import exits
from syncer.cli.render import plan
from syncer.cli.render.style import Style
from syncer.errors import VendorKind
from syncer.model.desired import Layer, OnCommit, OnDrift, Origin, Policy, Suspend
from syncer.model.live import Unreadable
from syncer.plan import gate
from tests.support.shown_plans import NOW, RECORDING, REVISION, app, last, live, settings, view, with_policy

PLAIN = Style()


def plan_id(shown: plan.PlanView) -> str:
    return shown.decision.plan.id[:12]


def test_a_change_in_git_and_a_drift() -> None:
    first, second = app(), app("sales-line", line=30)
    old = "https://hooks.old.example/support/popup"
    shown = view(
        [(first, live(first, popup_url=old)), (second, live(second, recording_enabled=False))],
        [last(first, popup_url=old), last(second)],
    )
    expected = f"""\
live -> git  https://git.example/acme/settings.git  commit 1a2b3c4

~ cust_acme/app_sales_line (sales-line)  apps/acme.yaml:30
    recording_enabled  false -> true
                       drift: moved between 09:52 and 10:07 UTC; declared at apps/acme.yaml:34
    2 fields unchanged

~ cust_acme/app_support_desk (support-desk)  apps/acme.yaml:12
    popup_url          https://hooks.old.example/support/popup
                    -> https://hooks.acme.example/support/popup
                       ! host-change: hooks.old.example -> hooks.acme.example
                       git: apps/acme.yaml:15  1a2b3c4 Asha Rao
    2 fields unchanged

2 apps: 2 to apply · plan {plan_id(shown)} · commit 1a2b3c4
Next: syncer sync
"""
    assert expected == plan.text(shown, PLAIN)


def test_a_change_that_apps_share_is_read_once() -> None:
    layer = Origin("apps/_defaults.yaml", 6, 5, Layer.FOLDER)
    apps = [app(name, line=line) for name, line in (("sales-line", 30), ("support-desk", 12), ("night-line", 50))]
    same = [replace(one, origins=tuple((field, layer) for field, _ in one.origins)) for one in apps]
    shown = view((one, live(one, recording_enabled=False)) for one in same)
    expected = """\
~ cust_acme/app_night_line (night-line)  apps/acme.yaml:50
~ cust_acme/app_sales_line (sales-line)  apps/acme.yaml:30
~ cust_acme/app_support_desk (support-desk)  apps/acme.yaml:12
    recording_enabled  false -> true
                       unknown: no record yet; declared at apps/_defaults.yaml:6  1a2b3c4 Asha Rao
    2 fields unchanged

"""
    assert expected in plan.text(shown, PLAIN)


def test_in_sync_is_one_line() -> None:
    apps = (app(), app("sales-line", line=30))
    shown = view((one, live(one)) for one in apps)
    assert plan.text(shown, PLAIN) == (
        f"In sync: 2 apps, live as git declares · plan {plan_id(shown)} · commit 1a2b3c4\n"
    )


def test_nothing_selected_is_not_called_in_sync() -> None:
    shown = view([])
    assert plan.text(shown, PLAIN) == f"0 apps selected · plan {plan_id(shown)} · commit 1a2b3c4\n"


def test_held_and_left_apps_stand_with_their_reason_and_way_out() -> None:
    held = with_policy(app(), Policy(on_drift=OnDrift.REPORT))
    until = datetime(2026, 5, 6, 8, tzinfo=UTC)
    paused = with_policy(app("night-shift", line=40), Policy(suspend=Suspend("provider migration", until)))
    lost = app("billing", line=50)
    broken = replace(app("intake", line=70), invalid="apps/intake.yaml:9:5: SY201: unknown key `recordng_url`")
    unread = Unreadable(lost.ref, VendorKind.AUTH, "401: the token expired", "renew /secrets/billing")
    shown = view(
        [
            (held, live(held, recording_enabled=False)),
            (paused, live(paused, recording_enabled=False)),
            (lost, unread),
            (broken, live(broken)),
        ],
        [last(held), last(paused)],
    )
    expected = f"""\
live -> git  https://git.example/acme/settings.git  commit 1a2b3c4

~ cust_acme/app_night_shift (night-shift)  apps/acme.yaml:40  [not counted]
    recording_enabled  false -> true
                       drift: moved between 09:52 and 10:07 UTC; declared at apps/acme.yaml:44
    2 fields unchanged

~ cust_acme/app_support_desk (support-desk)  apps/acme.yaml:12  [held]
    recording_enabled  false -> true
                       drift: moved between 09:52 and 10:07 UTC; declared at apps/acme.yaml:16
    2 fields unchanged

Unreadable, so nothing is concluded
  cust_acme/app_billing (billing)  auth
    401: the token expired
    renew /secrets/billing

Held
  on_drift: report
    cust_acme/app_support_desk (support-desk)  recording_enabled
    to release: syncer approve {plan_id(shown)} --reason '…'

Not counted: left as it is on purpose
  suspended until 2026-05-06 08:00 UTC: provider migration
    cust_acme/app_night_shift (night-shift)
    to release: remove suspend of night-shift in git

Invalid in git, so the last good reading stays in force
  cust_acme/app_intake (intake)  in force: commit 1a2b3c4
    apps/intake.yaml:9:5: SY201: unknown key `recordng_url`

4 apps: 1 held, 1 not counted, 1 in sync, 1 unreadable; 1 app invalid in git
plan {plan_id(shown)} · commit 1a2b3c4
Next: syncer approve {plan_id(shown)} --reason '…'
"""
    assert expected == plan.text(shown, PLAIN)


def test_both_and_unknown_causes() -> None:
    both, unknown = app(), app("sales-line", line=30)
    shown = view(
        [
            (both, live(both, recording_url="https://a.example/")),
            (unknown, live(unknown, recording_enabled=False)),
        ],
        [last(both, recording_url="https://b.example/")],
    )
    text = plan.text(shown, PLAIN)
    expected = """\
                       both: moved between 09:52 and 10:07 UTC
                             and git changed it: apps/acme.yaml:17  1a2b3c4 Asha Rao
"""
    assert expected in text
    assert "unknown: no record yet; declared at apps/acme.yaml:34  1a2b3c4 Asha Rao" in text


def test_a_change_of_a_masked_part_says_so() -> None:
    one = app(declared=settings(popup_url="https://a.example/?token=new"))
    text = plan.text(view([(one, live(one, popup_url="https://a.example/?token=old"))]), PLAIN)
    assert "https://a.example/?token=*** -> https://a.example/?token=***\n" in text
    assert "(they differ where they are masked)" in text
    assert "=new" not in text


def test_a_suspended_app_is_not_counted_as_held_whatever_else_holds_it() -> None:
    until = datetime(2026, 5, 6, 8, tzinfo=UTC)
    one = with_policy(app(), Policy(on_commit=OnCommit.HOLD, suspend=Suspend("migration", until)))
    shown = view([(one, live(one, recording_enabled=False))])
    assert "1 app: 1 not counted" in plan.text(shown, PLAIN)
    assert exits.counted(shown.decision) == ()


def test_apps_held_for_one_reason_stand_together() -> None:
    apps = tuple(with_policy(app(name), Policy(on_commit=OnCommit.HOLD)) for name in ("one", "two"))
    shown = view((one, live(one, recording_enabled=False)) for one in apps)
    assert plan.text(shown, PLAIN).count("to release:") == 1


def test_observing_holds_the_whole_pass() -> None:
    one = app()
    shown = view([(one, live(one, recording_enabled=False))], facts=gate.Facts(NOW, writes=False))
    text = plan.text(shown, PLAIN)
    assert "  mode is observe: nothing is written\n    the whole pass\n    to release: set mode: apply\n" in text
    assert "Next:" not in text


def test_an_app_that_is_applied_in_part_is_counted_so() -> None:
    one = with_policy(app(), Policy(on_drift=OnDrift.IGNORE))
    moved = live(one, recording_enabled=False, recording_url="https://old.example/")
    shown = view([(one, moved)], [last(one, recording_url="https://old.example/")])
    text = plan.text(shown, PLAIN)
    assert "1 app: 1 to apply (1 in part) · " in text
    assert "  on_drift: ignore\n    cust_acme/app_support_desk (support-desk)  recording_enabled\n" in text


def test_a_drift_that_is_ignored_is_not_counted() -> None:
    one = with_policy(app(), Policy(on_drift=OnDrift.IGNORE))
    text = plan.text(view([(one, live(one, recording_enabled=False))], [last(one)]), PLAIN)
    assert "1 app: 1 not counted · " in text
    assert "Next:" not in text


def test_a_suspended_app_is_shown_though_nothing_differs() -> None:
    one = with_policy(app(), Policy(suspend=Suspend("migration")))
    text = plan.text(view([(one, live(one))]), PLAIN)
    assert "  suspended, nothing differs: migration\n    cust_acme/app_support_desk (support-desk)\n" in text


def test_an_invalid_file_alone_asks_to_validate() -> None:
    broken = replace(app(), invalid="apps/acme.yaml:1:1: SY101: no")
    assert plan.text(view([(broken, live(broken))]), PLAIN).endswith("Next: syncer validate\n")


def test_text_that_is_not_a_url_is_quoted_and_wrapped_whole() -> None:
    one = app()
    odd = "x " * 90
    text = plan.text(view([(one, live(one, recording_url=odd))]), PLAIN)
    assert f'"{odd}"' in "".join(line[23:] for line in text.splitlines())
    assert f"-> {RECORDING}" in text


def test_colour_adds_nothing_but_colour() -> None:
    one = app()
    shown = view([(one, live(one, recording_enabled=False))])
    coloured = plan.text(shown, Style(colour=True))
    assert "\x1b[31mfalse\x1b[0m -> \x1b[32mtrue\x1b[0m" in coloured


def test_brief_is_one_line_per_app_that_is_not_in_sync() -> None:
    first, second = app(), app("sales-line", line=30)
    shown = view([(first, live(first)), (second, live(second, recording_enabled=False))], [last(second)])
    assert plan.brief(shown) == (
        "Drifted  cust_acme/app_sales_line (sales-line)  changed at the vendor: recording_enabled\n"
        f"2 apps: 1 to apply, 1 in sync · plan {plan_id(shown)} · commit {REVISION.id[:7]}\n"
    )
