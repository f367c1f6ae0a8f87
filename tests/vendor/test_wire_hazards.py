"""What a hostile or broken server, network or environment can do to one exchange."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from syncer.errors import UsageError, VendorError, VendorKind
from syncer.model.live import LiveApp, Unreadable
from syncer.vendor import transport
from syncer.vendor.options import endpoint
from tests.vendor.stage import (
    COMPLETE,
    TOKEN,
    Act,
    RawServer,
    Seen,
    desired,
    envelope,
    fine,
    http,
    options,
    raw_server,
    reading,
    surroundings,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path


async def _failure(answer: bytes) -> VendorError:
    async with raw_server(answer) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    return caught.value


def _address(server: RawServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def _then(*parts: bytes, pause: float = 0.0, close: bool = True) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if close:
            writer.close()

    return act


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_redirect_is_named_and_never_followed(status: int, method: str) -> None:
    async with raw_server(fine) as elsewhere:
        answer = http(status, headers={"Location": f"http://127.0.0.1:{elsewhere.port}/v2/x?secret=1"})
        async with raw_server(answer) as server, writing(server.url) as client:
            with pytest.raises(VendorError, match=r"vendor redirected to 127\.0\.0\.1") as caught:
                await (client.fetch(desired()) if method == "GET" else client.put(desired(), COMPLETE, "r1"))
    assert caught.value.kind is VendorKind.REDIRECT
    assert (elsewhere.connections, len(server.seen)) == (0, 1)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "location", ["", "http://[", "https://bad host/", f"https://{TOKEN}.example/", "https://" + "a" * 200 + "/"]
)
async def test_a_redirect_to_an_odd_place_is_not_quoted(location: str) -> None:
    error = await _failure(http(302, headers={"Location": location}))
    assert error.message == "vendor redirected to an address it does not name properly (302)"


async def test_a_body_over_the_cap_is_refused() -> None:
    error = await _failure(http(200, b" " * (transport.MAX_BODY + 1)))
    assert (error.kind, error.retryable, error.sent) == (VendorKind.TOO_LARGE, False, True)


async def test_a_body_at_the_cap_is_read() -> None:
    body = http(200, envelope()).split(b"\r\n\r\n", 1)[1]
    padded = body + b" " * (transport.MAX_BODY - len(body))
    async with raw_server(http(200, padded)) as server, reading(server.url) as client:
        assert isinstance(await client.read(desired()), LiveApp)


async def test_a_body_without_an_end_is_cut_at_the_cap() -> None:
    written = 0

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
            written += 0x10000

    async with raw_server(lambda _: pour) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.TOO_LARGE
    assert written < 20_000_000  # what fits into socket buffers, not what the server would send


@pytest.mark.parametrize(
    "bomb",
    [
        {"X-Long": "a" * 100_000},
        {f"X-{number}": "a" for number in range(10_000)},
        {f"X-{number}": "a" * 4000 for number in range(30)},
    ],
    ids=["one long", "many", "many long"],
)
async def test_headers_over_the_cap_are_refused(bomb: dict[str, str]) -> None:
    error = await _failure(http(200, envelope(), bomb))
    assert (error.kind, error.sent) == (VendorKind.TOO_LARGE, True)
    assert "headers" in error.message


async def test_an_endless_header_is_refused() -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while True:
            writer.write(b"a" * 10_000)
            await writer.drain()

    async with raw_server(lambda _: pour) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    assert caught.value.kind is VendorKind.TOO_LARGE


@pytest.mark.parametrize("noise", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/9 abc\r\n\r\n"])
async def test_an_answer_that_is_not_http_is_garbled(noise: bytes) -> None:
    async with raw_server(lambda _: _then(noise)) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    assert (caught.value.kind, caught.value.sent) == (VendorKind.GARBLED, True)


async def test_a_body_that_drips_ends_at_the_deadline() -> None:
    whole = http(200, envelope())
    drips = [whole[i : i + 1] for i in range(len(whole))]
    async with raw_server(lambda _: _then(*drips, pause=0.05)) as server, reading(server.url, deadline=0.3) as client:
        began = time.monotonic()
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
        assert time.monotonic() - began < 1.0
    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == (VendorKind.TIMEOUT, True, True)


async def test_an_answer_that_never_comes_ends_at_the_deadline() -> None:
    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with raw_server(lambda _: hang) as server, reading(server.url, deadline=0.2, attempts=1) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.TIMEOUT


async def test_a_refusal_whose_body_hangs_is_still_a_refusal() -> None:
    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nabc")
        await asyncio.Event().wait()

    async with raw_server(lambda _: stall) as server, reading(server.url, deadline=0.2) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.NOT_FOUND


async def test_a_connection_that_breaks_within_the_body_is_no_answer() -> None:
    cut = http(200, envelope())[:-20]
    async with raw_server(lambda _: _then(cut)) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == (VendorKind.CONNECT, True, True)


async def test_nobody_listening_is_certainly_not_sent(unused_tcp_port: int) -> None:
    async with writing(f"http://127.0.0.1:{unused_tcp_port}/v2") as client:
        with pytest.raises(VendorError, match="no connection to the vendor") as caught:
            await client.put(desired(), COMPLETE, "r1")
    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == (VendorKind.CONNECT, True, False)


async def test_a_connection_that_does_not_come_about_in_time_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as held:
        port = full.getsockname()[1]
        for _ in range(3):  # nobody accepts, so that the queue is full and further attempts are left unanswered
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        async with writing(f"http://127.0.0.1:{port}", connect=0.2) as client:
            with pytest.raises(VendorError, match="no connection to the vendor in time") as caught:
                await client.put(desired(), COMPLETE, "r1")
    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == (VendorKind.CONNECT, True, False)


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_dead_kept_connection_causes_no_second_request_behind_our_back(method: str) -> None:
    """Left to itself, aiohttp sends GET and PUT again when a kept connection turns out to be closed."""

    def script(seen: Seen) -> bytes | Act:
        return fine(seen) if len(server.seen) == 1 else _then()

    async with raw_server(script) as server, writing(server.url) as client:
        await client.fetch(desired())
        with pytest.raises(VendorError) as caught:
            await (client.fetch(desired()) if method == "GET" else client.put(desired(), COMPLETE, "r1"))
        await asyncio.sleep(0.05)  # a second request would come at once
    assert [(seen.method, seen.connection) for seen in server.seen] == [("GET", 1), (method, 1)]
    assert (caught.value.kind, caught.value.sent) == (VendorKind.CONNECT, True)


async def test_a_put_whose_fresh_connection_breaks_is_not_sent_again() -> None:
    async with raw_server(lambda _: _then()) as server, writing(server.url) as client:
        with pytest.raises(VendorError):
            await client.put(desired(), COMPLETE, "r1")
        await asyncio.sleep(0.05)
    assert len(server.seen) == 1


async def test_connections_are_kept_between_requests() -> None:
    async with raw_server(fine) as server, reading(server.url) as client:
        for _ in range(5):
            await client.fetch(desired())
    assert server.connections == 1


async def test_cookies_are_not_kept() -> None:
    answer = http(200, envelope(), {"Set-Cookie": "session=abc; Path=/"})
    async with raw_server(answer) as server, reading(server.url) as client:
        await client.fetch(desired())
        await client.fetch(desired())
    assert "cookie" not in server.seen[1].headers


async def test_nothing_is_taken_from_a_hostile_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(fine) as trap, raw_server(fine) as server:
        (tmp_path / ".netrc").write_text(
            "machine 127.0.0.1 login evil password evil\ndefault login evil password evil\n"
        )
        (tmp_path / ".netrc").chmod(0o600)
        hostile = {
            "HOME": str(tmp_path),
            "NETRC": str(tmp_path / ".netrc"),
            "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
            "SSL_CERT_FILE": str(tmp_path / "none.pem"),
            "REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem"),
            **dict.fromkeys(
                ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
                f"http://127.0.0.1:{trap.port}",
            ),
            "NO_PROXY": "",
            "no_proxy": "",
        }
        for name, value in hostile.items():
            monkeypatch.setenv(name, value)
        async with reading(server.url) as client:
            assert isinstance(await client.read(desired()), LiveApp)
        transport._tls_context(None)
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert trap.connections == 0
    assert not (tmp_path / "keys.log").exists()


async def test_an_explicit_proxy_is_used() -> None:
    async with raw_server(fine) as proxy, reading("http://127.0.0.1:9/v2", proxy=_address(proxy)) as client:
        assert isinstance(await client.read(desired()), LiveApp)
    assert proxy.seen[0].path == "http://127.0.0.1:9/v2/cust_acme/apps/app_abc123/settings"


async def test_a_proxy_that_refuses_to_connect_is_not_the_vendor() -> None:
    async with raw_server(http(407)) as proxy, reading("https://vendor.invalid/v2", proxy=_address(proxy)) as client:
        with pytest.raises(VendorError, match=r"the proxy refused to connect \(407\)") as caught:
            await client.fetch(desired())
    assert (caught.value.kind, caught.value.sent) == (VendorKind.CONNECT, False)
    assert "authorization" not in proxy.seen[0].headers


async def test_tls_is_checked_against_the_given_authority(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "right.pem")
    stranger.cert_pem.write_to_path(tmp_path / "wrong.pem")
    async with raw_server(fine, ssl=context) as server:
        url = f"https://localhost:{server.port}/v2"
        async with reading(url, ca_file=str(tmp_path / "right.pem")) as client:
            assert isinstance(await client.read(desired()), LiveApp)
        for ca_file in (str(tmp_path / "wrong.pem"), None):
            async with reading(url, ca_file=ca_file) as client:
                with pytest.raises(VendorError, match="certificate is not trusted") as caught:
                    await client.fetch(desired())
            assert (caught.value.retryable, caught.value.sent) == (False, False)
        async with reading(url.replace("localhost", "127.0.0.1"), ca_file=str(tmp_path / "right.pem")) as client:
            with pytest.raises(VendorError, match="certificate is not trusted"):
                await client.fetch(desired())
    assert len(server.seen) == 1


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_an_authority_that_cannot_be_read_is_a_configuration_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(UsageError, match="can't be read as PEM"):
        async with reading("https://vendor.example", ca_file=str(tmp_path / "ca.pem")):
            pass


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v2/cust_acme/apps/app_abc123/settings"),
        ("DELETE", "/v2/cust_acme/apps/app_abc123/settings"),
        ("POST", "/v2/cust_acme/apps/app_abc123/settings"),
        ("GET", "/v2/token"),
        ("GET", "/v2/cust_acme/apps/../settings"),
        ("GET", "/v2/cust_acme/apps/a b/settings"),
        ("GET", "@127.0.0.1:1/v2"),
    ],
)
async def test_a_reading_link_lets_nothing_else_out(method: str, path: str) -> None:
    async with raw_server(fine) as server:
        base = f"http://127.0.0.1:{server.port}/v2"
        link = transport.Link(options(base), endpoint(base), transport.READ_METHODS)
        with pytest.raises(VendorError, match="refused to send") as caught:
            await link.exchange(method, path, {})
        await link.aclose()
    assert (server.connections, caught.value.sent) == (0, False)


async def test_an_unforeseen_failure_of_the_libraries_is_that_apps_failure() -> None:
    async with raw_server(fine) as server, reading(server.url) as client:
        await client.aclose()
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.UNEXPECTED


async def test_cancelled_reads_leave_the_client_usable() -> None:
    release = asyncio.Event()

    def script(seen: Seen) -> bytes | Act:
        async def wait(writer: asyncio.StreamWriter) -> None:
            await release.wait()
            writer.write(fine(seen))

        return wait if not release.is_set() else fine(seen)

    async with raw_server(script) as server, reading(server.url, concurrency=4) as client:
        for _ in range(10):
            tasks = [asyncio.create_task(client.read(desired(f"app{number}"))) for number in range(8)]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        release.set()
        answers = await asyncio.gather(*(client.read(desired(f"app{number}")) for number in range(8)))
    assert all(isinstance(live, LiveApp) for live in answers)


async def test_requests_at_once_stay_within_the_concurrency() -> None:
    def script(seen: Seen) -> Act:
        async def answer(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.01)
            writer.write(fine(seen))
            await writer.drain()

        return answer

    async with raw_server(script) as server, reading(server.url, concurrency=3) as client:
        await asyncio.gather(*(client.read(desired(f"app{number}")) for number in range(20)))
    assert server.busiest == 3
    assert server.connections == 3


async def test_a_server_error_once_is_read_at_the_second_attempt() -> None:
    def script(seen: Seen) -> bytes:
        return http(500) if len(server.seen) == 1 else fine(seen)

    async with raw_server(script) as server, reading(server.url, surroundings()) as client:
        assert isinstance(await client.read(desired()), LiveApp)
    assert len(server.seen) == 2
