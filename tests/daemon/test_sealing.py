"""Heads in time, though no pass comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from syncer.cli import service
from syncer.errors import JournalError

if TYPE_CHECKING:
    import pytest


class Journal:
    """Answers each look with the next trouble, then waits to be forgotten."""

    def __init__(self, *troubles: str) -> None:
        self._troubles = list(troubles)
        self.done = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def seal_if_due(self) -> None:
        trouble = self._troubles.pop(0) if self._troubles else ""
        if not self._troubles:
            self._loop.call_soon_threadsafe(self.done.set)
        if trouble:
            raise JournalError(trouble)

    def seal(self) -> None:
        self.seal_if_due()


class Log:
    def __init__(self) -> None:
        self.told: list[str] = []

    def error(self, event: str, *, error: str) -> None:
        self.told.append(error)


async def test_trouble_is_told_once_and_again_when_it_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SEAL_EVERY", 0)
    journal, log = Journal("full", "full", "", "full", "broken", ""), Log()
    task = asyncio.create_task(service._keep_sealed(cast("Any", SimpleNamespace(journal=journal)), cast("Any", log)))
    await asyncio.wait_for(journal.done.wait(), 10)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert log.told == ["full", "full", "broken"]


async def test_a_head_that_can_not_be_made_after_a_pass_is_told() -> None:
    log = Log()
    service._sealed(cast("Any", SimpleNamespace(journal=Journal("full"))), cast("Any", log))

    assert log.told == ["full"]
