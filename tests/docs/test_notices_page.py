"""docs/notices.md: its samples are what is sent, and what verifies it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer import settings
from syncer.documents import schema
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.model.secret import Secret
from syncer.notify import commits, signing
from tests.docs import pages
from tests.support.noticed import T0, a_notice

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (pages.DOCS / "notices.md").read_text("utf-8")


def sample(language: str) -> str:
    found = re.search(rf"^```{language}\n(?P<text>[\s\S]*?)^```", PAGE, re.MULTILINE)
    assert found is not None
    return found["text"]


def test_the_payload_is_what_a_webhook_is_sent() -> None:
    told = a_notice(
        id="01JD0000000000000000000000",
        ref=AppRef("cust_acme", "app_abc123"),
        name="support-desk",
        revision="5f2b6c0d9e175f2b6c0d9e175f2b6c0d9e175f2b",
        todo="syncer explain cust_acme/app_abc123",
        link="https://syncer.corp.example/apps/cust_acme/app_abc123",
    )
    assert json.loads(sample("json")) == told.document()
    assert schema.validate(json.loads(sample("json")), "notice") == ()


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=", "plain-secret"])
def test_the_sample_code_takes_ours_and_nothing_else(secret: str) -> None:
    names: dict[str, Any] = {}
    exec(sample("python"), names)
    verified, body = names["verified"], b'{"a": 1}'
    headers = signing.headers("id", T0, body, Secret(secret))
    assert verified(headers, body, secret, T0.timestamp)
    assert not verified(headers, body + b" ", secret, T0.timestamp)
    assert not verified(headers, body, "other-secret", T0.timestamp)
    assert not verified({**headers, "webhook-id": "x"}, body, secret, T0.timestamp)
    assert not verified(headers, body, secret, (T0 + timedelta(minutes=6)).timestamp)


def test_the_configuration_is_one(tmp_path: Path) -> None:
    file = tmp_path / "syncer.yaml"
    head = "apiVersion: syncer/v1\nkind: Config\nsource: {url: 'https://git.example/x'}\n"
    file.write_text(head + sample("yaml"))
    names = [each.name for each in settings.load({}, {"HOME": "/x"}, file).settings.notify]
    assert names == ["on-call", "voice-team", "prod"]


def test_every_verdict_on_a_commit_and_every_state_of_the_source_is_told() -> None:
    told = {cells[0].split()[0] for cells in pages.rows(pages.section(PAGE, "`commit-status`"))}
    assert {verdict.value for verdict in commits.Verdict} <= told
    rows = [cells for cells in pages.rows(PAGE) if cells[0] in {"source", "fleet"}]
    assert {State(cells[1].strip("`")) for cells in rows} == {
        State.UNREADABLE,
        State.INVALID,
        State.HELD,
        State.FAILING,
        State.STALE,
    }


def test_times_are_those_of_the_sample() -> None:
    assert datetime.fromisoformat(json.loads(sample("json"))["time"]) == T0.astimezone(UTC)
