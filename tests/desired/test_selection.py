from __future__ import annotations

import pytest

from syncer.desired.selection import select
from syncer.errors import UsageError
from tests.support.desired_apps import app

FLEET = (
    app("billing", "acme", {"env": "prod", "team": "care"}),
    app("sales-in", "acme", {"env": "prod", "team": "sales"}),
    app("sales-us", "acme", {"env": "test", "team": "sales"}),
    app("billing", "globex"),
)


def chosen(*patterns: str, labels: tuple[str, ...] = ()) -> list[str]:
    return [str(one.ref) for one in select(FLEET, patterns, labels)]


def test_without_patterns_all_are_selected() -> None:
    assert select(FLEET, ()) == FLEET


def test_a_name_selects_every_customers_app_of_that_name() -> None:
    assert chosen("billing") == ["acme/app_billing", "globex/app_billing"]


def test_customer_and_id_select_exactly_one() -> None:
    assert chosen("globex/app_billing") == ["globex/app_billing"]


def test_an_app_id_is_as_good_as_a_name() -> None:
    assert chosen("app_sales-us") == ["acme/app_sales-us"]


def test_globs_reach_over_names_and_over_refs() -> None:
    assert chosen("sales-*") == ["acme/app_sales-in", "acme/app_sales-us"]
    assert chosen("globex/*") == ["globex/app_billing"]


def test_case_matters() -> None:
    with pytest.raises(UsageError):
        chosen("Billing")


def test_several_patterns_are_a_union_in_the_order_of_the_fleet() -> None:
    assert chosen("sales-us", "acme/app_billing") == ["acme/app_billing", "acme/app_sales-us"]


def test_labels_narrow_what_patterns_name() -> None:
    assert chosen("sales-*", labels=("env=prod",)) == ["acme/app_sales-in"]


def test_every_term_of_every_selector_must_fit() -> None:
    assert chosen(labels=("env=prod, team!=sales",)) == ["acme/app_billing"]
    assert chosen(labels=("env==prod", "team=sales")) == ["acme/app_sales-in"]


def test_an_app_without_the_label_differs_from_every_value() -> None:
    assert chosen(labels=("env!=prod",)) == ["acme/app_sales-us", "globex/app_billing"]


def test_labels_that_fit_nothing_select_nothing() -> None:
    assert chosen(labels=("env=moon",)) == []


def test_an_unknown_name_is_a_usage_error_that_suggests() -> None:
    with pytest.raises(UsageError) as caught:
        chosen("biling")
    assert caught.value.message == "no app is called 'biling'"
    assert caught.value.hint == "did you mean 'billing'?"


def test_a_name_like_nothing_gets_help_without_a_guess() -> None:
    with pytest.raises(UsageError) as caught:
        chosen("zzzzzz")
    assert "keys under `apps:`" in caught.value.hint


def test_a_glob_that_matches_nothing_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no app matches 'x\\*'"):
        chosen("x*")


@pytest.mark.parametrize("selector", ["", "env", "env=prod,", "=x", "a=b=c", "!env"])
def test_a_selector_that_can_not_be_read_is_a_usage_error(selector: str) -> None:
    with pytest.raises(UsageError, match="label selector"):
        chosen(labels=(selector,))
