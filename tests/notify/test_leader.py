"""Of several replicas one tells: the one that writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from syncer import noticing

if TYPE_CHECKING:
    from syncer.notify.desk import Desk
    from syncer.wiring import Opened


@pytest.mark.parametrize(("leads", "told"), [(True, 1), (False, 0)])
def test_a_process_that_stands_by_tells_nobody(leads: bool, told: int) -> None:
    heard: list[object] = []
    tracker = SimpleNamespace(apps={}, failure=None)
    here = SimpleNamespace(leadership=SimpleNamespace(leads=leads), journal=None, tracker=tracker)
    noticing.tell(cast("Desk", SimpleNamespace(after=heard.append)), cast("Opened", here), None)
    assert len(heard) == told
