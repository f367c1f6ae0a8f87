"""`syncer approve --non-fast-forward SHA`: one commit may come in force though it does not follow the one that is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from syncer import log, wiring
from syncer.errors import HeldError, Refusal, RefusedCommitError, UsageError
from syncer.model.planned import SourceApproval

if TYPE_CHECKING:
    from datetime import timedelta

    from syncer.settings import Settings
    from syncer.wiring import Opened

SHORTEST = 8
"""Characters of a hash that can't name another commit by chance."""


def approve(settings: Settings, given: dict[str, Any], principal: str, lasts: timedelta) -> str:
    """Records the approval; the whole hash approved, empty where nothing waits; HeldError for any other commit."""
    wanted = given["commit"].lower()
    if len(wanted) < SHORTEST or set(wanted) - set("0123456789abcdef"):
        raise UsageError(f"{given['commit']!r} is no commit", hint=f"give at least {SHORTEST} characters of its hash")
    return asyncio.run(_approved(settings, wanted, given["reason"], principal, lasts))


async def _approved(settings: Settings, wanted: str, reason: str, principal: str, lasts: timedelta) -> str:
    async with wiring.opened(settings, write=True, log=log.silent(), principal=principal) as here:
        held = await asyncio.to_thread(_waiting, here)
        if held is None:
            return ""
        if not held.commit.startswith(wanted):
            raise HeldError(f"{held.commit} waits for an approval, and not {wanted}", hint=held.hint)
        if here.journal is not None:
            expires = wiring.CLOCK.now() + lasts
            here.journal.approve_source(SourceApproval(held.was, held.commit, principal, reason, expires))
        return held.commit


def _waiting(here: Opened) -> RefusedCommitError | None:
    """Why the source's newest commit is not taken, if it is a matter of history."""
    try:
        here.tracker.refresh()
    except RefusedCommitError as error:
        if error.rule is not Refusal.REWRITTEN:
            raise
        return error
    return None
