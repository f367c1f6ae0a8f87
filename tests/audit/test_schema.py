"""Every record that is written stands in the schema, and the schema and the documentation know every type."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import digests, files, payloads, read
from syncer.audit.events import EventType
from syncer.audit.verify import verify
from syncer.documents import schema, schemas
from syncer.errors import Refusal, RefusedCommitError
from syncer.model.desired import Revision
from syncer.model.orders import Lift, Pin, Saying, Suspension
from syncer.model.outcome import Trigger, Verdict
from syncer.model.planned import Danger, Hold, Rule
from tests.support.recording import (
    COMMIT,
    REVISION,
    START,
    a_result,
    a_source_approval,
    a_step,
    an_adoption,
    an_app,
    an_approval,
    an_intent,
    open_journal,
)
from tests.support.sealed import a_sealing

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """A log with a record of every type, and of every shape of each."""
    state = tmp_path_factory.mktemp("state")
    journal = open_journal(state, sealing=a_sealing(rotate=10_000))
    step = a_step(an_app(1))
    dangerous = replace(step, changes=(replace(step.changes[0], danger=Danger.HOST_CHANGE),))
    intent = an_intent(an_app(1), step=dangerous, approval=an_approval(an_app(1)))
    journal.approve(an_approval(an_app(1)))
    journal.approve_source(a_source_approval())
    journal.intend(intent)
    journal.conclude(a_result(intent))
    end = START + timedelta(hours=4)
    alone = Suspension(an_app(1), "asha", "INC-7", START, end)
    pin = Pin(an_app(1), REVISION.id, "0f" * 32, "5e" * 20, "asha", "INC-9", START, end)
    journal.order([alone, replace(alone, ref=None), pin])
    pinned = an_intent(an_app(1), step=replace(step, app=replace(step.app, pin=pin)))
    journal.intend(pinned)
    journal.conclude(a_result(pinned))
    journal.lift(Lift(each, "system", "its time is over") for each in (alone, replace(alone, ref=None), pin))
    said = Saying(an_app(1), False, START, "asha", "INC-7", end, log="0f" * 16, record=17)
    kept = replace(said, pins=True, commit=REVISION.id, refused="0f" * 32, passing="5e" * 20)
    journal.carry(replace(each, until=until) for each in (said, kept) for until in (end, None))
    lost = an_intent(an_app(2))
    journal.intend(lost)
    journal.accept(lost.request_id, lost.ref, 200)
    journal.recover(a_result(lost, Verdict.NOT_APPLIED, None))
    folder = Revision("sha256:" + "0a" * 32, "/config")
    journal.adopt([an_adoption(an_app(3)), replace(an_adoption(an_app(4)), revision=folder)])
    signed = replace(REVISION, commit=replace(COMMIT, signer="asha (key)"))
    hold = Hold(Rule.WINDOW, "closed", an_app(1), (), "wait")
    journal.note_many(
        [
            payloads.held(hold, digest=step.digest, plan="ab" * 32),
            payloads.held(Hold(Rule.OBSERVE, "observe")),
            payloads.drift_seen(step, journal.digests),
            payloads.drift_seen(replace(step, moved_after=START - timedelta(minutes=5)), journal.digests),
            payloads.drift_repeated(an_app(1), "desk", 4),
            payloads.left(an_app(5), REVISION),
            payloads.source_changed("", REVISION, apps=12, rejected=("apps/broken.yaml",)),
            payloads.source_changed(REVISION.id, folder, apps=0),
            payloads.source_changed("", signed, apps=12),
            payloads.source_held(RefusedCommitError(Refusal.NOT_SIGNED, "not signed", commit=REVISION.id)),
            payloads.config_changed("", "0f" * 32, {"schedule.detect", "mode"}),
        ]
    )
    journal.note_many([payloads.config_changed("", "0f" * 32, ())])
    with files.segment(state, files.last_segment(state)).open("ab") as file:
        file.write(b"torn")
    journal._lock.release()
    open_journal(state, sealing=a_sealing(key=None)).close()
    return list(read.records(state))


def faults(event: dict[str, Any]) -> list[str]:
    return [str(finding) for finding in schema.validate(event, "audit-event")]


def test_every_type_is_written_and_every_record_is_valid(events: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in events} == {kind.value for kind in EventType}
    assert {event["type"]: faults(event) for event in events if faults(event)} == {}


def _extra(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "surplus": 1}


@pytest.mark.parametrize("kind", list(EventType))
def test_a_record_with_anything_more_or_less_is_not_valid(events: list[dict[str, Any]], kind: EventType) -> None:
    event = next(event for event in events if event["type"] == kind)

    assert faults(_extra(event))
    assert faults({**event, "data": _extra(event["data"])})
    for name in set(event) - {"subject"}:
        assert faults({key: value for key, value in event.items() if key != name}), name
    for name in event["data"]:
        less = {key: value for key, value in event["data"].items() if key != name}
        assert faults({**event, "data": less}), name


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["after"].pop("popup_url"),
        lambda data: data["after"]["hmac"].pop("popup_url"),
        lambda data: data["after"]["hmac"].update(popup_url="short"),
        lambda data: data["after"].update(recording_enabled="yes"),
        lambda data: data["changes"]["recording_url"].update(cause="somebody"),
        lambda data: data["reason"].update(trigger="whim"),
        lambda data: data["git"].update(committed="yesterday"),
        lambda data: data["approval"].pop("by"),
        lambda data: data.update(mode="observe"),
    ],
)
def test_the_parts_of_an_intent_are_closed_too(
    events: list[dict[str, Any]], change: Callable[[dict[str, Any]], object]
) -> None:
    event = next(event for event in events if event["type"] == EventType.PUT_INTENT)
    altered = _deep(event)
    change(altered["data"])

    assert not faults(_deep(event))
    assert faults(altered)


def _deep(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep(item) for key, item in value.items()}
    return value


def test_an_event_about_an_app_names_it(events: list[dict[str, Any]]) -> None:
    event = next(event for event in events if event["type"] == EventType.PUT_RESULT)

    assert faults({key: value for key, value in event.items() if key != "subject"})


def test_the_schema_knows_every_trigger() -> None:
    text = schemas.text("audit-event")

    assert [trigger for trigger in Trigger if f'"{trigger}"' not in text] == []


@cache
def documented() -> dict[str, str]:
    """The section of each event type in docs/audit.md."""
    parts = re.split(r"^### `(syncer\.[a-z.]+\.v1)`\n", DOCUMENT, flags=re.MULTILINE)
    sections = zip(parts[1::2], parts[2::2], strict=True)
    return {name: re.split(r"^##", section, flags=re.MULTILINE)[0] for name, section in sections}


def test_every_type_is_documented_and_no_other() -> None:
    assert set(documented()) == {kind.value for kind in EventType}


def test_every_field_of_every_type_is_documented(events: list[dict[str, Any]]) -> None:
    missing = {
        (event["type"], name)
        for event in events
        for name in event["data"]
        if name != "actor" and f"`{name}`" not in documented()[event["type"]]
    }
    assert missing == set()


def test_every_attribute_is_documented(events: list[dict[str, Any]]) -> None:
    assert [name for name in events[0] if f"`{name}`" not in DOCUMENT] == []


def test_the_documentation_promises_no_more_than_there_is() -> None:
    assert "tamper-evident" in DOCUMENT
    assert "tamper-proof" not in DOCUMENT


@pytest.mark.needs("sha256sum")
@pytest.mark.parametrize("harm", ["", "break"])
def test_the_documented_way_to_check_by_hand_works(tmp_path: Path, harm: str) -> None:
    open_journal(tmp_path).close()
    path = files.segment(tmp_path)
    if harm:
        path.write_bytes(path.read_bytes().replace(b"start.v1", b"stork.v1"))
    script = re.findall(r"```sh\n(.*?)```", DOCUMENT, flags=re.DOTALL)[0].replace("STATE_DIR", str(tmp_path))
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("broken at seq 2") if harm else ran.stdout == f"head: {verify(tmp_path).head}\n"


def test_times_are_written_in_one_way() -> None:
    assert payloads.instant(datetime(2026, 11, 20, tzinfo=UTC)) == "2026-11-20T00:00:00.000000Z"
    assert digests.KEY_BYTES == 32
