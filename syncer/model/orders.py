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
    that follows that one declares something else, git has moved past what is refused. `carried`: another process took
    the order, and this one only heard of it.
    """

    ref: AppRef
    commit: str
    refused: str
    passing: str
    by: str
    reason: str
    at: datetime
    until: datetime
    carried: bool = False

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


@dataclass(frozen=True, slots=True)
class Saying:
    """The latest that was said of one kind about one app, or about the whole fleet: an order, or the end of one.

    `until` is None for an end. What an end has of a pin is its `commit`. `log` and `record` name the journal and the
    record (`seq`) in which it was first said, wherever it has been carried since.
    """

    ref: AppRef | None
    pins: bool
    at: datetime
    by: str
    reason: str
    until: datetime | None
    commit: str = ""
    refused: str = ""
    passing: str = ""
    log: str = ""
    record: int = 0

    @property
    def about(self) -> About:
        """What a later saying has to be about to take its place."""
        return ("", "", self.pins) if self.ref is None else (self.ref.customer_id, self.ref.app_id, self.pins)


About: TypeAlias = tuple[str, str, bool]
"""Customer and app, empty for the whole fleet, and whether it is about a pin."""
