from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.desired.placeholders import expand, unknown

VALUES = {"app": "support", "app_id": "app_1", "customer_id": "acme", "labels.team": "care"}


def test_every_placeholder_of_the_closed_set_is_replaced() -> None:
    text = "{customer_id}/{app}/{app_id}/{labels.team}/{app}"
    assert expand(text, VALUES) == ("acme/support/app_1/care/support", ())


@given(st.text(st.characters(exclude_characters="{}")))
def test_text_without_braces_is_left_as_it_is(text: str) -> None:
    assert expand(text, VALUES) == (text, ())


@given(st.text())
def test_a_value_is_put_in_literally_and_never_expanded_again(value: str) -> None:
    assert expand("<{app}|{labels.x}>", {"app": "{labels.x}", "labels.x": value}) == (f"<{{labels.x}}|{value}>", ())


@given(st.text("{}abp.", max_size=12))
def test_either_everything_is_expanded_or_the_text_comes_back_with_faults(text: str) -> None:
    result, faults = expand(text, {"app": "X"})
    assert (result == text) if faults else ("{" not in result)


def test_an_unknown_placeholder_suggests_the_nearest() -> None:
    text, faults = expand("{ap}/x", VALUES)
    assert text == "{ap}/x"
    assert [(fault.rule, fault.message) for fault in faults] == [("SY310", "unknown placeholder `{ap}`")]
    assert faults[0].help.startswith("did you mean `{app}`? ")


def test_a_label_nobody_set_is_its_own_fault() -> None:
    (fault,) = expand("{labels.tean}", VALUES)[1]
    assert (fault.rule, fault.help) == ("SY311", "did you mean `{labels.team}`?")
    (fault,) = expand("{labels.zone}", VALUES)[1]
    assert fault.help == "set `labels: {zone: …}` on the app or below it"


@pytest.mark.parametrize("text", ["{", "}", "{app", "app}", "{{app}}", "{a{app}}", "a{b}{"])
def test_a_brace_without_its_partner_is_a_fault(text: str) -> None:
    assert {fault.rule for fault in expand(text, VALUES)[1]} == {"SY310"}


@pytest.mark.parametrize("text", ["{}", "{ app }", "{App}", "{env.HOME}", "{0}", "{app!r}", "{app.__class__}"])
def test_nothing_outside_the_closed_set_is_taken(text: str) -> None:
    assert expand(text, VALUES)[1][0].rule == "SY310"


def test_what_no_app_could_mend_is_known_without_an_app() -> None:
    assert unknown("https://{labels.host}/{app}/{app_id}/{customer_id}") == ()
    assert [fault.rule for fault in unknown("{labels.x}/{ap}/{")] == ["SY310", "SY310"]
