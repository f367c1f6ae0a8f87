"""What the journal can say, who says it and about what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, unquote

from syncer.model.desired import AppRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.model.desired import Revision
    from syncer.model.live import LiveApp

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


class EventType(StrEnum):
    """Every record type that is written; docs/audit.md lists the fields of each and the names kept for later."""

    LOG_GENESIS = "syncer.log.genesis.v1"
    START = "syncer.start.v1"
    STOP = "syncer.stop.v1"
    REPAIRED = "syncer.repaired.v1"
    PUT_INTENT = "syncer.put.intent.v1"
    PUT_ACCEPTED = "syncer.put.accepted.v1"
    PUT_RESULT = "syncer.put.result.v1"
    PUT_RECOVERED = "syncer.put.recovered.v1"
    APP_ADOPTED = "syncer.app.adopted.v1"
    APP_LEFT = "syncer.app.left.v1"
    DRIFT_SEEN = "syncer.drift.seen.v1"
    DRIFT_REPEATED = "syncer.drift.repeated.v1"
    HOLD = "syncer.hold.v1"
    APPROVE = "syncer.approve.v1"
    SUSPEND = "syncer.suspend.v1"
    RESUME = "syncer.resume.v1"
    PIN = "syncer.pin.v1"
    UNPIN = "syncer.unpin.v1"
    SOURCE_APPROVED = "syncer.source.approved.v1"
    SOURCE_CHANGED = "syncer.source.changed.v1"
    CONFIG_CHANGED = "syncer.config.changed.v1"
    CHECKPOINT = "syncer.checkpoint.v1"
    SEGMENT_CLOSED = "syncer.segment.closed.v1"
    SEGMENT_OPENED = "syncer.segment.opened.v1"


OWN_EVENTS: Final = frozenset(
    {
        EventType.LOG_GENESIS,
        EventType.START,
        EventType.STOP,
        EventType.REPAIRED,
        EventType.PUT_INTENT,
        EventType.PUT_ACCEPTED,
        EventType.PUT_RESULT,
        EventType.PUT_RECOVERED,
        EventType.APP_ADOPTED,
        EventType.APPROVE,
        EventType.SUSPEND,
        EventType.RESUME,
        EventType.PIN,
        EventType.UNPIN,
        EventType.SOURCE_APPROVED,
        EventType.CHECKPOINT,
        EventType.SEGMENT_CLOSED,
        EventType.SEGMENT_OPENED,
    }
)
"""Types that other records depend on: the journal's own methods write them, `note` does not."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes: `source` is the CloudEvents source (a URI reference such as `/syncer/prod/eu1-0`).

    `principal` is `system`, `webhook` or `cli:USER`; `pod` and `image` are empty outside Kubernetes.
    """

    source: str
    instance: str
    version: str
    principal: str = "system"
    pod: str = ""
    image: str = ""

    def actor(self) -> dict[str, JSON]:
        """The actor as every record carries it; empty parts are left out."""
        parts = {
            "instance": self.instance,
            "version": self.version,
            "principal": self.principal,
            "pod": self.pod,
            "image": self.image,
        }
        return {name: text for name, text in parts.items() if text}


@dataclass(frozen=True, slots=True)
class Note:
    """One record to be written: its type, its data and the app it is about."""

    event: EventType
    data: Mapping[str, JSON] = field(default_factory=dict)
    ref: AppRef | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """An app first seen in agreement with git, without a PUT."""

    live: LiveApp
    name: str
    revision: Revision


def subject_of(ref: AppRef) -> str:
    """The CloudEvents subject of an app; ids are percent-encoded, so that none can break out of its segment."""
    return "/".join(("customers", _quoted(ref.customer_id), "apps", _quoted(ref.app_id)))


def ref_of(subject: object) -> AppRef | None:
    """The app that a subject names, or None where it names none."""
    match subject.split("/") if isinstance(subject, str) else ():
        case ["customers", customer, "apps", app]:
            return AppRef(_unquoted(customer), _unquoted(app))
        case _:
            return None


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _unquoted(text: str) -> str:
    return unquote(text, errors="surrogatepass")
