from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme
from httpx_aiohttp import AiohttpTransport

from syncer.emulator.server import Emulator, serve
from tests.support.emulated import CUSTOMER, app_id, app_token, seeds

if TYPE_CHECKING:
    from pathlib import Path


def test_thread_runner_serves_a_caller_without_a_loop() -> None:
    with Emulator.in_thread() as running:
        running.seed(*seeds(1))
        answer = httpx.get(
            running.settings_url(CUSTOMER, app_id(1)),
            headers={"Authorization": f"Bearer {app_token(1)}"},
            trust_env=False,
        )
        requests = running.store.requests()
    assert answer.status_code == 200
    assert [entry.status for entry in requests] == [200]


def test_thread_runner_hands_a_failed_start_to_its_caller() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"), Emulator.in_thread(port=taken.getsockname()[1]):
            pass


async def test_port_is_free_again_after_the_end() -> None:
    async with Emulator.start() as running:
        port = int(running.origin.rpartition(":")[2])
    async with Emulator.start(port=port) as again:
        assert again.origin == running.origin


async def test_tls_is_spoken_when_a_certificate_is_given(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.cert_chain_pems[0].bytes())
    key.write_bytes(certificate.private_key_pem.bytes())
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with (
        Emulator.start(tls=(chain, key)) as running,
        httpx.AsyncClient(transport=AiohttpTransport(verify=trust), trust_env=False) as client,
    ):
        running.seed(*seeds(1))
        headers = {"Authorization": f"Bearer {app_token(1)}"}
        answer = await client.get(running.settings_url(CUSTOMER, app_id(1)), headers=headers)
        with pytest.raises(httpx.TransportError):
            await client.get(
                running.settings_url(CUSTOMER, app_id(1)),
                headers={**headers, "X-Emulator-Fault": "GET:reset_before_commit"},
            )
    assert running.base_url.startswith("https://")
    assert answer.status_code == 200


async def test_ipv6_address_is_written_in_brackets() -> None:
    async with Emulator.start(host="::1") as running:
        assert running.origin.startswith("http://[::1]:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_runs_until_a_signal(number: signal.Signals) -> None:
    seen: list[str] = []

    def ready(running: Emulator) -> None:
        seen.append(running.base_url)
        os.kill(os.getpid(), number)

    await asyncio.wait_for(serve(port=0, base_path="/v9", ready=ready), 10)
    assert len(seen) == 1
    assert seen[0].endswith("/v9")
