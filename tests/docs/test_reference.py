"""The reference tables say what the schemas say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs import reference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", tuple(reference.pages()), ids=lambda page: page.name)
def test_reference_is_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == reference.updated(text), "run `make docs`"


def test_configuration_and_desired_state_have_a_reference() -> None:
    assert {page.name for page in reference.pages()} >= {"configuration.md", "desired-state.md"}


def test_every_part_stands_on_a_page() -> None:
    used = {found[2] for page in reference.pages() for found in reference.MARKED.finditer(page.read_text("utf-8"))}
    assert used == set(reference.PARTS)
