"""Tokens that end in the middle of a pass or are replaced at any instant: two requests at the most, and never another's."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.puts import digest
from syncer.emulator.records import AppKey
from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import CANARY, FIRST, REFS, Fleet, fleet, key, token

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import AppRef

REFUSED = 2
"""Requests with a refused token for one app in a pass: one, and one more if the file held another token by then."""


def token_file(here: Fleet, ref: AppRef) -> Path:
    return here.home / "tokens" / f"{ref.customer_id}.{ref.app_id}"


class Rotation:
    """Every token that an app ever had, by the hash under which the vendor's books name it."""

    def __init__(self, here: Fleet, rng: random.Random) -> None:
        self.here, self.rng = here, rng
        self.ever = {ref: {digest(f"Bearer {token(ref)}")} for ref in here.refs}

    async def at_random_instants(self, passing: asyncio.Task[object]) -> None:
        """While a pass runs: at the vendor first or in the file first, the other a moment later."""
        while not passing.done():
            await asyncio.sleep(self.rng.uniform(0, 0.02))
            ref = self.rng.choice(self.here.refs)
            new = self.issue(ref)
            if self.rng.random() < 0.5:
                await asyncio.sleep(self.rng.uniform(0, 0.005))
            self.install(ref, new)

    def issue(self, ref: AppRef) -> str:
        """The vendor ends what it gave out and gives out another."""
        new = f"{CANARY}{self.here.emulator.store.rotate_token(AppKey(*key(ref)))}"
        self.here.emulator.store.tokens.add(new, self.here.emulator.store._grant_of(ref))
        return new

    def install(self, ref: AppRef, new: str) -> None:
        token_file(self.here, ref).write_text(new + "\n")
