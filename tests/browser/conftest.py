"""One Chromium for all tests of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Until the module ends: while it is open its loop runs, and no other test could run one."""
    with chromium() as opened:
        yield opened
