"""What is found on the wire, with real sockets and real TLS on loopback."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.errors import UsageError
from syncer.receivers import sending, targets, wire
from syncer.receivers.resolving import SystemResolver
from syncer.receivers.targets import Origin
from syncer.receivers.verdicts import Failure, Level, Verdict
from syncer.receivers.wire import Answer, tls_context
from tests.receivers.stage import HOST, LOOPBACK, Names, Silent, at, certificate, check, https, means, target
from tests.vendor.stage import RawServer, http, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.receivers.approach import Means
    from tests.vendor.stage import Act, Script, Seen

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("status", "verdict", "level"),
    [
        (200, Verdict.ANSWERS, Level.OK),
        (204, Verdict.ANSWERS, Level.OK),
        (301, Verdict.REDIRECTS, Level.WARNING),
        (304, Verdict.REDIRECTS, Level.WARNING),
        (400, Verdict.REFUSES, Level.OK),
        (401, Verdict.ACCESS_ASKED, Level.WARNING),
        (403, Verdict.ACCESS_ASKED, Level.WARNING),
        (404, Verdict.NO_SUCH_PATH, Level.WARNING),
        (405, Verdict.METHOD_REFUSED, Level.OK),
        (410, Verdict.NO_SUCH_PATH, Level.WARNING),
        (415, Verdict.REFUSES, Level.OK),
        (429, Verdict.REFUSES, Level.OK),
        (500, Verdict.SERVER_ERROR, Level.DEAD),
        (501, Verdict.METHOD_REFUSED, Level.OK),
        (503, Verdict.SERVER_ERROR, Level.DEAD),
    ],
)
async def test_a_status_is_judged(status: int, verdict: Verdict, level: Level, tmp_path: Path) -> None:
    async with https(http(status)) as server:
        [found] = await check(means(tmp_path), at(server))
    assert (found.verdict, found.level, found.status) == (verdict, level, status)
    assert found.addresses == (LOOPBACK,)


async def test_nothing_that_looks_like_a_call_is_sent(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        await check(means(tmp_path), f"https://asha:secret@{HOST}:{server.port}/a/%2Fb?key=c%20d&e=f#part")
    [seen] = server.seen
    assert (seen.method, seen.path, seen.body) == ("HEAD", "/a/%2Fb?key=c%20d&e=f", b"")
    assert seen.headers["host"] == f"{HOST}:{server.port}"
    assert seen.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "content-type", "referer"} & set(seen.headers)


def odd_paths(count: int) -> list[str]:
    rng = random.Random(20261123)
    plain = "ABCxyz019._~!$&'()*+,;=:@-"

    def part(most: int, more: str = "") -> str:
        pieces = [*plain, *more, *(f"%{rng.randrange(256):02{form}}" for form in "xX" for _ in range(20))]
        return "".join(rng.choice(pieces) for _ in range(rng.randrange(most)))

    return [f"/{part(8, '/')}" + (f"?{part(8, '/?')}" if rng.random() < 0.6 else "") for _ in range(count)]


async def test_a_path_arrives_as_it_was_written(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        found = await check(means(tmp_path), *dict.fromkeys(at(server, path) for path in odd_paths(300)))
    assert {one.verdict for one in found} == {Verdict.ANSWERS}
    assert {seen.path for seen in server.seen} == {targets.path(one.target.url) for one in found}


@given(texts=st.lists(st.text() | st.from_regex(r"(https?|wss?)://[!-~]{0,40}", fullmatch=True), max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_text_whatever_ends_a_check(texts: list[str], shut: Means) -> None:
    found = await check(shut, *dict.fromkeys(texts))
    assert {one.level for one in found} <= {Level.DEAD}
    assert Verdict.NOT_CHECKED not in {one.verdict for one in found}


@pytest.fixture
def shut(tmp_path: Path) -> Means:
    """Every name leads to an address that is refused."""
    return means(tmp_path, Names(otherwise="169.254.169.254"))


async def test_a_redirect_is_shown_and_not_followed(tmp_path: Path) -> None:
    async with https(http(200)) as elsewhere:
        moved = http(302, headers={"Location": at(elsewhere, "/new?token=canary")})
        async with https(moved) as server:
            [found] = await check(means(tmp_path), at(server))
    assert found.location == at(elsewhere, "/new?token=***")
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("context", "verdict"),
    [
        (lambda: certificate(not_after=NOW - timedelta(days=1)), Verdict.CERTIFICATE_EXPIRED),
        (lambda: certificate(not_before=NOW + timedelta(days=1)), Verdict.CERTIFICATE_EXPIRED),
        (lambda: certificate("other.example"), Verdict.CERTIFICATE_NAME),
        (lambda: certificate(LOOPBACK), Verdict.CERTIFICATE_NAME),
        (lambda: certificate(by=trustme.CA()), Verdict.CERTIFICATE_UNTRUSTED),
    ],
    ids=["expired", "not yet valid", "another name", "its address alone", "another authority"],
)
async def test_a_bad_certificate_is_told_apart(
    context: Callable[[], ssl.SSLContext], verdict: Verdict, tmp_path: Path
) -> None:
    async with https(http(200), context()) as server:
        [found] = await check(means(tmp_path), at(server))
    assert (found.verdict, found.level, server.seen) == (verdict, Level.DEAD, [])


@pytest.mark.parametrize(("days", "warned"), [(3, True), (13, True), (15, False), (90, False)])
async def test_a_certificate_that_ends_soon_is_warned_of(days: int, warned: bool, tmp_path: Path) -> None:
    ends = NOW + timedelta(days=days, hours=1)
    async with https(http(200), certificate(not_after=ends)) as server:
        [found] = await check(means(tmp_path), at(server))
    assert found.certificate_ends == ends.replace(microsecond=0)
    assert found.warnings == ((f"the certificate ends in {days} days",) if warned else ())
    assert found.level is (Level.WARNING if warned else Level.OK)


async def test_an_address_as_host_needs_a_certificate_for_it(tmp_path: Path) -> None:
    async with https(http(200), certificate(LOOPBACK)) as server:
        [found] = await check(means(tmp_path), at(server, host=LOOPBACK))
    assert found.verdict is Verdict.ANSWERS


async def test_old_tls_is_no_tls(tmp_path: Path) -> None:
    context = certificate()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with https(http(200), context) as server:
        [found] = await check(means(tmp_path), at(server))
    assert found.verdict is Verdict.NO_TLS


async def test_a_server_that_speaks_no_tls_is_no_tls(tmp_path: Path) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(400))
        writer.close()

    listener = await asyncio.start_server(plain, LOOPBACK, 0)
    async with listener:
        [found] = await check(means(tmp_path), f"https://{HOST}:{listener.sockets[0].getsockname()[1]}/")
    assert (found.verdict, found.level) == (Verdict.NO_TLS, Level.DEAD)


async def test_plain_http_works_with_a_warning(tmp_path: Path) -> None:
    async with raw_server(http(200)) as server:
        [found] = await check(means(tmp_path), at(server, scheme="http"))
    assert (found.verdict, found.level, found.certificate_ends) == (Verdict.ANSWERS, Level.WARNING, None)


async def test_a_stream_is_asked_over_https(tmp_path: Path) -> None:
    async with https(http(426)) as server:
        [found] = await check(means(tmp_path), at(server, scheme="wss"))
    assert (found.verdict, found.level) == (Verdict.REFUSES, Level.OK)


def drips(seen: Seen) -> Act:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    return slowly


def hangs(seen: Seen) -> Act:
    async def wait(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return wait


def resets(seen: Seen) -> Act:
    async def reset(writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    return reset


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        (hangs, Verdict.NO_ANSWER),
        (drips, Verdict.NO_ANSWER),
        (resets, Verdict.BROKEN),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Verdict.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", Verdict.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", Verdict.NOT_HTTP),
    ],
    ids=["hangs", "drips", "resets", "no http", "huge header", "many headers"],
)
async def test_no_proper_answer_is_dead(script: Script | bytes, verdict: Verdict, tmp_path: Path) -> None:
    async with https(script) as server:
        [found] = await check(means(tmp_path, deadline=0.5), at(server))
    assert (found.verdict, found.level) == (verdict, Level.DEAD)


async def test_a_handshake_without_end_meets_the_deadline(tmp_path: Path) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(mute, LOOPBACK, 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        [found] = await check(means(tmp_path, deadline=0.3), f"https://{HOST}:{port}/")
    assert found.verdict is Verdict.NO_ANSWER


async def closed_port() -> int:
    async with raw_server(b"") as server:
        return server.port


async def test_a_closed_port_is_no_connection(tmp_path: Path) -> None:
    [found] = await check(means(tmp_path), f"https://{HOST}:{await closed_port()}/")
    assert (found.verdict, found.detail) == (Verdict.NO_CONNECTION, "no connection: Connection refused")


async def test_an_address_that_keeps_quiet_gets_its_time_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener whose queue is full lets nobody in, as a firewall that drops packets does."""
    monkeypatch.setattr(wire, "CONNECT", 0.2)
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        for other in (one, two):
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        [found] = await check(means(tmp_path), f"https://{HOST}:{full.getsockname()[1]}/")
    assert (found.verdict, found.detail) == (Verdict.NO_CONNECTION, "no connection in time")


async def test_a_failure_of_the_client_itself_is_no_verdict_on_the_receiver(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        link = means(tmp_path).link(Origin(secure=True, host=HOST, port=server.port), (LOOPBACK,))
        await link.aclose()
        found = await link.exchange("HEAD", "/", {})
    assert found == Failure(Verdict.NOT_CHECKED, "the HTTP client failed: RuntimeError")


async def test_an_endless_url_ends_no_check(tmp_path: Path) -> None:
    port = await closed_port()
    found = await check(
        means(tmp_path), f"https://{HOST}:{port}/{'x' * 200_000}", f"https://{'x' * 70}.example:{port}/"
    )
    assert [one.verdict for one in found] == [Verdict.NO_CONNECTION] * 2


async def test_the_next_address_is_tried_when_one_is_not_there(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        [found] = await check(means(tmp_path, Names({HOST: [("::1", LOOPBACK)]})), at(server))
    assert found.verdict is Verdict.ANSWERS


async def test_a_name_is_looked_up_once_and_the_checked_address_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time (DNS rebinding) is not asked a second time, by nobody."""

    def nobody(*_: Any, **__: Any) -> Any:
        raise AssertionError("a lookup after the check")

    names = Names({HOST: [(LOOPBACK,), ("169.254.169.254",)]})
    async with https(http(200)) as server:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        monkeypatch.setattr(socket, "gethostbyname", nobody)
        found = await check(means(tmp_path, names), *(at(server, f"/{number}") for number in range(12)))
    assert {one.verdict for one in found} == {Verdict.ANSWERS}
    assert names.asked == {HOST: 1}


@pytest.mark.parametrize(
    "addresses",
    [("169.254.169.254",), (LOOPBACK, "169.254.169.254"), ("8.8.8.8", "::ffff:a9fe:a9fe"), ("nonsense",)],
)
async def test_one_forbidden_address_is_enough_to_refuse(addresses: tuple[str, ...], tmp_path: Path) -> None:
    async with https(http(200)) as server:
        [found] = await check(means(tmp_path, Names({HOST: [addresses]})), at(server))
    assert (found.verdict, found.level, server.connections) == (Verdict.NOT_PUBLIC, Level.DEAD, 0)


@pytest.mark.parametrize(
    "host", [LOOPBACK, "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_this_machine_is_refused_however_it_is_spelled(host: str, tmp_path: Path) -> None:
    async with raw_server(http(200)) as server:
        reached_with = means(tmp_path, SystemResolver(), private=False)
        [found] = await check(reached_with, at(server, host=host, scheme="http"))
    assert (found.verdict, server.connections) == (Verdict.NOT_PUBLIC, 0)


async def test_a_name_without_addresses_is_no_such_name(tmp_path: Path) -> None:
    [found] = await check(means(tmp_path, Names({HOST: [()]})), f"https://{HOST}/")
    assert found.verdict is Verdict.NO_SUCH_NAME


async def test_a_name_that_does_not_exist_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    [found] = await check(means(tmp_path, SystemResolver()), f"https://{HOST}/")
    assert (found.verdict, found.detail, found.addresses) == (Verdict.NO_SUCH_NAME, "no such host name", ())


async def test_a_resolver_without_an_answer_meets_the_deadline(tmp_path: Path) -> None:
    [found] = await check(means(tmp_path, Silent(), deadline=0.1), f"https://{HOST}/")
    assert found.verdict is Verdict.NOT_RESOLVED


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Verdict.NO_SUCH_NAME),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Verdict.NOT_RESOLVED),
        (UnicodeError("label too long"), Verdict.NOT_RESOLVED),
        (OSError("out of files"), Verdict.NOT_RESOLVED),
    ],
)
async def test_the_systems_refusals_are_told_apart(
    error: Exception, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    found = await SystemResolver().addresses("gone.example", 443)
    assert isinstance(found, Failure)
    assert found.verdict is verdict


async def test_a_lookup_that_ends_after_its_time_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    release, done = threading.Event(), threading.Event()

    def late(*_: Any, **__: Any) -> Any:
        release.wait()
        done.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", late)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await SystemResolver().addresses("late.example", 443)
    release.set()
    await asyncio.to_thread(done.wait)
    await asyncio.sleep(0)


@pytest.mark.parametrize("text", ["", "nonsense", "https://", "https://a b/", "https://host:0/", "ftp://h/", "tel:+91"])
async def test_text_that_is_no_url_is_dead(text: str, tmp_path: Path) -> None:
    names = Names()
    [found] = await check(means(tmp_path, names), text)
    assert (found.verdict, found.level, names.asked) == (Verdict.NOT_A_URL, Level.DEAD, {})


async def test_a_dead_host_is_asked_once_for_all_its_urls(tmp_path: Path) -> None:
    handshakes: list[str] = []
    context = certificate("other.example")
    context.sni_callback = lambda _socket, name, _context: handshakes.append(name)
    async with https(http(200), context) as server:
        found = await check(means(tmp_path), *(at(server, f"/{number}") for number in range(20)))
    assert {one.verdict for one in found} == {Verdict.CERTIFICATE_NAME}
    assert handshakes == [HOST]


async def test_a_silent_host_is_given_up_after_a_few_urls(tmp_path: Path) -> None:
    async with https(hangs) as server:
        found = await check(means(tmp_path, deadline=0.2), *(at(server, f"/{number}") for number in range(30)))
    assert {one.verdict for one in found} == {Verdict.NO_ANSWER}
    assert len(server.seen) <= 6
    assert found[-1].detail.startswith("not asked")


async def test_one_silent_path_costs_no_other_its_verdict(tmp_path: Path) -> None:
    async with https(lambda seen: hangs(seen) if seen.path == "/1" else http(200)) as server:
        found = await check(means(tmp_path, deadline=0.3), *(at(server, f"/{number}") for number in range(8)))
    assert [one.verdict for one in found] == [Verdict.ANSWERS, Verdict.NO_ANSWER, *[Verdict.ANSWERS] * 6]


async def test_a_host_sees_few_connections_and_they_are_used_again(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        found = await check(means(tmp_path), *(at(server, f"/{number}") for number in range(60)))
    assert len(found) == len(server.seen) == 60
    assert server.busiest <= 4
    assert server.connections <= 8


async def test_verdicts_stand_in_the_order_asked_whatever_is_slow(tmp_path: Path) -> None:
    async with https(http(200)) as one, https(http(404)) as two:
        texts = [at(server, f"/{number}") for number in range(5) for server in (one, two)]
        found = await check(means(tmp_path), *texts)
    assert [each.target.url.text for each in found] == texts
    assert [each.status for each in found] == [200, 404] * 5


async def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(http(502)) as trap, https(http(200)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{trap.port}")
        [found] = await check(means(tmp_path), at(server))
    assert (found.verdict, trap.connections) == (Verdict.ANSWERS, 0)


async def test_a_configured_proxy_is_asked_for_the_checked_address(tmp_path: Path) -> None:
    async with raw_server(http(403)) as proxy:
        through = means(tmp_path, proxy=f"http://{LOOPBACK}:{proxy.port}")
        [found] = await check(through, f"https://{HOST}:8443/popup")
    assert (proxy.seen[0].method, proxy.seen[0].path) == ("CONNECT", f"{LOOPBACK}:8443")
    assert (found.verdict, found.detail) == (Verdict.NO_CONNECTION, "the proxy refused to connect (403)")


async def test_tls_goes_through_a_proxy_under_the_hosts_name(tmp_path: Path) -> None:
    async with https(http(200)) as server, tunnel() as proxy:
        through = means(tmp_path, proxy=f"http://{LOOPBACK}:{proxy}")
        [found] = await check(through, at(server))
    assert found.verdict is Verdict.ANSWERS
    assert found.certificate_ends is not None


class tunnel:  # noqa: N801 -- used as a function
    """A proxy that connects to what it is asked for."""

    async def __aenter__(self) -> int:
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host, _, port = head.split()[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


def test_authorities_that_cannot_be_read_are_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match=r"webhooks\.ca_file"):
            tls_context(str(tmp_path / name))


async def post(server: RawServer, folder: Path, **more: Any) -> Answer | Failure:
    return await sending.send(target(at(server)).url, {"X-Syncer-Test": "true"}, b'{"a": 1}', means(folder, **more))


async def test_a_payload_is_posted_once_with_its_headers(tmp_path: Path) -> None:
    async with https(http(200, b"thanks", {"Content-Type": "text/plain"})) as server:
        answer = await post(server, tmp_path)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"thanks", "text/plain")
    [seen] = server.seen
    assert (seen.method, seen.body, seen.headers["x-syncer-test"]) == ("POST", b'{"a": 1}', "true")


async def test_a_payload_that_may_have_arrived_is_not_sent_again(tmp_path: Path) -> None:
    async with https(resets) as server:
        answer = await post(server, tmp_path, names=Names({HOST: [(LOOPBACK, LOOPBACK)]}))
    assert isinstance(answer, Failure)
    assert (answer.verdict, len(server.seen)) == (Verdict.BROKEN, 1)


async def test_of_a_huge_answer_only_the_beginning_is_kept(tmp_path: Path) -> None:
    async with https(http(200, b"x" * 5_000_000)) as server:
        answer = await post(server, tmp_path)
    assert isinstance(answer, Answer)
    assert answer.body == b"x" * sending.KEPT


async def test_a_payload_keeps_out_of_private_networks(tmp_path: Path) -> None:
    async with https(http(200)) as server:
        answer = await post(server, tmp_path, private=False)
    assert isinstance(answer, Failure)
    assert (answer.verdict, server.connections) == (Verdict.NOT_PUBLIC, 0)


@pytest.mark.parametrize("text", ["nonsense", f"wss://{HOST}/stream"])
async def test_a_payload_goes_to_http_urls_alone(text: str, tmp_path: Path) -> None:
    answer = await sending.send(target(text).url, {}, b"{}", means(tmp_path))
    assert isinstance(answer, Failure)
    assert answer.verdict is Verdict.NOT_A_URL
