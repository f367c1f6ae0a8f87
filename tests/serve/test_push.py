"""Push triggers: signed by the secret, or nothing; and never more than a look."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from syncer.serve import push, signatures
from tests.support.served import SECRET, Served, served

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BODY = b'{"ref": "refs/heads/main"}'


def hexed(secret: str = SECRET, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(key: bytes, at: datetime, body: bytes = BODY, name: str = "msg_1") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signed = hmac.digest(key, b".".join((name.encode(), stamp.encode(), body)), "sha256")
    signature = f"v1a,other v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}


def test_githubs_own_example() -> None:
    told = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = b"It's a Secret to Everybody", b"Hello, World!"
    assert signatures.github({"x-hub-signature-256": told}, body, secret, NOW)
    assert not signatures.github({"x-hub-signature-256": told}, body + b"!", secret, NOW)


def test_a_standard_webhook_is_signed_over_id_time_and_body() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = standard(key, NOW)
    assert signatures.gitlab(headers, BODY, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NOW)
    assert not signatures.gitlab(
        {**headers, "webhook-id": "msg_2"}, BODY, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NOW
    )
    assert signatures.gitlab(standard(b"whsec_%", NOW), BODY, b"whsec_%", NOW)


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_a_signed_time_that_is_off_is_refused(off: timedelta) -> None:
    assert not signatures.gitlab(standard(b"k", NOW + off), BODY, b"k", NOW)


def test_a_gitlab_token_does_not_stand_in_for_a_wrong_signature() -> None:
    headers = {"x-gitlab-token": "k", "webhook-signature": "v1,AAAA", "webhook-timestamp": "1", "webhook-id": "1"}
    assert not signatures.gitlab(headers, BODY, b"k", NOW)


RIGHT = [
    ("github", {"X-Hub-Signature-256": f"sha256={hexed()}"}),
    ("gitlab", {"X-Gitlab-Token": SECRET}),
    ("gitea", {"X-Gitea-Signature": hexed()}),
    ("gitea", {"X-Forgejo-Signature": hexed()}),
]
WRONG = [
    "",
    "sha256=",
    "sha1=abc",
    "\xff",
    "sha256=\xff",
    hexed("another"),
    f"sha256={hexed()}x",
    "v1,%%%",
    "v1,",
    "0" * 64,
]


@pytest.mark.parametrize(("kind", "headers"), RIGHT)
async def test_a_signed_push_makes_it_look(kind: str, headers: dict[str, str]) -> None:
    async with served() as here:
        assert (await here.ask("POST", f"/-/push/{kind}", headers, BODY)).status == 202
        assert (here.actions.looks, here.actions.passes) == (1, 0)


async def test_a_signed_standard_webhook_makes_it_look() -> None:
    async with served() as here:
        headers = standard(SECRET.encode(), datetime.now(UTC))
        assert (await here.ask("POST", "/-/push/gitlab", headers, BODY)).status == 202


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
async def test_an_unsigned_push_does_nothing(kind: str) -> None:
    async with served() as here:
        names = ("X-Hub-Signature-256", "X-Gitlab-Token", "webhook-signature", "webhook-timestamp", "X-Gitea-Signature")
        for value in WRONG:
            answer = await here.ask("POST", f"/-/push/{kind}", dict.fromkeys(names, value), b"{not json")
            assert answer.status == 401, value
        assert here.actions.looks == 0


async def test_two_secrets_hold_while_one_takes_the_place_of_the_other() -> None:
    async with served(Served(environ={"P": f"old-0123456789abcdef\n{SECRET}\n"})) as here:
        for secret in ("old-0123456789abcdef", SECRET):
            headers = {"X-Hub-Signature-256": f"sha256={hexed(secret)}"}
            assert (await here.ask("POST", "/-/push/github", headers, BODY)).status == 202


async def test_without_a_secret_push_triggers_are_off() -> None:
    async with served(Served(environ={})) as here:
        answer = await here.ask("POST", "/-/push/github", {"X-Hub-Signature-256": f"sha256={hexed('')}"}, BODY)
        assert (answer.status, here.actions.looks) == (403, 0)


async def test_many_pushes_are_one_look_now_and_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as here:
        for number in range(20):
            headers = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event-UUID": str(number)}
            assert (await here.ask("POST", "/-/push/gitlab", headers, BODY)).status == 202
        assert here.actions.looks == 1


async def test_a_delivery_that_comes_again_is_told_so() -> None:
    async with served() as here:
        headers = {"X-Hub-Signature-256": f"sha256={hexed()}", "X-GitHub-Delivery": "one"}
        answers = [await here.ask("POST", "/-/push/github", headers, BODY) for _ in range(3)]
        assert [answer.json()["repeated"] for answer in answers] == [False, True, True]


async def test_the_debounce_calls_now_and_then_once_for_all_that_came_meanwhile() -> None:
    calls: asyncio.Queue[None] = asyncio.Queue()
    debounce = push.Debounce(lambda: calls.put_nowait(None), every=0.05)
    for _ in range(10_000):
        debounce.ask()
    assert calls.qsize() == 1
    async with asyncio.timeout(5):
        await calls.get()
        await calls.get()
    await asyncio.sleep(0.2)  # long enough for another call, if there were one
    assert calls.empty()
    debounce.ask()
    assert calls.qsize() == 1


def test_old_deliveries_are_forgotten() -> None:
    seen = push.Seen(most=2)
    assert [seen.again(each) for each in ("a", "b", "a", "c", "b")] == [False, False, True, False, False]
    assert not seen.again("")
    assert not seen.again("")


async def test_a_body_over_the_cap_is_refused() -> None:
    async with served() as here:
        answer = await here.ask("POST", "/-/push/github", {"Content-Length": str(push.LARGEST + 1)})
        assert answer.status == 413
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        head = b"POST /-/push/github HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await here.raw(head + chunk * 20)).startswith(b"HTTP/1.1 413 ")
        assert here.actions.looks == 0
