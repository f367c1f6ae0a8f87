"""What apply needs of the vendor and of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syncer.errors import VendorError
    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.fields import AppSettings
    from syncer.model.live import Live, LiveApp
    from syncer.model.outcome import Intent, Result


class Reader(Protocol):
    """Reads one app, with retries; says why when it can't."""

    async def read(self, app: DesiredApp) -> Live:
        """The app as it is live, or why there is no verdict."""


class Answer(Protocol):
    """The vendor's answer to a PUT."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body_sha256(self) -> str:
        """Hash of the request body's bytes."""

    @property
    def live(self) -> LiveApp:
        """The settings that the answer claims."""


class Writer(Reader, Protocol):
    """Makes exactly one PUT per call; raises VendorError."""

    async def put(self, app: DesiredApp, body: AppSettings, request_id: str) -> Answer:
        """One PUT of all seven fields."""

    async def backoff(self, attempt: int, error: VendorError) -> bool:
        """Whether to try again after having waited."""


class Recovering(Protocol):
    """Records what became of intents whose fate was open: durable when it returns; raises JournalError."""

    def recover(self, result: Result) -> None:
        """The one terminal record of an intent, found out by reading the app."""


class Journal(Protocol):
    """Records PUTs, before and after: durable when it returns; raises JournalError."""

    def conclude(self, result: Result) -> None:
        """The one terminal record of an intent."""

    def accept(self, request_id: str, ref: AppRef, status: int) -> None:
        """The vendor took the PUT, and nobody could read the app since: the intent stays open."""

    def intend(self, intent: Intent) -> None:
        """Only when this has returned may the PUT be sent."""
