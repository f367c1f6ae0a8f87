"""Threads and tasks end before whoever waits for them goes on."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from syncer import threads

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who")


async def test_work_in_a_thread_gives_its_result_and_sees_who_asked() -> None:
    def work(first: int, *, then: int) -> tuple[str, int, int]:
        return WHO.get(), first, then

    WHO.set("a pass")
    assert await threads.in_thread(work, 1, then=2) == ("a pass", 1, 2)


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.in_thread(lambda: 1 / 0)


async def test_whoever_is_cancelled_waits_for_the_thread_however_often() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(10)
        raise ValueError("nobody is left to be told")

    waiting = asyncio.create_task(threads.in_thread(work))
    assert await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancelled_caller_interrupts_the_work() -> None:
    stop = threading.Event()
    waiting = asyncio.create_task(threads.interruptible(stop.set, lambda: stop.wait(30)))
    await asyncio.sleep(0)
    begun = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - begun < 10


async def test_tasks_have_ended_when_they_were_ended() -> None:
    told: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            told.append("let go")
            raise ValueError("nobody is told")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    await threads.end([task])
    assert told == ["let go"]
    await threads.end([])
