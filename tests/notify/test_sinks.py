"""What each kind of receiver is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.documents import schema
from syncer.model.outcome import State
from syncer.model.secret import Secret
from syncer.notify import notice, signing, sinks
from syncer.notify.commits import Verdict
from syncer.notify.notice import Change, Notice, What
from syncer.notify.sinks import Secrets
from syncer.serve import signatures
from tests.support.noticed import SENDER, T0, a_notice, a_receiver

NOW = T0 + timedelta(minutes=2)
SECRETS = Secrets(Secret("https://alerts.example/x?key=k"), Secret("a signing secret"), Secret("a token"))


def sent(told: Notice, secrets: Secrets = SECRETS, **receiver: Any) -> sinks.Request:
    return sinks.request(a_receiver(**receiver), told, secrets, SENDER, NOW)


def body(request: sinks.Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


NOTICES = {
    "an app": a_notice(),
    "a recovery": a_notice(change=Change.RECOVERY, was="Drifted", state="InSync", todo="", link=""),
    "many": a_notice(what=What.FLEET, ref=None, name="", apps=37, first=("a", "b"), was="", labels=()),
    "the source": a_notice(what=What.SOURCE, ref=None, name="", apps=0, revision=""),
    "a commit": a_notice(what=What.COMMIT, change=Change.PROGRESS, ref=None, name="", state="pending", was=""),
    "a test": sinks.a_test(T0, "01TEST"),
}


@pytest.mark.parametrize("told", NOTICES.values(), ids=NOTICES)
def test_a_webhook_is_sent_what_its_schema_says(told: Notice) -> None:
    assert schema.validate(body(sent(told)), "notice") == ()


@pytest.mark.parametrize("told", NOTICES.values(), ids=NOTICES)
def test_a_notice_is_the_same_after_it_was_stored(told: Notice) -> None:
    assert notice.of_document(json.loads(json.dumps(told.document()))) == told


def test_a_signature_is_what_others_compute_for_the_published_example() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', secret)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert found["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("secret", ["a plain secret", "whsec_c2VjcmV0", "whsec_not base64!", "whsec_"])
def test_a_signature_is_what_our_own_receiver_takes(secret: str) -> None:
    found = signing.headers("id", T0, b"{}", Secret(secret))
    assert signatures.standard(found, b"{}", secret.encode(), T0)
    assert not signatures.standard(found, b"{ }", secret.encode(), T0)
    assert not signatures.standard({**found, "webhook-id": "other"}, b"{}", secret.encode(), T0)


def test_the_signature_covers_id_time_and_every_byte() -> None:
    request = sent(a_notice())
    signed = b"01TEST." + request.headers["webhook-timestamp"].encode() + b"." + request.body
    digest = hmac.new(b"a signing secret", signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert int(request.headers["webhook-timestamp"]) == NOW.timestamp()


def test_without_a_secret_nothing_is_signed_and_the_id_is_there() -> None:
    headers = sent(a_notice(), Secrets(Secret("https://x.example"))).headers
    assert "webhook-signature" not in headers
    assert headers["webhook-id"] == "01TEST"


def test_a_cloudevent_is_structured_and_holds_the_same_notice() -> None:
    request = sent(a_notice(), kind="cloudevents")
    event = body(request)
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert {key: event[key] for key in ("specversion", "id", "source", "type", "subject", "time")} == {
        "specversion": "1.0",
        "id": "01TEST",
        "source": "/syncer/one",
        "type": "syncer.notice.problem.v1",
        "subject": "customers/acme/apps/app_desk",
        "time": "2026-11-20T10:00:00Z",
    }
    assert event["data"] == a_notice().document()
    assert "webhook-signature" in request.headers


@pytest.mark.parametrize(
    ("told", "subject"),
    [("the source", "source"), ("many", "fleet"), ("a commit", "commits/" + "5f" * 20)],
)
def test_a_cloudevent_names_what_it_is_about(told: str, subject: str) -> None:
    assert body(sent(NOTICES[told], kind="cloudevents"))["subject"] == subject


def texts(message: dict[str, Any]) -> list[str]:
    found = []
    for block in message["blocks"]:
        for each in (block["text"], *()) if "text" in block else block["elements"]:
            assert each["type"] == "plain_text"
            assert each["emoji"] is False
            found.append(each["text"])
    return found


def test_slack_gets_a_headline_why_what_to_do_and_the_facts() -> None:
    assert texts(body(sent(a_notice(), kind="slack"))) == [
        "desk is Drifted",
        "changed at the vendor: popup_url",
        "Next: syncer explain acme/app_desk",
        "since 2026-11-20T09:46:00Z (16 min)",
        "team=voice",
        "revision 5f5f5f5f5f5f",
        "https://syncer.corp.example/apps/acme/app_desk",
    ]


def test_slack_is_told_the_first_names_of_many() -> None:
    told = texts(body(sent(NOTICES["many"], kind="slack")))
    assert told[0] == "37 apps are Drifted"
    assert "a, b…" in told
    assert texts(body(sent(a_notice(labels=(), revision="", link="", todo="", reason=""), kind="slack"))) == [
        "desk is Drifted",
        "since 2026-11-20T09:46:00Z (16 min)",
    ]


@given(st.text(max_size=400))
def test_no_text_mentions_anybody_in_slack_or_is_too_long_for_it(text: str) -> None:
    message = body(sent(a_notice(name=f"<!channel> {text}", reason=text * 20), kind="slack"))
    assert "<" not in message["text"]
    assert "<!channel>" not in message["text"].replace("&lt;", "&lt;")
    header, *rest = texts(message)
    assert len(header) <= 150
    assert max(map(len, rest)) <= 3000


STATUS: dict[str, Any] = {"kind": "commit-status", "name": "prod", "on": (), "repository": "acme/voice/settings"}
COMMIT = NOTICES["a commit"]


@pytest.mark.parametrize(
    ("server", "url", "path", "header", "context"),
    [
        (
            "github",
            "https://api.github.com",
            "repos/acme/voice/settings",
            ("authorization", "Bearer a token"),
            "context",
        ),
        (
            "gitea",
            "https://g.example/api/v1/",
            "repos/acme/voice/settings",
            ("authorization", "token a token"),
            "context",
        ),
        (
            "gitlab",
            "https://g.example/api/v4",
            "projects/acme%2Fvoice%2Fsettings",
            ("private-token", "a token"),
            "name",
        ),
    ],
)
def test_a_status_goes_where_each_server_has_it(
    server: str, url: str, path: str, header: tuple[str, str], context: str
) -> None:
    request = sent(COMMIT, Secrets(Secret(url), token=Secret("a token")), server=server, **STATUS)
    assert request.url.reveal() == f"{url.rstrip('/')}/{path}/statuses/{'5f' * 20}"
    assert header in request.headers.items()
    assert body(request) == {
        "state": "pending",
        context: "syncer/prod",
        "description": COMMIT.reason,
        "target_url": COMMIT.link,
    }
    assert "target_url" not in body(sent(a_notice(state="success", link=""), SECRETS, server=server, **STATUS))


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("github", {"pending", "success", "failure", "error"}),
        ("gitea", {"pending", "success", "failure", "error"}),
        ("gitlab", {"pending", "success", "failed", "canceled"}),
    ],
)
def test_the_states_are_words_that_the_server_knows(server: str, words: set[str]) -> None:
    told = [a_notice(state=verdict.value) for verdict in Verdict]
    assert {body(sent(each, server=server, **STATUS))["state"] for each in told} == words


@pytest.mark.parametrize(("server", "longest"), [("github", 140), ("gitlab", 255), ("gitea", 255)])
def test_a_description_is_no_longer_than_the_server_takes(server: str, longest: int) -> None:
    told = a_notice(state="failure", reason="x" * 900)
    assert len(body(sent(told, server=server, **STATUS))["description"]) == longest


def test_gitlab_saying_that_it_is_so_already_is_as_good_as_yes() -> None:
    refusal = b'{"message":"Cannot transition status via :enqueue from :pending (Reason(s): ...)"}'
    gitlab, github = a_receiver(server="gitlab", **STATUS), a_receiver(server="github", **STATUS)
    assert sinks.accepted(gitlab, 400, refusal)
    assert not sinks.accepted(gitlab, 400, b'{"message":"no such ref"}')
    assert not sinks.accepted(github, 400, refusal)
    assert sinks.accepted(github, 201, b"")


@pytest.mark.parametrize("kind", ["webhook", "cloudevents", "slack"])
def test_no_secret_is_in_what_a_request_shows_of_itself(kind: str) -> None:
    request = sent(a_notice(), kind=kind)
    shown = f"{request!r} {request.body.decode()}"
    assert not [text for text in ("key=k", "a signing secret", "a token") if text in shown]


def test_a_status_cannot_be_tried_out_without_a_commit() -> None:
    assert not sinks.testable(a_receiver(server="github", **STATUS))
    assert sinks.testable(a_receiver())


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=3, minutes=4), "3 h 4 min"),
        (timedelta(days=2, hours=5), "2 d 5 h"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(length: timedelta, told: str) -> None:
    assert notice.told(length) == told


def test_every_state_of_an_app_is_in_the_schema() -> None:
    for state in State:
        assert schema.validate(a_notice(state=state.value, was=state.value).document(), "notice") == ()
