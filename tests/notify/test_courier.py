"""Deliveries to real servers: in order, again and again, and at last given up."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer import log
from syncer.clock import SystemClock
from syncer.model.desired import EnvToken, FileToken
from syncer.notify.courier import Courier, Patience, Round
from syncer.notify.spool import Spool
from syncer.notify.transport import Answer, Link
from syncer.serve import signatures
from tests.support.builders import NOW, AClock
from tests.support.noticed import QUICK, SENDER, T0, Hands, a_notice, a_receiver
from tests.support.receivers import OK, Received, Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from syncer.notify.sinks import Request
    from syncer.settings.tree import Notify


class Desk:
    """A courier at work, with what it counted and logged."""

    def __init__(self, receiver: Notify, post: Any, clock: Any, **more: Any) -> None:
        self.spool = Spool.in_memory()
        self.counts: list[tuple[str, str]] = []
        self._more = asyncio.Event()
        self.environ: dict[str, str] = {}
        self.receiver = receiver
        known: dict[str, Any] = {"patience": QUICK}
        shared = Round(
            self.spool,
            clock,
            random.Random(7),
            self.environ,
            SENDER,
            log.configure(json=True, level="info"),
            count=self._count,
            **{**known, **more},
        )
        self.courier = Courier(receiver, post, shared)

    def send(self, *names: str, **fields: Any) -> None:
        at = fields.pop("at", SystemClock().now())
        self.spool.record(self.receiver.name, [a_notice(id=name, at=at, **fields) for name in names], {})
        self.courier.wake()

    def _count(self, kind: str, result: str) -> None:
        self.counts.append((kind, result))
        self._more.set()

    async def counted(self, number: int) -> None:
        """Until so many attempts were counted."""
        async with asyncio.timeout(20):
            while len(self.counts) < number:
                self._more.clear()
                await self._more.wait()

    async def emptied(self) -> None:
        """Until nothing waits."""
        async with asyncio.timeout(20):
            while self.spool.waiting(self.receiver.name) or not self.courier.idle.is_set():
                await self.courier.idle.wait()
                await asyncio.sleep(0)


@asynccontextmanager
async def desk(receiver: Notify, post: Any = None, clock: Any = None, **more: Any) -> AsyncIterator[Desk]:
    link = Link("", None, 5.0)
    made = Desk(receiver, post or link, clock or SystemClock(), **more)
    task = asyncio.create_task(made.courier.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await link.aclose()
        made.spool.close()


def ids(receiver: Receiver) -> list[str]:
    return [each.headers["webhook-id"] for each in receiver.got]


def answers(*statuses: int, then: int = 200, headers: dict[str, str] | None = None) -> Any:
    """These statuses one after the other."""
    left = list(statuses)
    return lambda _request: (left.pop(0) if left else then, headers or {}, b"")


async def test_notices_arrive_in_order_and_are_counted() -> None:
    with receiving() as receiver:
        async with desk(a_receiver(receiver.url())) as here:
            here.send("1", "2", "3")
            await here.emptied()
            assert here.counts == [("webhook", "sent")] * 3
    assert ids(receiver) == ["1", "2", "3"]


async def test_one_that_fails_is_tried_again_before_the_next_and_has_the_same_id() -> None:
    with receiving() as receiver:
        receiver.answer = answers(500, 503, 429, 404, 401, 302)
        async with desk(a_receiver(receiver.url())) as here:
            here.send("1", "2")
            await here.emptied()
            assert here.counts == [("webhook", "failed")] * 6 + [("webhook", "sent")] * 2
    assert ids(receiver) == ["1"] * 7 + ["2"]


async def test_a_signature_is_made_anew_for_each_attempt(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-first-secret\n")
    with receiving() as receiver:

        def refuse_once(_request: Received) -> tuple[int, dict[str, str], bytes]:
            secret.write_text("the-second-secret\n")
            return OK if len(receiver.got) > 1 else (500, {}, b"")

        receiver.answer = refuse_once
        async with desk(a_receiver(receiver.url(), secret=FileToken(str(secret))), clock=AClock()) as here:
            here.send("1", at=NOW)
            await here.emptied()
    signed = [(each.headers, key) for each, key in zip(receiver.got, ("first", "second"), strict=True)]
    assert int(signed[1][0]["webhook-timestamp"]) > int(signed[0][0]["webhook-timestamp"])
    for headers, key in signed:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert signatures.standard(headers, receiver.got[0].body, f"the-{key}-secret".encode(), at)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_one_that_will_never_be_taken_is_given_up_at_once(status: int) -> None:
    with receiving() as receiver:
        receiver.answer = answers(status)
        async with desk(a_receiver(receiver.url())) as here:
            here.send("1", "2")
            await here.emptied()
            assert here.counts == [("webhook", "dropped"), ("webhook", "sent")]
    assert ids(receiver) == ["1", "2"]


async def test_one_that_is_too_old_is_given_up() -> None:
    with receiving() as receiver:
        async with desk(a_receiver(receiver.url())) as here:
            here.send("1", at=SystemClock().now() - timedelta(hours=25))
            here.send("2")
            await here.emptied()
            assert here.counts == [("webhook", "dropped"), ("webhook", "sent")]
    assert ids(receiver) == ["2"]


class Plays:
    """Answers without a network, and keeps when it was asked."""

    def __init__(self, clock: Hands, *played: Answer) -> None:
        self.clock = clock
        self.played = list(played)
        self.at: list[float] = []
        self.asked = asyncio.Event()

    async def post(self, request: Request) -> Answer:
        del request
        self.at.append(self.clock.monotonic())
        self.asked.set()
        return self.played.pop(0)


async def waits(clock: Hands, here: Desk, seconds: int) -> None:
    """Lets so many seconds pass, one after the other, for a courier that waits."""
    for _ in range(seconds):
        clock.move(timedelta(seconds=1))
        here.courier.wake()
        await here.courier.idle.wait()


async def test_waits_double_up_to_the_longest_with_jitter() -> None:
    clock = Hands()
    post = Plays(clock, *[Answer(500)] * 20)
    patience = Patience(first=8.0, longest=64.0)
    async with desk(a_receiver(), post, clock, patience=patience) as here:
        here.send("1", at=T0)
        await here.courier.idle.wait()
        await waits(clock, here, 600)
    gaps = [later - sooner for sooner, later in zip(post.at, post.at[1:], strict=False)]
    for gap, longest in zip(gaps, (8, 16, 32, 64, 64, 64), strict=False):
        assert longest / 2 <= gap <= longest + 1
    assert len(set(gaps[3:])) > 1


async def test_a_receiver_that_names_a_time_is_left_alone_for_so_long() -> None:
    clock = Hands()
    post = Plays(clock, Answer(429, retry_after=120.0), Answer(200))
    async with desk(a_receiver(), post, clock, patience=Patience()) as here:
        here.send("1", at=T0)
        await here.courier.idle.wait()
        await waits(clock, here, 119)
        assert len(post.at) == 1
        await waits(clock, here, 3)
    assert len(post.at) == 2


async def test_a_clock_that_was_set_back_does_not_stop_deliveries() -> None:
    clock = Hands(T0 + timedelta(days=3))
    post = Plays(clock, Answer(500), Answer(200))
    async with desk(a_receiver(), post, clock, patience=Patience()) as here:
        here.send("1", at=T0)
        here.send("2", at=T0 + timedelta(days=3))
        await here.courier.idle.wait()
        clock.at = T0
        here.courier.wake()
        await here.courier.idle.wait()
        assert here.counts[-1] == ("webhook", "sent")


async def test_each_kind_of_trouble_is_logged_once_and_again_after_it_was_over() -> None:
    clock = Hands()
    answered = [Answer(500)] * 3 + [Answer(401)] * 2 + [Answer(200), Answer(500), Answer(200)]
    post = Plays(clock, *answered)
    lines: list[dict[str, Any]] = []
    async with desk(a_receiver(), post, clock, patience=Patience(first=1.0, longest=1.0)) as here:
        here.courier._log = Lines(lines)  # type: ignore[assignment]  # keeps what it is told
        here.send("1", "2", at=T0)
        await here.courier.idle.wait()
        await waits(clock, here, 30)
    failed = [line for line in lines if line["event"] == "notice.failed"]
    assert [(line["error"], line["waiting"]) for line in failed] == [
        ("the receiver answered 500", 2),
        ("the receiver answered 401", 2),
        ("the receiver answered 500", 1),
    ]
    assert failed[1]["hint"] == "check the receiver's url, secret and token"
    assert [line["id"] for line in lines if line["event"] == "notice.sent"] == ["1", "2"]


class Lines:
    """A logger that keeps its lines."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = lines

    def info(self, event: str, **keys: Any) -> None:
        self.lines.append({"event": event, **keys})

    warning = error = info


async def test_a_secret_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    with receiving() as receiver:
        url, key = tmp_path / "url", tmp_path / "key"
        wanted = a_receiver(kind="slack", url=FileToken(str(url)), secret=FileToken(str(key)))
        async with desk(wanted) as here:
            here.send("1")
            await here.counted(2)
            url.write_text(f"{receiver.url('/services/T0/B0/canary')}\n")
            await here.counted(4)
            key.write_text("now-it-is-there")
            await here.emptied()
    assert receiver.got[0].path == "/services/T0/B0/canary"


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://alerts.example/x", "https://u:p@alerts.example/x", "two words", "https://a/\x1b"]
)
async def test_a_place_that_holds_no_usable_url_is_told_without_its_content(text: str) -> None:
    lines: list[dict[str, Any]] = []
    async with desk(a_receiver(url=EnvToken("SYNCER_SECRET_URL"))) as here:
        here.courier._log = Lines(lines)  # type: ignore[assignment]  # keeps what it is told
        here.environ["SYNCER_SECRET_URL"] = text
        here.send("1")
        await here.counted(2)
    assert lines[0]["error"].startswith("variable SYNCER_SECRET_URL ")
    assert not text or text not in str(lines)


async def test_a_fault_of_ours_is_logged_and_the_courier_goes_on() -> None:
    class Faulty:
        calls = 0

        async def post(self, request: Request) -> Answer:
            del request
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("a defect")
            return Answer(200)

    lines: list[dict[str, Any]] = []
    async with desk(a_receiver(), Faulty()) as here:
        here.courier._log = Lines(lines)  # type: ignore[assignment]  # keeps what it is told
        here.send("1")
        await here.emptied()
    assert (lines[0]["event"], lines[0]["error"]) == ("notice.failed", "RuntimeError")
