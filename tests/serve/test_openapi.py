"""The OpenAPI document is what the routes are, and nothing generated from it or beside it is answered with a 5xx."""

from __future__ import annotations

import asyncio
import random
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from syncer.serve import app
from syncer.serve.openapi import DOCUMENT
from tests.support.paged import Desk
from tests.support.served import SECRET, TOKEN, Served, View, parsed, served
from tests.support.shown_plans import app as an_app
from tests.support.shown_plans import live, view

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.figures import Recorder

ONE = an_app()
PLAN = {"plan": "3f2a9c1b7d20", "reason": "CHG-1"}
ORDER = {"apps": ["a"], "reason": "CHG-1", "until": "4h"}
FIELDS = ("plan", "apps", "labels", "commit", "reason", "until", "to", "undo", "all")
PATHS = tuple(DOCUMENT["paths"])
TEXTS = (
    "", "a", "\x00", "\r\nX: y", "é", "\U0001f600", "../../etc/passwd", "%00", "%", "%zz", "'\"<script>", "x" * 5000,
    "-1", "1e999", "null", "{}", TOKEN, SECRET, "whsec_AAAA", "v1,AAAA v1,", "sha256=" + "0" * 64, "9" * 30,
    "Bearer", "\x7f",
)  # fmt: skip
NAMES = (
    "Authorization", "Content-Type", "X-Hub-Signature-256", "X-Gitlab-Token", "webhook-id", "webhook-timestamp",
    "webhook-signature", "X-Gitea-Signature", "X-GitHub-Delivery", "Host", "Origin", "Expect", "Connection", "Range",
    "Content-Length", "Transfer-Encoding", "Content-Encoding", "Upgrade", "Accept", "Cookie", "X-Forwarded-Host",
)  # fmt: skip


def test_the_document_has_every_route_and_no_other() -> None:
    here = Served()
    routes = {
        (route.path, method.lower())
        for route in app.routes(here.behind(), here.heartbeat)
        for method in route.methods or ()
    }
    told = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert {(path, method) for path, method in routes if method != "head"} == told


async def test_the_document_is_served() -> None:
    async with served() as here:
        assert (await here.ask("GET", "/openapi.json")).json() == DOCUMENT


def schema_of(path: str, method: str, status: int) -> dict[str, Any] | None:
    answers = DOCUMENT["paths"][path][method]["responses"]
    content = answers[str(status)].get("content", {})
    if "application/json" not in content:
        return None
    return {**content["application/json"]["schema"], "components": DOCUMENT["components"]}


@pytest.mark.parametrize("path", PATHS)
async def test_answers_are_as_the_document_says(path: str, tmp_path: Path) -> None:
    [method] = DOCUMENT["paths"][path]
    names = {"{customer}": ONE.ref.customer_id, "{app}": ONE.ref.app_id, "{name}": "syncer.css"}
    asked = re.sub("{[a-z]+}", lambda name: names[name[0]], path)
    desk = Desk(tmp_path)
    desk.publish(view([(ONE, live(ONE))]))
    async with served(Served(view=View({}), pages=desk.views)) as here:
        bare = await here.ask(method.upper(), asked)
        right = {
            "/-/approve": PLAN,
            "/-/suspend": ORDER,
            "/-/resume": {"all": True},
            "/-/rollback": {**ORDER, "to": "v1"},
        }
        full = await here.post(asked, right.get(path, {})) if method == "post" else bare
        for answer in (bare, full):
            if (schema := schema_of(path, method, answer.status)) is not None:
                Draft202012Validator(schema).validate(answer.json())


def text(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(TEXTS)
    return "".join(chr(rng.choice((rng.randrange(256), rng.randrange(0x10000)))) for _ in range(rng.randrange(40)))


def value(rng: random.Random, depth: int = 0) -> Any:
    if depth < 3 and rng.random() < 0.4:
        several = [value(rng, depth + 1) for _ in range(rng.randrange(4))]
        keys = ("plan", "apps", "labels", "commit", "reason", "until", "to", "undo", "all", "x")
        return several if rng.random() < 0.5 else {rng.choice(keys): each for each in several}
    return rng.choice((None, True, -1, 1.5, 2**53, text(rng)))


def body(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(200))
    fields = {name: value(rng) for name in rng.sample(FIELDS, rng.randrange(6))}
    made = (
        {**rng.choice((PLAN, ORDER)), **fields} if rng.random() < 0.5 else fields if rng.random() < 0.8 else value(rng)
    )
    try:
        return orjson.dumps(made)
    except orjson.JSONEncodeError:  # a lone surrogate
        return repr(made).encode("utf-8", "surrogatepass")


def request(rng: random.Random) -> bytes:
    """One request: often right, mostly nearly so."""
    path = rng.choice((*PATHS, "/" + rng.choice(TEXTS), "*", "http://evil.example/livez"))
    path = path.replace("{customer}", text(rng)).replace("{app}", text(rng)) + rng.choice(
        ("", "?verbose", "?" + text(rng))
    )
    method = rng.choice(
        ("GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "x", text(rng))
    )
    content = body(rng)
    headers = {"Host": "localhost", "Content-Length": str(len(content)), "Content-Type": "application/json"}
    if rng.random() < 0.7:
        headers |= {"Authorization": f"Bearer {TOKEN}", "X-Gitlab-Token": SECRET}
    for _ in range(rng.randrange(3)):
        headers[rng.choice(NAMES)] = text(rng)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {each}" for name, each in headers.items()), "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + content


async def fuzzed(seeds: range) -> int:
    """How many requests were answered; AssertionError for a 5xx."""
    here = Served(view=View({}))
    here.crowd.request = 1.0
    answered = 0
    async with served(here), asyncio.TaskGroup() as group:
        room = asyncio.Semaphore(16)

        async def one(seed: int) -> None:
            nonlocal answered
            async with room:
                answer = await here.raw(request(random.Random(seed)))
            assert not answer or parsed(answer).status < 500, (seed, answer)
            answered += bool(answer)

        for seed in seeds:
            group.create_task(one(seed))
    assert not [line for line in here.log if line["event"] == "serve.failed"]
    return answered


async def test_nothing_generated_is_answered_with_a_5xx() -> None:
    assert await fuzzed(range(400)) > 300


@pytest.mark.soak
async def test_nothing_generated_is_answered_with_a_5xx_in_20_000(figure: Recorder) -> None:
    answered = await fuzzed(range(1000, 21_000))
    figure("server-fuzz", 20_000, seeds="1000-20999", result=f"0 of {answered} answers are 5xx")
