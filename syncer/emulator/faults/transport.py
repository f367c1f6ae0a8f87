"""The connection: late, slow, silent, broken, or with too many headers."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from syncer.emulator.faults.fault import Fault, Picked
from syncer.emulator.replies import GONE, Reply

if TYPE_CHECKING:
    from syncer.emulator.exchange import Exchange, Proceed

HEADER_SIZE = 8000


async def latency(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """Answer late; the PUT is carried out after the wait, or before it, also when the client has left."""
    seconds = picked.number(0) / 1000
    if picked.word(1) == "after":
        reply = await proceed()
        await exchange.pause(seconds)
        return reply
    await exchange.pause(seconds)
    return await proceed()


async def reset_before(exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """TCP reset instead of an answer; nothing was stored."""
    await exchange.wire.reset()
    return GONE


async def reset_after(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """TCP reset instead of an answer; the PUT was stored."""
    await proceed()
    await exchange.wire.reset()
    return GONE


async def hang(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """Never answer; the connection stays open until the client leaves."""
    if picked.word() == "after":
        await proceed()
    await exchange.wire.closed.wait()
    return GONE


async def slow_drip(_exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """The right answer, one byte at a time."""
    return replace(await proceed(), drip=picked.number() / 1000)


async def cut_off(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """An answer that promises more bytes than it sends before the connection closes."""
    reply = await proceed()
    fields = f"content-type: {reply.media_type}\r\ncontent-length: {len(reply.body)}"
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{fields}\r\n\r\n"
    await exchange.wire.cut_off(head.encode() + reply.body[: len(reply.body) // 2])
    return GONE


async def header_bomb(_exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """The right answer under a heap of headers."""
    reply = await proceed()
    count = int(picked.number()) // HEADER_SIZE + 1
    padding = tuple((f"X-Padding-{number}", "x" * HEADER_SIZE) for number in range(count))
    return replace(reply, headers=reply.headers + padding)


TRANSPORT = {
    "latency": Fault(latency, "wait, then handle; or handle, then wait with after", {"ms": "1000", "when": "before"}),
    "reset_before_commit": Fault(reset_before, "TCP reset, nothing stored", methods=("PUT",)),
    "reset_after_commit": Fault(reset_after, "TCP reset, the PUT is stored", methods=("PUT",)),
    "hang": Fault(hang, "no answer, ever; a PUT is stored only with after", {"when": "before"}),
    "slow_drip": Fault(slow_drip, "the body comes one byte at a time, ms apart", {"ms": "1000"}),
    "cut_off": Fault(cut_off, "the connection closes in the middle of the body"),
    "header_bomb": Fault(header_bomb, "that many bytes of headers", {"bytes": "262144"}),
}
