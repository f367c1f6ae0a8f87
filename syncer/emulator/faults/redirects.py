"""Redirects: followed, a PUT becomes a GET that succeeds, and a token may leave for another host."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from syncer.emulator.faults.fault import Fault, Picked
from syncer.emulator.replies import Reply

if TYPE_CHECKING:
    from syncer.emulator.exchange import Exchange, Proceed


async def cross_host(status: int, exchange: Exchange, picked: Picked, _proceed: Proceed) -> Reply:
    """Point at the same path on another origin: the argument, else the mode `redirect_target`."""
    origin = picked.word() or exchange.store.modes.redirect_target
    return Reply(status, headers=(("Location", f"{origin}{exchange.request.path}"),))


async def same_host(status: int, exchange: Exchange, _picked: Picked, _proceed: Proceed) -> Reply:
    """Point at the same resource here, where a GET would succeed."""
    return Reply(status, headers=(("Location", f"{exchange.request.path}?moved=1"),))


REDIRECTS = {
    "redirect_302_cross_host": Fault(partial(cross_host, 302), "302 to another origin", {"origin": ""}),
    "redirect_307_cross_host": Fault(partial(cross_host, 307), "307 to another origin", {"origin": ""}),
    "redirect_302_same_host": Fault(partial(same_host, 302), "302 to this resource, where a GET succeeds"),
    "redirect_307_same_host": Fault(partial(same_host, 307), "307 to this resource"),
}
