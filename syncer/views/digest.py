"""A record of the journal as a row that can be searched: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from syncer.audit.events import EventType, ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.audit.chain import Event, Spot

ENDINGS: Final = frozenset({EventType.PUT_RESULT.value, EventType.PUT_RECOVERED.value})
"""Records that end an intent."""
FOLDED: Final = ENDINGS | {EventType.PUT_ACCEPTED.value}
"""Records that are told with the intent they belong to."""
INTENT: Final = EventType.PUT_INTENT.value


@dataclass(frozen=True, slots=True)
class Digest:
    """One record: where it stands, when, what, of which app and fields, by whom, of which commit.

    `who` is everybody it names, a line each; `of_git` whether a PUT did more than put drift back.
    """

    seq: int
    segment: int
    offset: int
    time: str
    type: str
    customer: str
    app: str
    name: str
    fields: str
    who: str
    revision: str
    request: str
    verdict: str
    told: str
    of_git: bool


def of(spot: Spot, event: Event) -> Digest:
    """The row of a record that passed the journal's checks; what an odd one lacks stays empty."""
    data = event["data"]
    git, ref = _mapping(data.get("git")), ref_of(event.get("subject"))
    return Digest(
        seq=int(event["seq"]),
        segment=spot.segment,
        offset=spot.offset,
        time=event["time"],
        type=event["type"],
        customer=ref.customer_id if ref else "",
        app=ref.app_id if ref else "",
        name=_text(data.get("name")),
        fields=" ".join(fields(data)),
        who="\n".join(people(data)),
        revision=_text(git.get("commit")) or _text(data.get("commit")),
        request=_text(data.get("reqid")),
        verdict=_text(data.get("verdict")),
        told=told(data),
        of_git=set(causes(data)) != {"drift"},
    )


def fields(data: Mapping[str, Any]) -> list[str]:
    """The settings fields that a record names."""
    named = data.get("fields")
    several = named if isinstance(named, list) else []
    return [str(each) for each in (*_mapping(data.get("changes")), *several)]


def people(data: Mapping[str, Any]) -> list[str]:
    """Who approved, who is the author of the commit, and which principal wrote: the most telling first."""
    git, actor, approval = (_mapping(data.get(key)) for key in ("git", "actor", "approval"))
    named = (data.get("by"), git.get("author"), approval.get("by"), actor.get("principal"))
    return [each for each in named if isinstance(each, str) and each]


def causes(data: Mapping[str, Any]) -> list[str]:
    """The causes of a PUT."""
    found = _mapping(data.get("reason")).get("causes")
    return [str(each) for each in found] if isinstance(found, list) else []


def told(data: Mapping[str, Any]) -> str:
    """What a record says in words: a result's message, a hold's detail, a person's reason."""
    return next((each for key in ("message", "detail", "reason") if isinstance(each := data.get(key), str)), "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
