"""What a person's orders mean for a plan, and how they read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model.orders import Pin, Suspension
from syncer.model.planned import Hold, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from syncer.model.desired import DesiredApp


def told(order: Suspension | Pin) -> str:
    """An order as a sentence without its subject: `suspended by cli:asha until 2026-11-24 10:00 UTC: CHG-1042`."""
    end = f"{order.until:%Y-%m-%d %H:%M %Z}"
    if isinstance(order, Pin):
        return f"pinned to {order.short} by {order.by} until {end}: {order.reason}"
    whose = "" if order.ref else "with the whole fleet "
    return f"suspended {whose}by {order.by} until {end}: {order.reason}"


def pause(app: DesiredApp, now: datetime) -> str:
    """Why an app is left alone for now; empty where it is not."""
    return "; ".join(_pauses(app, now))


def _pauses(app: DesiredApp, now: datetime) -> Iterator[str]:
    own = app.policy.suspend
    if own is not None and (own.until is None or now < own.until):
        yield own.reason
    yield from (told(each) for each in app.suspensions if now < each.until)


def holds(app: DesiredApp, now: datetime) -> Iterator[Hold]:
    """What stands against every change of an app, and against all of it: no approval is an answer to an order."""
    own = app.policy.suspend
    if own is not None and (own.until is None or now < own.until):
        until = f" until {own.until:%Y-%m-%d %H:%M %Z}" if own.until else ""
        yield Hold(
            Rule.SUSPENDED, f"suspended{until}: {own.reason}", app.ref, release=f"remove suspend of {app.name} in git"
        )
    for each in app.suspensions:
        if now < each.until:
            whose = app.ref if each.ref else "--all"
            release = f"wait for its end, or: syncer resume {whose} --reason '…'"
            yield Hold(Rule.SUSPENDED, told(each), app.ref, release=release)
    if app.unpinnable:
        yield Hold(Rule.PIN_LOST, app.unpinnable, app.ref, release=f"syncer rollback {app.ref} --undo --reason '…'")
