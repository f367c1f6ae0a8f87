"""What can be asked without a token: probes, documents, metrics."""

from __future__ import annotations

import pytest

from syncer.serve.probes import STUCK, Heartbeat
from tests.support.served import Health, Served, View, served

DOCUMENT = {"schema": "syncer.report/v1", "apps": []}


async def test_probes_answer_when_there_is_a_verdict() -> None:
    async with served() as here:
        for path in ("/livez", "/readyz", "/startupz"):
            answer = await here.ask("GET", path)
            assert (answer.status, answer.body) == (200, b"ok\n")


async def test_before_the_first_verdict_only_livez_is_good() -> None:
    async with served(Served(health=Health(judged=False))) as here:
        found = [(await here.ask("GET", path)).status for path in ("/livez", "/readyz", "/startupz")]
        assert found == [200, 503, 503]


async def test_a_daemon_that_ends_is_alive_and_not_ready() -> None:
    async with served(Served(health=Health(stopping=True))) as here:
        found = [(await here.ask("GET", path)).status for path in ("/livez", "/readyz", "/startupz")]
        assert found == [200, 503, 200]


async def test_verbose_lists_checks_that_do_not_count() -> None:
    async with served() as here:
        answer = await here.ask("GET", "/readyz?verbose")
        assert answer.status == 200
        assert answer.body.decode() == (
            "[+] first-verdict: a pass of this process has ended\n"
            "[+] running: not asked to stop\n"
            "[-] source: shown, not counted: a detail\n"
            "ok\n"
        )


async def test_a_head_request_has_no_body() -> None:
    async with served() as here:
        answer = await here.ask("HEAD", "/livez")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "3")


class Still:
    """A clock that a test moves."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_loop_that_did_not_come_round_is_not_alive() -> None:
    clock = Still()
    heartbeat = Heartbeat(clock)  # type: ignore[arg-type]  # it needs no wall time
    assert heartbeat.check().good
    clock.seconds = STUCK
    assert not heartbeat.check().good


async def test_a_stuck_loop_fails_livez() -> None:
    here = Served()
    here.heartbeat = Heartbeat(Still())  # type: ignore[arg-type]  # it needs no wall time
    async with served(here):
        assert (await here.ask("GET", "/livez")).status == 200
        Still.seconds = 100.0
        try:
            assert (await here.ask("GET", "/livez?verbose")).status == 503
        finally:
            Still.seconds = 0.0


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/plan", "/api/v1/apps/c/a"])
async def test_documents_are_served_once_there_are_any(path: str) -> None:
    async with served() as here:
        assert (await here.ask("GET", path)).status == 404
    async with served(Served(view=View(DOCUMENT))) as here:
        answer = await here.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == (DOCUMENT if "apps" not in path else {"app": {"customer_id": "c", "app_id": "a"}})


async def test_metrics_are_plain_text() -> None:
    async with served() as here:
        answer = await here.ask("GET", "/metrics")
        assert (answer.body, answer.headers["content-type"]) == (
            b"metrics\n", "text/plain; version=0.0.4; charset=utf-8"
        )  # fmt: skip


async def test_unknown_paths_are_404_as_json() -> None:
    async with served() as here:
        for path in ("/nope", "/livez/", "/api/v1/apps/a", "//livez", "/api/v1/apps/a/b%2Fc"):
            answer = await here.ask("GET", path)
            assert (answer.status, answer.json()["error"]) == (404, "no such path"), path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/livez", {"GET", "HEAD"}), ("GET", "/-/approve", {"POST"}), ("DELETE", "/-/push/github", {"POST"})],
)
async def test_other_methods_are_405_with_those_allowed(method: str, path: str, allowed: set[str]) -> None:
    async with served() as here:
        answer = await here.ask(method, path)
        assert answer.status == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
