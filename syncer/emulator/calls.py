"""Simulated calls: which webhooks the vendor documents for each kind, and what they carry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from syncer.emulator.instants import rfc3339

if TYPE_CHECKING:
    from syncer.emulator.records import AppKey


class CallKind(StrEnum):
    """What happens to the call."""

    INCOMING = "incoming"
    MISSED = "missed"
    ANSWERED = "answered"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `details` adds the fields that an incoming call may carry but need not."""

    kind: CallKind
    key: AppKey
    call_sid: str
    at: datetime
    caller: str = "+919876543210"
    callee: str = "sip:user@app.exotel.com"
    exophone: str = "+918047112233"
    user_id: str = "user_1"
    duration: int = 180
    ring_duration: int = 25
    details: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook: the setting that says where it goes, and its payload. `needs` is a flag that must be on."""

    field: str
    payload: dict[str, object]
    needs: str = ""

    @property
    def name(self) -> str:
        """The event's name in the payload."""
        return str(self.payload["event"])


def events(call: Call) -> tuple[Event, ...]:
    """The webhooks of a call, in the order in which they are sent."""
    match call.kind:
        case CallKind.INCOMING:
            return (_incoming(call),)
        case CallKind.MISSED:
            return (_incoming(call), _missed(call))
        case CallKind.ANSWERED:
            names = ("outbound_call", "call_ringing", "call_answered", "call_completed")
            return tuple(_status(call, name) for name in names)
        case CallKind.RECORDED:
            return (_incoming(call), _status(call, "call_answered"), _status(call, "call_completed"), _recording(call))
        case unknown:
            assert_never(unknown)


def _payload(call: Call, event: str, **more: object) -> dict[str, object]:
    ended = event in {"call_completed", "recording_ready"}
    at = call.at + timedelta(seconds=call.duration) if ended else call.at
    ends = {} if event == "recording_ready" else {"from": call.caller, "to": call.callee}
    return {"event": event, "call_sid": call.call_sid, **ends, **more, "timestamp": rfc3339(at)}


def _incoming(call: Call) -> Event:
    details: dict[str, object] = {
        "direction": "incoming",
        "app_id": call.key.app_id,
        "user_id": call.user_id,
        "exophone": call.exophone,
        "caller_info": {"number": call.caller},
    }
    return Event("popup_url", _payload(call, "incoming_call", **(details if call.details else {})))


def _missed(call: Call) -> Event:
    payload = _payload(call, "missed_call", exophone=call.exophone, ring_duration=call.ring_duration)
    return Event("missed_call_url", payload)


def _status(call: Call, name: str) -> Event:
    more: dict[str, object] = {"app_id": call.key.app_id, "user_id": call.user_id, "exophone": call.exophone}
    if name == "call_completed":
        more["duration"] = call.duration
    return Event("callback_url", _payload(call, name, **more))


def _recording(call: Call) -> Event:
    where = f"https://recordings.exotel.com/{call.call_sid}.mp3"
    payload = _payload(call, "recording_ready", recording_url=where, duration=call.duration)
    return Event("recording_url", payload, needs="recording_enabled")
