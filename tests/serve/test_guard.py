"""What every request passes, and what every answer carries."""

from __future__ import annotations

import asyncio

import pytest

from syncer.serve import guard
from tests.support.served import TOKEN, Served, View, served

OWN = ("127.0.0.1", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8080", "syncer.corp.example", "Syncer.Corp.Example:443")
FOREIGN = (
    "evil.example", "", "127.0.0.1.evil.example", "evil.example:8080", "127.0.0.1@evil.example",
    "localhost.", "localhost:", "localhost:8080:8080", "localhost:99999999", "localhost:x", "[::1", "::1",
    "[::ffff:127.0.0.1]", "127.1", "2130706433",
    "0x7f000001", "0.0.0.0", "xlocalhost", "localhost evil.example",
    "localhost,evil.example", "loc\xe4lhost", "localhost:٣",
)  # fmt: skip


@pytest.mark.parametrize("host", OWN)
async def test_own_names_are_answered(host: str) -> None:
    async with served(Served(view=View({}))) as here:
        assert (await here.ask("GET", "/api/v1/status", {"Host": host})).status == 200


def judged(host: str, path: str = "/api/v1/status") -> int:
    headers = [(b"host", host.encode("utf-8"))]
    scope = {"path": path, "method": "GET", "scheme": "http", "headers": headers}
    refused = guard.judge(scope, guard.hosts("127.0.0.1", ["syncer.corp.example"]))
    return refused.status if refused else 200


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names_are_refused(host: str) -> None:
    assert judged(host) == 421


def test_no_host_and_two_hosts_are_refused() -> None:
    two = [(b"host", b"localhost"), (b"host", b"localhost")]
    for headers in ([], two):
        scope = {"path": "/", "method": "GET", "scheme": "http", "headers": headers}
        refused = guard.judge(scope, frozenset({"localhost"}))
        assert refused is not None
        assert refused.status == 421


async def test_a_forwarded_host_is_no_host() -> None:
    async with served() as here:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
        assert (await here.ask("GET", "/api/v1/status", headers)).status == 421
        assert (await here.ask("GET", "/livez", {"X-Forwarded-Host": "evil.example"})).status == 200


@pytest.mark.parametrize("path", sorted(guard.PROBES))
def test_probes_answer_under_any_name(path: str) -> None:
    assert judged("10.1.2.3:8080", path) == 200


def test_a_listen_address_is_an_own_name() -> None:
    assert "[fd00::1]" in guard.hosts("fd00::1", [])
    assert "10.1.2.3" in guard.hosts("10.1.2.3", [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_sites_pages_change_nothing(headers: dict[str, str]) -> None:
    async with served() as here:
        assert (await here.post("/-/reconcile", {}, **headers)).status == 403
        assert here.actions.passes == 0


async def test_an_own_page_may_ask() -> None:
    async with served() as here:
        own = {"Origin": f"http://127.0.0.1:{here.port}", "Sec-Fetch-Site": "same-origin"}
        assert (await here.post("/-/reconcile", {}, **own)).status == 202


@pytest.mark.parametrize("path", ["/livez", "/nope", "/-/reconcile", "/openapi.json"])
async def test_every_answer_has_the_security_headers_and_none_opens_it_to_other_sites(path: str) -> None:
    async with served() as here:
        answer = await here.ask("GET", path, {"Origin": "https://evil.example"})
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["date"].endswith(" GMT")
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_too_many_and_too_long_headers_are_refused() -> None:
    async with served() as here:
        many = {f"X-{number}": "1" for number in range(guard.MOST_HEADERS)}
        assert (await here.ask("GET", "/livez", many)).status == 431
        answer = await here.ask("GET", "/livez", {"X": "x" * (guard.LARGEST_HEAD + 1)})
        assert answer.status in {400, 431}


async def test_what_is_no_http_is_a_400() -> None:
    async with served() as here:
        for request in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost a\r\n\r\n"):
            assert (await here.raw(request + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_fault_is_a_500_and_a_line_in_the_log_and_the_server_goes_on() -> None:
    async with served() as here:
        here.actions.fails_with = ZeroDivisionError("with-a-secret")
        answer = await here.post("/-/approve", {"plan": "3f2a9c1b7d20", "reason": "r"})
        assert (answer.status, answer.json()["error"]) == (500, "a fault of syncer; its log has the traceback")
        assert [line["error"] for line in here.log if line["event"] == "serve.failed"] == ["ZeroDivisionError"]
        assert (await here.ask("GET", "/livez")).status == 200


class Slow(View):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__({})
        self.go = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def plan(self) -> dict[str, object]:
        self.asked.release()
        await self.go.wait()
        return {}


async def test_more_reads_at_once_than_there_is_room_for_are_told_to_come_again() -> None:
    slow = Slow()
    async with served(Served(view=slow)) as here, asyncio.TaskGroup() as group:
        most = dict(guard.AT_ONCE)["/"]
        waiting = [group.create_task(here.ask("GET", "/api/v1/plan")) for _ in range(most)]
        for _ in range(most):
            await slow.asked.acquire()
        refused = await here.ask("GET", "/api/v1/plan")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert (await here.post("/-/reconcile", {})).status == 202
        assert (await here.ask("GET", "/livez")).status == 200
        slow.go.set()
        assert [(await each).status for each in waiting] == [200] * most


async def test_a_token_is_not_in_the_log() -> None:
    async with served() as here:
        await here.post("/-/reconcile", {})
        assert here.log
        assert TOKEN not in str(here.log)
