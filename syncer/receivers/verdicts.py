"""What can be said of a receiver's URL, and how bad it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.receivers.targets import Target

SOON: Final = timedelta(days=14)
"""A certificate that ends within this is warned of."""


class Level(StrEnum):
    """Whether calls would reach it."""

    OK = "ok"
    WARNING = "warning"
    DEAD = "dead"


class Verdict(StrEnum):
    """What was found, one per URL."""

    ANSWERS = "answers"
    METHOD_REFUSED = "method-refused"
    REFUSES = "refuses"
    ACCESS_ASKED = "access-asked"
    NO_SUCH_PATH = "no-such-path"
    REDIRECTS = "redirects"
    SERVER_ERROR = "server-error"
    NOT_A_URL = "not-a-url"
    NO_SUCH_NAME = "no-such-name"
    NOT_RESOLVED = "not-resolved"
    NOT_PUBLIC = "not-public"
    NO_CONNECTION = "no-connection"
    NO_TLS = "no-tls"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NAME = "certificate-name"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    NO_ANSWER = "no-answer"
    BROKEN = "broken"
    NOT_HTTP = "not-http"
    NOT_CHECKED = "not-checked"


LEVELS: Final = {
    Verdict.ANSWERS: Level.OK,
    Verdict.METHOD_REFUSED: Level.OK,
    Verdict.REFUSES: Level.OK,
    Verdict.ACCESS_ASKED: Level.WARNING,
    Verdict.NO_SUCH_PATH: Level.WARNING,
    Verdict.REDIRECTS: Level.WARNING,
}
"""Everything else is dead."""

OF_ORIGIN: Final = frozenset(
    {
        Verdict.NO_SUCH_NAME,
        Verdict.NOT_RESOLVED,
        Verdict.NOT_PUBLIC,
        Verdict.NO_CONNECTION,
        Verdict.NO_TLS,
        Verdict.CERTIFICATE_EXPIRED,
        Verdict.CERTIFICATE_NAME,
        Verdict.CERTIFICATE_UNTRUSTED,
    }
)
"""Verdicts that hold for every URL of the same scheme, host and port: found once, asked once."""

_STATUSES: Final = {
    401: Verdict.ACCESS_ASKED,
    403: Verdict.ACCESS_ASKED,
    404: Verdict.NO_SUCH_PATH,
    405: Verdict.METHOD_REFUSED,
    407: Verdict.ACCESS_ASKED,
    410: Verdict.NO_SUCH_PATH,
    501: Verdict.METHOD_REFUSED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no answer came; `detail` is for people."""

    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One URL with what was found. `status`, `location` and `certificate_ends` (aware UTC) as far as they came.

    `location` is where a redirect would have led, masked as every URL that people see.
    """

    target: Target
    verdict: Verdict
    detail: str
    addresses: tuple[str, ...] = ()
    status: int | None = None
    location: str = ""
    certificate_ends: datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The verdict's level; a warning beside a good verdict counts as one."""
        level = LEVELS.get(self.verdict, Level.DEAD)
        return Level.WARNING if level is Level.OK and self.warnings else level


def of_status(status: int) -> Verdict:
    """What a status says in answer to HEAD."""
    if status in _STATUSES:
        return _STATUSES[status]
    if status < 300:
        return Verdict.ANSWERS
    if status < 400:
        return Verdict.REDIRECTS
    return Verdict.REFUSES if status < 500 else Verdict.SERVER_ERROR


def ending(ends: datetime | None, now: datetime) -> tuple[str, ...]:
    """A warning when a certificate ends soon."""
    if ends is None or ends - now >= SOON:
        return ()
    days = (ends - now).days
    return (f"the certificate ends in {days} {'day' if days == 1 else 'days'}",)
