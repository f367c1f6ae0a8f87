"""The documented webhooks: which setting each goes to, and a payload of each that no real call can be taken for. Pure.

Numbers are those kept free for fiction, hosts end in `.invalid` (RFC 2606): a receiver that calls back reaches nobody.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from syncer.model.fields import Field

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.model.desired import AppRef

EVENTS: Final = {
    "incoming_call": Field.POPUP_URL,
    "missed_call": Field.MISSED_CALL_URL,
    "outbound_call": Field.CALLBACK_URL,
    "call_ringing": Field.CALLBACK_URL,
    "call_answered": Field.CALLBACK_URL,
    "call_completed": Field.CALLBACK_URL,
    "recording_ready": Field.RECORDING_URL,
}
"""Every event with the setting that says where it is sent."""
HEADERS: Final = {"Content-Type": "application/json", "X-Syncer-Test": "true"}
CALLER: Final = "+12025550100"
EXOPHONE: Final = "+12025550199"
CALLED: Final = "sip:syncer-test@syncer.invalid"
MARK: Final = "syncer-test-"
"""How the call id of every test begins."""


def payload(event: str, ref: AppRef, at: datetime, test_id: str) -> dict[str, object]:
    """The payload of one event, valid under its schema; `test_id` makes the call's id (`syncer-test-…`)."""
    call = f"{MARK}{test_id}"
    parties: dict[str, object] = {"from": CALLER, "to": CALLED}
    more: dict[str, dict[str, object]] = {
        "missed_call": {**parties, "exophone": EXOPHONE, "ring_duration": 20, "app_id": ref.app_id},
        "recording_ready": {"recording_url": f"https://syncer.invalid/{call}.mp3", "duration": 180},
    }
    return {
        "event": event,
        "call_sid": call,
        **more.get(event, {**parties, "app_id": ref.app_id}),
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
