"""Ids that sort by time."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from syncer.audit.ulid import Ulids
from tests.support.recording import Ticks


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    new_id = Ulids(Ticks(), os.urandom)
    ids = [new_id() for _ in range(100)]

    assert ids == sorted(set(ids))
    assert {len(one) for one in ids} == {26}


def test_the_layout_is_48_bits_of_milliseconds_then_80_random_bits() -> None:
    clock = Ticks(datetime(2016, 7, 30, 22, 36, 16, 385000, tzinfo=UTC))

    assert Ulids(clock, lambda count: b"\xff" * count)() == "01ARYZ6S41ZZZZZZZZZZZZZZZZ"
