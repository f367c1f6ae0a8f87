"""What is sent, and what the emulator sends, is what the schemas say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.documents import schema, schemas
from syncer.emulator import calls
from syncer.emulator.records import AppKey
from syncer.model.desired import AppRef
from syncer.receivers.payloads import EVENTS, MARK, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 5, 4, 10, 7, 30, 250_000, UTC)
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)


def test_every_event_has_a_schema_and_every_schema_an_event() -> None:
    assert {f"webhooks/{event}" for event in EVENTS} == {
        name for name in schemas.names() if name.startswith("webhooks/")
    }


@pytest.mark.parametrize("event", EVENTS)
@given(
    customer=IDS,
    app=IDS,
    test_id=st.from_regex(r"[0-9a-z]{26}", fullmatch=True),
    at=st.datetimes(timezones=st.just(UTC)),
)
@settings(max_examples=10, deadline=None)
def test_a_payload_is_valid_under_its_schema(event: str, customer: str, app: str, test_id: str, at: datetime) -> None:
    made = payload(event, AppRef(customer, app), at, test_id)
    assert schema.validate(made, f"webhooks/{event}") == ()
    assert str(made["call_sid"]) == MARK + test_id


@pytest.mark.parametrize("event", EVENTS)
def test_no_payload_can_be_taken_for_a_real_call(event: str) -> None:
    made = payload(event, AppRef("cust_acme", "app_abc123"), AT, "1")
    numbers = {made.get("from"), made.get("exophone")} - {None}
    assert numbers <= {"+12025550100", "+12025550199"}
    assert all(".invalid" in str(made[key]) for key in ("to", "recording_url") if key in made)
    assert made["timestamp"] == "2026-05-04T10:07:30.250Z"


def emulated() -> Iterator[calls.Event]:
    for kind in calls.CallKind:
        for details in (False, True):
            key = AppKey("cust_acme", "app_abc123")
            yield from calls.events(calls.Call(kind, key, "call_123", AT, details=details))


@pytest.mark.parametrize("event", list(emulated()), ids=lambda event: event.name)
def test_the_emulator_sends_what_the_schemas_say_and_to_the_same_setting(event: calls.Event) -> None:
    assert schema.validate(json.loads(json.dumps(event.payload)), f"webhooks/{event.name}") == ()
    assert EVENTS[event.name].value == event.field
