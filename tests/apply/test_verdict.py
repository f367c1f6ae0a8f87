"""What a reading after a PUT says about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncer.apply import verdict
from syncer.errors import VendorError, VendorKind
from syncer.model.outcome import Verdict
from tests.support.builders import a_step

STEP = a_step()


@pytest.mark.parametrize("kind", list(VendorKind))
def test_only_these_answers_say_that_nothing_was_done(kind: VendorKind) -> None:
    certain = {VendorKind.BAD_REQUEST, VendorKind.AUTH, VendorKind.NOT_FOUND}
    assert verdict.refused(VendorError(kind, "m")) is (kind in certain)
    assert verdict.refused(VendorError(kind, "m", sent=False))


def test_what_is_as_sent_needs_no_explanation() -> None:
    assert verdict.shown(STEP, STEP.body) is Verdict.APPLIED
    assert verdict.explain(STEP, STEP.body, Verdict.APPLIED) == ""


def test_differences_name_every_field_that_is_not_as_sent() -> None:
    live = replace(STEP.live.settings, recording_enabled=True)
    assert verdict.differences(STEP, live) == ("popup_url", "recording_enabled")
