from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncer.cli.render import explain
from syncer.cli.render.explain import ExplainView, HistoryRow
from syncer.cli.render.style import Style
from syncer.errors import VendorKind
from syncer.model.desired import FileToken, OnDrift, Policy, Revision
from syncer.model.fields import Field
from syncer.model.live import Unreadable
from tests.support.shown_plans import NOW, RECORDING, REVISION, SEEN, app, last, live, settings, view, with_policy

PLAIN = Style()
APP = replace(app(declared=settings(recording_enabled=True, recording_url=RECORDING)), labels=(("env", "prod"),))
OLD = "https://elsewhere.example/recording"
PAST = (HistoryRow(SEEN, "manual", "applied", ("recording_url",), REVISION.id),)


def shown(policy: Policy | None = None, **moved: str | bool | None) -> ExplainView:
    subject = with_policy(replace(APP, token=FileToken("/secrets/desk")), policy or Policy())
    plan = view([(subject, live(subject, **moved))], [last(subject)])
    changes = plan.decision.plan.steps[0].changes if moved else ()
    holds = plan.decision.holds_of(subject.ref)
    found = live(subject, **moved)
    return ExplainView(
        subject, NOW, plan.blame, plan.statuses[0], found, last(subject), changes, holds, PAST, NOW + timedelta(hours=1)
    )


def test_one_field_of_a_drifted_app() -> None:
    expected = """\
cust_acme/app_support_desk (support-desk)
  state       Drifted for 0.0 s: changed at the vendor: recording_url
  declared    apps/acme.yaml:12
  labels      env=prod
  token       file /secrets/desk
  policy      on_commit: apply
              on_drift: correct
  applied     2026-05-03 09:52 UTC from commit 1a2b3c4; last seen in agreement 09:52 UTC
  next        the daemon's pass at 11:07 UTC, or `syncer sync`, writes recording_url

    recording_url      https://hooks.acme.example/recording
                       app: apps/acme.yaml:16  1a2b3c4 Asha Rao <asha@acme.example>, 09:52 UTC
                       live: https://elsewhere.example/recording  (drift)
                       ! host-change: elsewhere.example -> hooks.acme.example
                       applied 09:52 UTC (manual)
                       next: the daemon's pass at 11:07 UTC, or `syncer sync`, writes it

  history
    09:52 UTC  applied  recording_url  manual  commit 1a2b3c4
"""
    found = replace(shown(recording_url=OLD), field=Field.RECORDING_URL)
    assert expected == explain.text(found, PLAIN)


def test_all_fields_are_told_declared_or_not() -> None:
    text = explain.text(shown(), PLAIN)
    assert [line.split()[0] for line in text.splitlines() if line.startswith("    ") and line[4] != " "][:7] == list(
        Field
    )
    assert "callback_url       not declared\n                       left as it is at the vendor" in text
    assert "live: the same" in text
    assert "  next        nothing: live is as git declares\n" in text


def test_a_hold_stands_with_its_way_out() -> None:
    text = explain.text(shown(Policy(on_drift=OnDrift.REPORT), recording_url=OLD), PLAIN)
    assert "  held        on_drift: report (recording_url)\n  to release  syncer approve " in text
    assert "  next " not in text


def test_what_no_hold_names_is_written() -> None:
    found = shown(Policy(on_drift=OnDrift.REPORT), recording_url=OLD)
    partly = replace(found, holds=tuple(replace(hold, fields=(Field.POPUP_URL,)) for hold in found.holds))
    assert "writes recording_url\n" in explain.text(partly, PLAIN)
    wholly = replace(found, holds=tuple(replace(hold, fields=(), release="") for hold in found.holds))
    assert "writes" not in explain.text(wholly, PLAIN)


def test_without_a_daemon_the_next_step_is_a_command() -> None:
    text = explain.text(replace(shown(recording_url=OLD), next_pass=None), PLAIN)
    assert "  next        the next `syncer sync` writes recording_url\n" in text


def test_an_unreadable_app_concludes_nothing() -> None:
    lost = Unreadable(APP.ref, VendorKind.SERVER, "500: the vendor failed")
    text = explain.text(replace(shown(), live=lost), PLAIN)
    assert "  next        read again at the next pass; nothing is concluded until then\n" in text
    assert "live: unreadable (500: the vendor failed)\n" in text


def test_without_vendor_and_memory_only_git_is_told() -> None:
    text = explain.text(ExplainView(APP, NOW, {}), PLAIN)
    assert "  applied     no record of an earlier apply\n" in text
    assert "app: apps/acme.yaml:16\n" in text
    assert "live" not in text
    assert "next" not in text


def test_an_invalid_file_leaves_the_last_good_reading_in_force() -> None:
    folder = Revision("sha256:" + "ab" * 32, "config")
    broken = replace(APP, invalid="SY201: unknown key", revision=folder)
    text = explain.text(ExplainView(broken, NOW, {}, last=replace(last(APP), revision=folder.id)), PLAIN)
    assert "  invalid     SY201: unknown key; folder abababababab stays in force\n" in text
    assert "from folder abababababab;" in text


def test_history_of_other_fields_is_left_out() -> None:
    text = explain.text(replace(shown(), field=Field.RECORDING_ENABLED), PLAIN)
    assert "history" not in text


def test_text_at_the_vendor_that_is_no_url_is_shown_whole() -> None:
    odd = "x " * 60
    text = explain.text(replace(shown(recording_url=odd), field=Field.RECORDING_URL), PLAIN)
    lines = text.partition("live: ")[2].splitlines()
    assert f'"{odd}"' == "".join([lines[0], lines[1][29:]])
