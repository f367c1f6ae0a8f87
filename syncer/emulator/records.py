"""The entries of the ledger and of the logs: written once, read by tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.emulator.fields import Settings


class AppKey(NamedTuple):
    """An app; the same app id may exist under two customers."""

    customer_id: str
    app_id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an app's settings were at one time."""

    settings: Settings
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One committed PUT. `ended_ns` is None until its answer is ready to leave.

    `started_ns` and `ended_ns` bound the handling on CLOCK_MONOTONIC, so two entries of one app overlap or not.
    `authorization_sha256` is of the whole header value, scheme included.
    """

    sequence: int
    customer_id: str
    app_id: str
    request_id: str
    authorization_sha256: str
    body_sha256: str
    body: Settings
    before: Settings
    after: Settings
    changed: tuple[str, ...]
    at: datetime
    started_ns: int
    ended_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """A setting changed by somebody at the vendor, not by a PUT."""

    sequence: int
    customer_id: str
    app_id: str
    by: str
    before: Settings
    after: Settings
    changed: tuple[str, ...]
    at: datetime
    monotonic_ns: int


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """One request to the vendor's API, whatever became of it.

    `status` is None when no answer was sent (reset, hang); `ledger` is the sequence of the PUT it committed, if any.
    """

    sequence: int
    method: str
    path: str
    customer_id: str
    app_id: str
    status: int | None
    request_id: str
    authorization_sha256: str
    faults: tuple[str, ...]
    ledger: int | None
    started_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class DeliveryEntry:
    """One attempt to deliver a webhook, or the reason why there was none.

    `outcome`: delivered (200), retry (another attempt follows), dropped (that was the last), skipped (nothing sent).
    """

    sequence: int
    call_sid: str
    event: str
    customer_id: str
    app_id: str
    url: str | None
    attempt: int
    status: int | None
    outcome: str
    detail: str
    at: datetime
    monotonic_ns: int
