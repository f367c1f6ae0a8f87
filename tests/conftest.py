"""What holds for every test: the rule for tests that need a Debian program, and the figures that soaks keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.soak.figures import Recorder
from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without a needed program a test is skipped with that reason; in CI (CI=true) it fails, so nothing hides there."""
    for program in _needed(item):
        if programs.find(program) is None:
            outcome = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            outcome(f"needs the program {program}")


def _needed(item: pytest.Item) -> Iterator[str]:
    for marker in item.iter_markers("needs"):
        yield from marker.args


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Recorder:
    """Keeps what a test reached for the table in docs/reliability.md: call it last."""
    return Recorder(request.node.nodeid)
