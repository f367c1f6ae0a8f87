"""Answers made to be misread, by the thousand: an error of ours or exactly what they say (hazards C4 to C6, I8)."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from syncer import log, settings, wiring
from syncer.errors import VendorError
from syncer.model.fields import Field, plain
from syncer.model.live import Unreadable
from syncer.model.outcome import Trigger
from syncer.parts import Ask
from syncer.vendor.transport import MAX_BODY
from tests.vendor import grammar
from tests.vendor.stage import COMPLETE, REF, desired, http, raw_server, reading, writing

if TYPE_CHECKING:
    from syncer.model.live import LiveApp
    from syncer.model.outcome import SyncReport
    from syncer.vendor.client import ReadClient
    from tests.soak.figures import Recorder
    from tests.vendor.grammar import Answer
    from tests.vendor.stage import Act, RawServer

DEADLINE = 0.1
SLACK = 5.0
"""Seconds past the deadline that a busy machine may take."""
CUSTOMER, APPS = "cust_acme", 4


class TwiceError(ValueError):
    """A key stands there twice."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise TwiceError
    return dict(pairs)


def documented(body: bytes) -> dict[str, Any] | None:
    """The seven settings that a body says, read without anything of syncer; None for anything else."""
    try:
        answer = json.loads(body.decode("utf-8"), object_pairs_hook=unique)
        settings = answer["data"]["settings"]
        meant = answer["success"] is True and answer["data"]["app_id"] == REF.app_id
        found = {field.value: settings[field.value] for field in Field}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if meant and all(map(has_its_type, found, found.values())) else None


def has_its_type(name: str, value: object) -> bool:
    flag = name in {Field.RECORDING_ENABLED, Field.STREAMING_ENABLED}
    return isinstance(value, bool) if flag else value is None or isinstance(value, str)


def said(live: LiveApp) -> dict[str, Any]:
    return {field.value: plain(live.settings.get(field)) for field in Field}


def sending(answer: Answer) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        for piece in answer.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if answer.ending == "close":
            writer.close()
        elif answer.ending == "silent":
            await asyncio.sleep(60)

    return act


def true_to(answer: Answer, live: LiveApp) -> bool:
    """Whether the settings are those of the body, or of the part of it that a shorter Content-Length leaves."""
    return said(live) in [documented(body) for body in (answer.body, answer.body[:-1], answer.body[:-10])]


async def tried(method: str, count: int, seed: int) -> int:
    """That many answers to one method; how many were believed, each of them rightly."""
    rng = random.Random(seed)
    current: list[Answer] = []
    believed = 0
    async with (
        raw_server(lambda _: sending(current[0])) as server,
        writing(server.url, deadline=DEADLINE, attempts=1) as client,
    ):
        for number in range(count):
            current[:] = [grammar.answer(rng, REF.app_id)]
            begun = time.monotonic()
            try:
                live = (
                    await client.fetch(desired())
                    if method == "GET"
                    else (await client.put(desired(), COMPLETE, f"{number:016x}")).live
                )
            except VendorError as error:
                in_order = error.message.isprintable()
            else:
                in_order = true_to(current[0], live)
                believed += 1
            assert in_order, current
            assert time.monotonic() - begun < DEADLINE + SLACK, current
            client.begin_sweep()
    return believed


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("count", [200, pytest.param(12_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
async def test_an_answer_is_an_error_or_exactly_what_it_says(figure: Recorder, method: str, count: int) -> None:
    believed = await tried(method, count, 11)
    assert count // 50 < believed < count // 2, "a fuzz that is always refused, or never, proves nothing"
    figure("hostile-answers", count, seeds="11", result=f"0 misread, {believed:,} rightly believed")


async def hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless_header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: " + b"y" * 4_000 + b"\r\n")
        await writer.drain()


async def endless_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        await writer.drain()


ENDLESS: tuple[bytes | Act, ...] = (
    *(hang, drip, endless_header, endless_body),
    http(200, b"x" * (MAX_BODY + 1)),
    http(200, b"[" * MAX_BODY),
    http(200, b'{"a":' * (MAX_BODY // 5)),
    http(500, b"x" * (MAX_BODY + 1)),
)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("count", [96, pytest.param(4_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
async def test_answers_without_an_end_leave_nothing_behind(figure: Recorder, count: int) -> None:
    """I8: with sixteen of them at once, memory stays flat and every connection is given back."""
    answers = iter([ENDLESS[number % len(ENDLESS)] for number in range(count + len(ENDLESS) * 4)])
    before = descriptors()
    async with (
        raw_server(lambda _: next(answers)) as server,
        reading(server.url, deadline=DEADLINE, attempts=1, concurrency=16) as client,
    ):
        await many(client, len(ENDLESS) * 4)
        gc.collect()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await many(client, count)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown
    for _ in range(10):
        await asyncio.sleep(0)  # transports close in the turn after
    assert descriptors() <= before
    assert grown < 16 * 1024, f"grew by {grown} KiB"
    figure("hostile-answers", count, seeds="none", result="memory flat, every descriptor given back")


async def many(client: ReadClient, count: int) -> None:
    """So many reads, each of which fails in time."""
    for start in range(0, count, 16):
        found = await asyncio.gather(*(client.read(desired()) for _ in range(start, min(start + 16, count))))
        assert all(isinstance(each, Unreadable) for each in found)


async def one_pass(home: Path, server: RawServer) -> SyncReport:
    """A whole pass in apply mode over four apps, of which each wants another popup_url than any answer names."""
    (home / "apps").mkdir(parents=True)
    apps = "\n".join(f"  app_{n}: {{}}" for n in range(APPS))
    (home / "apps/apps.yaml").write_text(
        f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: {CUSTOMER}\n"
        f"defaults: {{token: {{file: {home}/token}}, settings: {{popup_url: 'https://hooks.example/wanted'}}}}\n"
        f"apps:\n{apps}\n"
    )
    (home / "token").write_text("token\n")
    (home / "c.yaml").write_text(
        f"apiVersion: syncer/v1\nkind: Config\nsource: {{path: {home}/apps}}\nstate_dir: {home}/state\n"
        f"vendor: {{base_url: '{server.url}', rate: 5000/s}}\npolicy: {{max_unreadable: 100%}}\n"
    )
    given = settings.load({}, {}, home / "c.yaml").settings
    given = replace(given, vendor=replace(given.vendor, deadline=timedelta(seconds=DEADLINE)))
    waits = wiring.Waits(read_back=(0.0,), backoff=0.001)
    async with wiring.opened(given, write=True, log=log.silent(), principal="test", waits=waits) as here:
        return await here.reconciler.run(Ask(Trigger.MANUAL, write=True))


@pytest.mark.parametrize("passes", [4, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
async def test_no_write_follows_from_a_bad_read(tmp_path: Path, figure: Recorder, passes: int) -> None:
    """Only an app whose settings were read in full may be written, and no answer here is about an app of the fleet."""
    rng = random.Random(12)
    asked = 0
    for number in range(passes):
        async with raw_server(lambda _: sending(grammar.answer(rng, "app_of_somebody_else"))) as server:
            report = await one_pass(tmp_path / str(number), server)
        methods = [seen.method for seen in server.seen]
        assert set(methods) == {"GET"}
        assert len(report.decision.plan.unreadable) == APPS
        asked += len(methods)
    figure("hostile-answers", asked, seeds="12", result="0 writes after them")
