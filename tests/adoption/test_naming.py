"""Names that people can type, one for each app."""

from __future__ import annotations

import pytest

from syncer.adoption.naming import names
from syncer.model.desired import AppRef
from syncer.model.live import Listed


def named(*apps: tuple[str, str], customer: str = "c") -> list[str]:
    listed = [Listed(AppRef(customer, app_id), name) for app_id, name in apps]
    return list(names(listed).values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Support Desk", "support-desk"),
        ("support_desk.in", "support_desk.in"),
        ("  Sales -- Line!  ", "sales-line"),
        ("Ünïted", "united"),
        ("", "app_1"),
        ("दिल्ली", "app_1"),
        ("\x1b[31m", "31m"),
        ("x" * 300, "x" * 64),
    ],
)
def test_a_name_is_the_vendors_in_plain_letters(name: str, expected: str) -> None:
    assert named(("app_1", name)) == [expected]


def test_two_of_one_name_are_called_by_their_ids() -> None:
    assert named(("a1", "Sales"), ("a2", "sales"), ("a3", "Desk")) == ["a1", "a2", "desk"]


def test_nobody_is_called_by_the_id_of_another() -> None:
    assert named(("sales", "X"), ("a2", "Sales")) == ["x", "a2"]
    assert named(("Sales", "Sales")) == ["Sales"]


def test_names_that_others_have_are_not_given() -> None:
    apps = [Listed(AppRef("c", "a1"), "Sales")]
    assert list(names(apps, {("c", "sales")}).values()) == ["a1"]


def test_customers_do_not_share_names() -> None:
    apps = [Listed(AppRef("c", "a1"), "Sales"), Listed(AppRef("d", "a1"), "Sales")]
    assert list(names(apps).values()) == ["sales", "sales"]
