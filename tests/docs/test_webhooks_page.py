"""docs/webhooks.md has every event with its fields and an example, every verdict, and a receiver that works."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from syncer.cli import main
from syncer.documents import schema, schemas
from syncer.receivers.payloads import EVENTS
from syncer.receivers.verdicts import LEVELS, Level, Verdict
from tests.docs import pages
from tests.support.site import CUSTOMER, app_id, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (pages.DOCS / "webhooks.md").read_text("utf-8")
SAMPLE = pages.DOCS / "samples" / "receiver.py"


def schema_of(event: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schemas.text(f"webhooks/{event}"))
    return found


def test_every_event_has_a_part_and_every_part_an_event() -> None:
    assert re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE) == list(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_a_part_has_the_setting_the_fields_and_the_example_of_its_schema(event: str) -> None:
    part = pages.section(PAGE, f"`{event}`")
    wanted = schema_of(event)
    assert f"Goes to `{EVENTS[event]}`." in part
    always, sometimes = (
        re.findall(r"`(\w+)`", found[1]) if (found := re.search(rf"^\* {word}: (.*)$", part, re.MULTILINE)) else []
        for word in ("Always", "Sometimes")
    )
    assert always == wanted["required"]
    assert sometimes == [key for key in wanted["properties"] if key not in wanted["required"]]
    example = re.search(r"^```json\n([\s\S]*?)^```", part, re.MULTILINE)
    assert example is not None
    assert json.loads(example[1]) == wanted["examples"][0]
    assert schema.validate(json.loads(example[1]), f"webhooks/{event}") == ()


def test_every_verdict_is_listed_with_its_level() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in pages.rows(PAGE) if len(cells) == 3 and cells[0] != "Verdict"}
    assert told == {verdict.value: LEVELS.get(verdict, Level.DEAD).value for verdict in Verdict}


@contextmanager
def sample(folder: Path) -> Iterator[str]:
    """The page's receiver as a process of its own; its origin."""
    for event in EVENTS:
        (folder / f"{event}.json").write_text(schemas.text(f"webhooks/{event}"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SAMPLE), str(port), str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    origin = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:  # until it listens
            assert client.head(origin).status_code == 200
        yield origin
    finally:
        process.kill()
        process.wait()


def test_the_sample_takes_what_we_and_the_emulator_send_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schemas").mkdir()
    with (
        sample(tmp_path / "schemas") as origin,
        site(tmp_path, 1, popup_url="https://hooks.acme.example/popup") as here,
    ):
        monkeypatch.setenv("SYNCER_CONFIG", str(here.config))
        for event in EVENTS:
            sent = ("webhooks", "send", app_id(1), event, "--to", f"{origin}/any", "--allow-private", "--yes")
            assert main.run(list(sent)) == 0
            assert capsys.readouterr().out.endswith("test seen, nothing done\n")
        here.change(1, recording_enabled=True, **{field.value: f"{origin}/{field}" for field in EVENTS.values()})
        for kind in ("missed", "answered", "recorded"):
            call = {"customer_id": CUSTOMER, "app_id": app_id(1), "kind": kind, "details": True, "wait": True}
            answer = httpx.post(f"{here.emulator.control_url}/calls", json=call, timeout=20)
            assert {each["outcome"] for each in answer.json()["deliveries"]} == {"delivered"}, kind
        for wrong in (b"{", b"[]", b'{"event": "party"}', b'{"event": "missed_call", "from": 7}'):
            assert httpx.post(origin, content=wrong).status_code == 400
