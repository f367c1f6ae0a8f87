"""Answers with another status than the documented success."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from syncer.emulator.faults.fault import Fault, Picked
from syncer.emulator.replies import Reply, failure

if TYPE_CHECKING:
    from syncer.emulator.exchange import Exchange, Proceed

WHEN = {"when": "before"}


async def bad_request(_exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """400 whatever the body says."""
    return failure(400, "invalid_parameter", "invalid parameters")


async def unauthorized(_exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """401 whatever the token is."""
    return failure(401, "unauthorized", "invalid or expired token")


async def unauthorized_after(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """401 once so many requests have passed: a token that ends in the middle of a sweep."""
    if picked.ordinal <= picked.number():
        return await proceed()
    return await unauthorized(exchange, picked, proceed)


async def forbidden(_exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """403, which the documentation does not know."""
    return failure(403, "forbidden", "forbidden")


async def not_found(_exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """404 although the app exists."""
    return failure(404, "not_found", "app doesn't exist")


async def not_found_one(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """404 for one app, the others answer."""
    if picked.word() not in {"", exchange.request.key.app_id}:
        return await proceed()
    return await not_found(exchange, picked, proceed)


async def too_many(exchange: Exchange, picked: Picked, _proceed: Proceed) -> Reply:
    """429 with Retry-After in seconds, as a date, or without one."""
    reply = failure(429, "rate_limited", "too many requests")
    seconds, form = picked.number(0), picked.word(1)
    if form == "none":
        return reply
    at = exchange.store.clock.now() + timedelta(seconds=seconds)
    value = format_datetime(at, usegmt=True) if form == "date" else f"{seconds:g}"
    return replace(reply, headers=(("Retry-After", value),))


async def retry_after_huge(_exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """429 that asks to wait for thirty years."""
    return replace(failure(429, "rate_limited", "too many requests"), headers=(("Retry-After", "999999999"),))


async def server_error(_exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """500, before the request was looked at or after it was carried out."""
    if picked.word() == "after":
        await proceed()
    return failure(500, "internal_error", "internal server error")


async def unavailable(_exchange: Exchange, picked: Picked, _proceed: Proceed) -> Reply:
    """503, with Retry-After when seconds are given."""
    reply = failure(503, "unavailable", "service unavailable")
    return replace(reply, headers=(("Retry-After", picked.word()),)) if picked.word() else reply


STATUSES = {
    "400": Fault(bad_request, "400 whatever the body says"),
    "401_all": Fault(unauthorized, "401 whatever the token is"),
    "401_after": Fault(unauthorized_after, "n requests pass, then 401", {"n": "1"}),
    "403": Fault(forbidden, "403, which the documentation does not know"),
    "404_all": Fault(not_found, "404 although the app exists"),
    "404_one": Fault(not_found_one, "404 for the app named, or for the app it is set on", {"app_id": ""}),
    "429": Fault(
        too_many,
        "429 with Retry-After; form is seconds, date or none",
        {"seconds": "1", "form": "seconds"},
        choices={"form": ("seconds", "date", "none")},
    ),
    "retry_after_huge": Fault(retry_after_huge, "429 with Retry-After: 999999999"),
    "500_storm": Fault(server_error, "500; a PUT is lost, or carried out first with after", WHEN),
    "503": Fault(unavailable, "503, with Retry-After when seconds are given", {"seconds": ""}),
}
