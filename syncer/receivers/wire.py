"""The home of httpx for receivers: connections to addresses that were checked, one origin each.

A request names the address itself; the host's name goes into the Host header and the TLS handshake. So nothing is
looked up between the check and the connection, also not by a proxy. Nothing comes from the environment, redirects are
not followed, cookies not kept, bodies read up to a cap.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import certifi
import httpx
import httpx_aiohttp
from yarl import URL

from syncer.errors import UsageError
from syncer.receivers.verdicts import Failure, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.client_middlewares import ClientHandlerType

    from syncer.receivers.targets import Origin

USER_AGENT: Final = f"exotel-syncer/{metadata.version('exotel-syncer')}"
WIDTH: Final = 4  # connections to one origin at once
MOST_ADDRESSES: Final = 4  # of a name that are tried
MAX_HEADERS: Final = 100
KEEP_ALIVE: Final = 4.0  # seconds
CONNECT: Final = 4.0  # seconds for one of the addresses, so that the next one gets its turn
_PATH: Final[ContextVar[str]] = ContextVar("path")  # of the request under way in this task
_EXPIRED: Final = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_NAME: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@dataclass(frozen=True, slots=True)
class Reach:
    """How receivers are reached: `deadline` is seconds for a whole exchange; `proxy` empty for none."""

    deadline: float = 10.0
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; `body` up to what was asked for. `certificate_ends` None without TLS."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    address: str
    certificate_ends: datetime | None

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """The first header of that name; empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or later, names checked, against `ca_file` alone or the bundled public authorities; UsageError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file or certifi.where())
    except OSError as error:
        raise UsageError(
            f"webhooks.ca_file {ca_file} can't be read as PEM certificates",
            hint="name a file with the authority's PEM",
        ) from error
    return context


class Link:
    """Connections to one origin at addresses that somebody has checked."""

    def __init__(self, origin: Origin, addresses: tuple[str, ...], reach: Reach, context: ssl.SSLContext) -> None:
        self._origin = origin
        self._addresses = addresses[:MOST_ADDRESSES]
        self._reach = reach
        self._context = context
        self._certificate: Mapping[str, Any] = {}
        proxy = httpx.Proxy(reach.proxy) if reach.proxy else None
        self._client = httpx.AsyncClient(
            transport=httpx_aiohttp.AiohttpTransport(
                verify=context, trust_env=False, proxy=proxy, client=self._session
            ),
            timeout=httpx.Timeout(None),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"", keep: int = 0
    ) -> Answer | Failure:
        """One request and its answer with at most `keep` bytes of the body, or why there is none; never raises."""
        failure = Failure(Verdict.NO_CONNECTION, "the host has no address")
        try:
            async with asyncio.timeout(self._reach.deadline):
                for address in self._addresses:
                    _PATH.set(path)
                    answer = await self._attempt(self._request(method, headers, content, address), address, keep)
                    if isinstance(answer, Answer):
                        self._addresses = (address, *(other for other in self._addresses if other != address))
                        return answer
                    failure = answer
                    if failure.verdict is not Verdict.NO_CONNECTION:
                        break
        except TimeoutError:
            return Failure(Verdict.NO_ANSWER, f"no answer within {self._reach.deadline:g} s")
        return failure

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _request(self, method: str, headers: Mapping[str, str], content: bytes, address: str) -> httpx.Request:
        where = f"[{address}]" if ":" in address else address
        scheme = "https" if self._origin.secure else "http"
        return httpx.Request(
            method,
            f"{scheme}://{where}:{self._origin.port}/",
            headers={
                "Host": self._origin.authority,
                "User-Agent": USER_AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                **headers,
            },
            content=content,
            extensions={
                "timeout": {"connect": CONNECT},
                **({"sni_hostname": self._origin.host.rstrip(".")} if self._origin.secure else {}),
            },
        )

    async def _attempt(self, request: httpx.Request, address: str, keep: int) -> Answer | Failure:
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _body(response, keep)
            finally:
                await response.aclose()
        except Exception as error:  # noqa: BLE001 -- two libraries deep, any type may come; it ends as this URL's failure
            return _failure(error)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        return Answer(response.status_code, headers, body, address, self._ends())

    def _session(self) -> aiohttp.ClientSession:
        connector = _Noting(self._note, limit=WIDTH, keepalive_timeout=KEEP_ALIVE, ssl=self._context)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            max_headers=MAX_HEADERS,
            middlewares=(_as_written,),
        )

    def _note(self, certificate: Mapping[str, Any]) -> None:
        self._certificate = certificate

    def _ends(self) -> datetime | None:
        ends = self._certificate.get("notAfter")
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None


class _Noting(aiohttp.TCPConnector):
    """A connector that tells of the certificate behind each connection."""

    def __init__(self, note: Any, **options: Any) -> None:
        super().__init__(**options)
        self._note = note

    async def connect(self, *arguments: Any, **named: Any) -> aiohttp.connector.Connection:
        """The connection, after its certificate was noted."""
        connection = await super().connect(*arguments, **named)
        if connection.transport is not None:
            self._note(connection.transport.get_extra_info("peercert") or {})
        return connection


async def _as_written(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A client middleware that puts the path in as it is: aiohttp would write `%2A` as `*`, which is another path."""
    request.url = URL(f"{request.url.origin()}{_PATH.get()}", encoded=True)
    return await handler(request)


async def _body(response: httpx.Response, keep: int) -> bytes:
    body = b""
    if keep:
        async for part in response.aiter_raw():
            body += part
            if len(body) >= keep:
                break
    return body[:keep]


def _failure(error: Exception) -> Failure:
    """A failure of the HTTP libraries as ours."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    match cause:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(cause.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            verdict, detail = Verdict.NO_TLS, f"no TLS: {_told(cause)}"
        case aiohttp.ConnectionTimeoutError():
            verdict, detail = Verdict.NO_CONNECTION, "no connection in time"
        case aiohttp.ClientHttpProxyError():
            verdict, detail = Verdict.NO_CONNECTION, f"the proxy refused to connect ({cause.status})"
        case aiohttp.ClientConnectorError():
            reset = isinstance(cause.os_error, ConnectionResetError)  # before a request: in the handshake
            verdict = Verdict.NO_TLS if reset else Verdict.NO_CONNECTION
            detail = f"no connection: {_reason(cause.os_error)}"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            verdict, detail = Verdict.NOT_HTTP, "the answer is not HTTP, or its headers are too large"
        case aiohttp.ClientError() | OSError():
            verdict, detail = Verdict.BROKEN, "the connection broke before an answer came"
        case _:
            verdict, detail = Verdict.NOT_CHECKED, f"the HTTP client failed: {type(cause).__name__}"
    return Failure(verdict, detail)


def _reason(error: OSError) -> str:
    """The system's words for its number: the text of asyncio's own error repeats the address instead."""
    return os.strerror(error.errno) if error.errno else type(error).__name__


def _told(error: BaseException) -> str:
    inner = getattr(error, "os_error", error)
    return str(getattr(inner, "reason", "") or type(inner).__name__).replace("_", " ").lower()


def _untrusted(error: BaseException) -> Failure:
    code = getattr(error, "verify_code", 0)
    told = str(getattr(error, "verify_message", "") or "it does not verify")
    if code in _EXPIRED:
        return Failure(Verdict.CERTIFICATE_EXPIRED, told)
    if code in _NAME:
        return Failure(Verdict.CERTIFICATE_NAME, "the certificate is for another name")
    return Failure(Verdict.CERTIFICATE_UNTRUSTED, f"no public authority vouches for the certificate: {told}")
