from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from syncer.cli.render import cells, plan
from syncer.errors import VendorKind
from syncer.model.desired import OnDrift, Policy, Suspend
from syncer.model.live import Unreadable
from syncer.plan import gate
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

HOSTILE = st.text(st.sampled_from("|`<>&[]()*_~@#:/.w\\ \n\x1b\u202e\u200babc"), max_size=40)


def test_a_dangerous_change_is_open_and_first() -> None:
    calm, risky = app("calm"), app("risky", line=30)
    shown = view(
        [(calm, live(calm, recording_enabled=False)), (risky, live(risky, popup_url="https://old.example/"))],
        [last(calm), last(risky, popup_url="https://old.example/")],
    )
    plan_id = shown.decision.plan.id[:12]
    expected = f"""\
### syncer plan: 2 apps: 2 to apply

| Apps | Number |
| --- | --- |
| to apply | 2 |

plan {plan_id} · commit 1a2b3c4 · `https://git.example/acme/settings.git`

<details open><summary><code>cust_acme/app_risky (risky)</code> · 1 change · to apply · look twice</summary>

| Field | Live | Git | Cause | Where |
| --- | --- | --- | --- | --- |
| `popup_url`<br>**host-change: old.example -&#62; hooks.acme.example** | `https://old.example/` | \
`https://hooks.acme.example/support/popup` | git | apps/acme.yaml:33  1a2b3c4 Asha Rao |

`apps/acme.yaml:30` · 2 fields unchanged

</details>

<details><summary><code>cust_acme/app_calm (calm)</code> · 1 change · to apply</summary>

| Field | Live | Git | Cause | Where |
| --- | --- | --- | --- | --- |
| `recording_enabled` | `false` | `true` | drift | moved between 09:52 and 10:07 UTC; declared at apps/acme.yaml:16 |

`apps/acme.yaml:12` · 2 fields unchanged

</details>

Next: `syncer sync`
"""
    assert expected == plan.markdown(shown)


def test_what_is_not_written_stands_below_with_the_way_out() -> None:
    held = with_policy(app(), Policy(on_drift=OnDrift.REPORT))
    lost = app("billing", line=50)
    paused = with_policy(app("paused", line=60), Policy(suspend=Suspend("move", datetime(2026, 6, 1, tzinfo=UTC))))
    broken = replace(app("intake", line=70), invalid="SY201: unknown key")
    unread = Unreadable(lost.ref, VendorKind.AUTH, "401: the token expired", "renew it")
    shown = view(
        [(held, live(held, recording_enabled=False)), (lost, unread), (paused, live(paused)), (broken, live(broken))],
        [last(held)],
    )
    plan_id = shown.decision.plan.id[:12]
    expected = f"""\
**Not written**

- <code>cust_acme/app_billing (billing)</code>: unreadable (auth): 401: the token expired · renew it
- <code>cust_acme/app_support_desk (support-desk)</code>: on_drift: report (recording_enabled) · \
`syncer approve {plan_id} --reason '…'`
- <code>cust_acme/app_paused (paused)</code>: suspended, nothing differs: move
- <code>cust_acme/app_intake (intake)</code>: invalid in git, commit 1a2b3c4 stays in force: SY201: unknown key

Next: `syncer approve {plan_id} --reason '…'`
"""
    assert plan.markdown(shown).endswith(expected)


def test_in_sync_says_so_and_names_no_command() -> None:
    one = app()
    text = plan.markdown(view([(one, live(one))]))
    assert text.startswith("### syncer plan: in sync\n")
    assert "Next:" not in text


def test_a_hold_of_the_whole_pass_is_named() -> None:
    one = app()
    shown = view([(one, live(one, recording_enabled=False))], facts=gate.Facts(NOW, writes=False))
    expected = "- <code>the whole pass</code>: mode is observe: nothing is written · set mode: apply"
    assert expected in plan.markdown(shown)


def test_a_change_of_a_masked_part_says_so() -> None:
    one = app(declared=app().settings)
    moved = live(one, popup_url="https://hooks.acme.example/support/popup?t=1")
    desired = replace(one, settings=moved.settings)
    shown = view([(desired, live(desired, popup_url="https://hooks.acme.example/support/popup?t=2"))])
    assert "<br>(they differ where they are masked) |" in plan.markdown(shown)


def test_a_large_plan_is_cut_by_whole_apps_and_says_how_many() -> None:
    apps = tuple(app(f"app-{number:04}", line=number * 10) for number in range(1, 400))
    text = plan.markdown(view((one, live(one, recording_enabled=False)) for one in apps))
    shown = text.count("<details>")
    assert len(text) < 60_000
    assert text.count("</details>") == shown > 50
    assert f"_{399 - shown} changing apps more left out to stay under the size limit" in text


def test_many_held_apps_leave_room_for_changes() -> None:
    policy = Policy(on_drift=OnDrift.REPORT)
    apps = tuple(with_policy(app(f"app-{number:04}", line=number * 10), policy) for number in range(1, 400))
    text = plan.markdown(view(((one, live(one, recording_enabled=False)) for one in apps), map(last, apps)), 20_000)
    assert len(text) < 20_000
    assert text.count("<details>") > 10
    assert re.search(r"_\d+ reasons more left out", text)


@given(HOSTILE)
def test_a_cell_stays_one_cell_on_one_line(text: str) -> None:
    for written in (cells.code(text), cells.prose(text)):
        assert "\n" not in written
        assert "|" not in written


@given(HOSTILE)
def test_outside_text_makes_no_markup_link_or_mention(text: str) -> None:
    written = re.sub(r"\A</?code>|</?code>\Z|\A`[^`]*`\Z", "", cells.prose(text))
    assert not set(written) & set("<>`[]*|\\@~")
    assert "://" not in written
    assert "www." not in written


@given(HOSTILE)
def test_a_mention_is_always_in_fixed_width(text: str) -> None:
    if "@" in text:
        assert cells.prose(text).startswith("<code>")


def test_plain_text_stays_readable_as_code() -> None:
    assert cells.code("https://a.example/x_y?z=***") == "`https://a.example/x_y?z=***`"
    assert cells.code("") == ""
    assert cells.code("a|b`c") == "<code>a&#124;b&#96;c</code>"
