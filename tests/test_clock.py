"""The machine's clocks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from syncer.clock import SystemBootClock, SystemClock


def test_the_wall_clock_is_utc_and_the_other_does_not_run_backwards() -> None:
    clock = SystemClock()

    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_the_boot_clock_names_the_boot_and_does_not_run_backwards() -> None:
    boot = SystemBootClock()

    assert boot.boot_id() == SystemBootClock().boot_id()
    assert boot.boottime_ns() <= boot.boottime_ns()


def test_without_a_boot_id_every_process_names_its_own() -> None:
    nowhere = Path("/nonexistent/boot_id")

    assert SystemBootClock(nowhere).boot_id() != SystemBootClock(nowhere).boot_id()
