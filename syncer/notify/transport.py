"""HTTP to receivers: one POST within a deadline, nothing ambient. The one module of this package that knows httpx.

No redirects (a secret would travel on to nobody knows where), no cookies, no proxies or certificates from the
environment, a connection of its own for each notice: they are rare, and a kept one would be dead by the next.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

import aiohttp
import certifi
import httpx
import httpx_aiohttp

from syncer.errors import SyncerError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.notify.sinks import Request

CONNECT: Final = 5.0
MAX_BODY: Final = 64 * 1024
LONGEST_WAIT: Final = 3600
"""Seconds of a `Retry-After` that are believed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: `retry_after` in seconds, 0 where it names no time."""

    status: int
    body: bytes = b""
    retry_after: float = 0.0


class Link:
    """The client for one receiver: built outside of any loop, it opens a connection for each exchange."""

    def __init__(self, proxy: str, ca_file: Path | None, deadline: float) -> None:
        self._deadline = deadline
        context = _tls_context(ca_file)

        def session() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, force_close=True, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                max_headers=64,
            )

        self._client = httpx.AsyncClient(
            transport=httpx_aiohttp.AiohttpTransport(
                verify=context, trust_env=False, proxy=httpx.Proxy(proxy) if proxy else None, client=session
            ),
            timeout=httpx.Timeout(None, connect=CONNECT),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def post(self, request: Request) -> Answer:
        """One request and its answer, whatever its status; SyncerError where there is none within the deadline."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(request)
        except TimeoutError:
            failure = SyncerError(f"no answer within {self._deadline:g} s", hint=LATER, retryable=True)
        except Exception as error:  # noqa: BLE001 -- two libraries deep, any type may come; it ends as a failed attempt
            failure = _broken(error)
        # Raised outside of the handlers: HTTP libraries keep the request, and with it its secrets, in their exceptions.
        raise failure

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _exchange(self, request: Request) -> Answer:
        headers = {"accept-encoding": "identity", "accept": "*/*", **request.headers}
        sent = httpx.Request("POST", request.url.reveal(), headers=headers, content=request.body)
        response = await self._client.send(sent, stream=True)
        try:
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_BODY:
                    break  # its status says enough
                parts.append(part)
            return Answer(response.status_code, b"".join(parts), _wait(response.headers.get("retry-after", "")))
        finally:
            await response.aclose()


LATER: Final = "it is tried again"


def _wait(text: str) -> float:
    """Seconds of a Retry-After; a date is rare here and counts as none."""
    return float(min(int(text), LONGEST_WAIT)) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, host names checked, against `ca_file` alone or the bundled public authorities.

    Not `ssl.create_default_context`: it reads SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE from the environment.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=str(ca_file) if ca_file else certifi.where())
    except (OSError, ssl.SSLError) as error:
        hint = "name a file with the authority's PEM"
        raise UsageError(f"notify: ca_file {ca_file} can't be read as PEM certificates", hint=hint) from error
    return context


def _broken(error: Exception) -> SyncerError:
    """A failure of the HTTP libraries as ours, without a word of theirs: they quote URLs."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    match cause:
        case aiohttp.ClientHttpProxyError():
            told, hint = f"the proxy refused to connect ({cause.status})", "check the receiver's proxy"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            told, hint = "the receiver's certificate is not trusted", "check its url and ca_file"
        case aiohttp.ClientConnectorError():
            told, hint = f"no connection: {_said(cause.os_error)}", LATER
        case aiohttp.ConnectionTimeoutError():
            told, hint = f"no connection within {CONNECT:g} s", LATER
        case aiohttp.ClientError() | OSError():
            told, hint = f"the connection broke ({type(cause).__name__})", LATER
        case _:
            told, hint = f"the HTTP client failed: {type(cause).__name__}", LATER
    return SyncerError(told, hint=hint, retryable=True)


def _said(error: OSError) -> str:
    """What the system said, without the address that asyncio adds: the same trouble shall have the same words."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
