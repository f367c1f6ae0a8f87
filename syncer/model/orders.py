"""What a person told syncer to do for a while, whatever git says: leave apps alone, or go back to an earlier commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.model.desired import AppRef


@dataclass(frozen=True, slots=True)
class Suspension:
    """Nothing is written until `until` (aware): to one app, or to the whole fleet where `ref` is None."""

    ref: AppRef | None
    by: str
    reason: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Pin:
    """One app's settings as `commit` (a full hash) declares them, until `until`, or until git says something new.

    `refused` is the digest of what git declared for the app when it was pinned, at the commit `passing`: once a commit
    that follows that one declares something else, git has moved past what is refused.
    """

    ref: AppRef
    commit: str
    refused: str
    passing: str
    by: str
    reason: str
    at: datetime
    until: datetime

    @property
    def short(self) -> str:
        """Seven characters of the hash, for people."""
        return self.commit[:7]


Order: TypeAlias = Suspension | Pin


@dataclass(frozen=True, slots=True)
class Lift:
    """The end of an order: a person's word, or `system` where it ended by itself."""

    order: Order
    by: str
    reason: str
