"""HTTP as the vendor needs it: httpx over aiohttp, one attempt on the wire per exchange, nothing ambient.

What is switched off on purpose, because each of them once sent a request or a secret where nobody asked for it:
redirects, cookies, .netrc, proxies and certificate paths from the environment, content encodings, and aiohttp's own
second attempt for idempotent methods (a PUT is one) after a kept connection turned out to be dead.
"""

from __future__ import annotations

import asyncio
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

import aiohttp
import certifi
import httpx
import httpx_aiohttp

from syncer.errors import UsageError, VendorError, VendorKind
from syncer.vendor import options as vendor_options
from syncer.vendor.answers import LATER, Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.client_middlewares import ClientHandlerType

    from syncer.vendor.options import Endpoint, VendorOptions

MAX_BODY: Final = 256 * 1024
MAX_LIST: Final = 16 * 1024 * 1024
"""Bytes of a list of apps: 50,000 rows of the documented shape."""
MAX_HEADERS: Final = 32 * 1024
KEEP_ALIVE: Final = 4.0  # seconds: below the 5 that common servers keep an idle connection, so that we close first
READ_METHODS: Final = frozenset({"GET", "POST"})
WRITE_METHODS: Final = READ_METHODS | {"PUT"}


STANDS_BY: Final = "another process may lead by now; it plans this app anew"
_OVER_A_LIMIT: Final = ("Got more than", "Too many headers")  # aiohttp has no type of its own for these


class Link:
    """The one client of a process: built outside of any loop, it opens its connections at the first exchange."""

    def __init__(self, options: VendorOptions, target: Endpoint, methods: frozenset[str]) -> None:
        self._target = target
        self._deadline = options.deadline
        self._client = httpx.AsyncClient(
            transport=_Guard(_aiohttp_transport(options, target), target, methods),
            timeout=httpx.Timeout(None, connect=options.connect),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def exchange(self, method: str, path: str, headers: dict[str, str], content: bytes | Fenced = b"") -> Answer:
        """One request and its whole answer within the deadline; VendorError where there is none.

        The body of an answer other than 200 is best effort: its status says enough.
        """
        largest = MAX_LIST if path == self._target.list_path else MAX_BODY
        fenced = content if isinstance(content, Fenced) else None
        request = httpx.Request(
            method,
            self._target.origin + path,
            headers=headers if fenced is None else {**headers, "Content-Length": str(len(fenced.content))},
            content=content,
            extensions={"syncer_path": path},
        )
        partial: list[Answer] = []
        try:
            async with asyncio.timeout(self._deadline):
                return await self._receive(request, partial, largest)
        except VendorError as error:
            failure = error
        except TimeoutError:
            failure = VendorError(
                VendorKind.TIMEOUT,
                f"no whole answer from the vendor within {self._deadline:g} s",
                hint=LATER,
                retryable=True,
            )
        except Exception as error:  # noqa: BLE001 -- two libraries deep, any type may come; it ends as this app's failure
            failure = _broken(error)
        if fenced is not None and fenced.refused:
            failure = VendorError(VendorKind.UNEXPECTED, f"not sent: {fenced.refused}", hint=STANDS_BY, sent=False)
        elif partial and partial[0].status != 200:
            return partial[0]
        # Raised outside of the handlers: HTTP libraries keep the request, and with it the token, in their exceptions.
        raise failure

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _receive(self, request: httpx.Request, partial: list[Answer], largest: int) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            partial.append(Answer(response.status_code, headers, b""))
            _check_headers(response)
            return Answer(response.status_code, headers, await _body(response, largest))
        finally:
            await response.aclose()


class Fenced(httpx.AsyncByteStream):
    """A body that is handed out in the moment in which it is written to the connection, and only if that is allowed.

    Between the decision to send a PUT and this lie a wait for a connection, a handshake, other work, or a minute in
    which the process was stopped. A vendor that has the headers of a request and no body has no request.
    """

    def __init__(self, content: bytes, closed: Callable[[], str]) -> None:
        """`closed` is asked when the content is about to leave: why it may not, or an empty text."""
        self.content = content
        self._closed = closed
        self.refused = ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.refused = self._closed()
        if self.refused:
            raise _DroppedError(self.refused)
        yield self.content


class _Guard(httpx.AsyncBaseTransport):
    """The last word before the wire: lets nothing out that this client was not built for."""

    def __init__(self, inner: httpx.AsyncBaseTransport, target: Endpoint, methods: frozenset[str]) -> None:
        self._inner = inner
        self._origin = httpx.URL(target.origin)
        self._token_path = target.token_path
        self._methods = methods

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on; VendorError when method, origin or path are not the ones intended."""
        url = request.url
        path = url.raw_path.decode("ascii")
        same_origin = (url.scheme, url.host, url.port) == (self._origin.scheme, self._origin.host, self._origin.port)
        minting = path == self._token_path
        allowed = request.method in self._methods and (request.method == "POST") == minting
        if not (allowed and same_origin and path == request.extensions.get("syncer_path")):
            raise VendorError(
                VendorKind.UNEXPECTED,
                f"refused to send a {request.method}: this client is not built for it",
                hint="this is a defect of syncer: please report it",
                sent=False,
            )
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport underneath."""
        await self._inner.aclose()


class _DroppedError(aiohttp.ClientConnectionError):
    """A connection broke with a request on it. Not one of the types that aiohttp answers with a second attempt."""


class _MalformedError(aiohttp.ClientError):
    """An answer that is not HTTP, without the request that aiohttp's own error carries (and its Authorization)."""

    def __init__(self, *, too_large: bool) -> None:
        super().__init__("malformed answer")
        self.too_large = too_large


class _ProxyRefusedError(aiohttp.ClientError):
    """The configured proxy refused to connect, likewise without the request."""


async def _one_attempt(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A client middleware around every attempt: makes its failure one that aiohttp does not repeat."""
    failure: aiohttp.ClientError
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _DroppedError(str(error)) from error
    except aiohttp.ClientHttpProxyError as error:
        failure = _ProxyRefusedError(str(error.status))
    except aiohttp.ClientResponseError as error:
        failure = _MalformedError(too_large=error.message.startswith(_OVER_A_LIMIT))
    raise failure


def _aiohttp_transport(options: VendorOptions, target: Endpoint) -> httpx.AsyncBaseTransport:
    context = _tls_context(options.ca_file) if target.secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxy = httpx.Proxy(vendor_options.proxy_url(options.proxy)) if options.proxy else None

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=options.concurrency,
                keepalive_timeout=KEEP_ALIVE,
                ssl=context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            max_headers=64,
            middlewares=(_one_attempt,),
        )

    return httpx_aiohttp.AiohttpTransport(verify=context, trust_env=False, proxy=proxy, client=session)


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or later, host names checked, against `ca_file` alone or the bundled public authorities.

    Not `ssl.create_default_context`: it reads SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE from the environment.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file or certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"vendor.ca_file {ca_file} can't be read as PEM certificates", hint="name a file with the authority's PEM"
        ) from error
    return context


def _check_headers(response: httpx.Response) -> None:
    if sum(len(name) + len(value) for name, value in response.headers.raw) > MAX_HEADERS:
        raise _too_large("headers", MAX_HEADERS)
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise VendorError(
            VendorKind.GARBLED,
            "the vendor's answer is compressed, though identity was asked for",
            status=response.status_code,
            hint="a proxy between may be the cause",
        )


async def _body(response: httpx.Response, largest: int) -> bytes:
    """The body as it came, undecoded, up to the cap."""
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > largest:
            raise _too_large("body", largest)
        parts.append(part)
    return b"".join(parts)


def _too_large(what: str, cap: int) -> VendorError:
    return VendorError(
        VendorKind.TOO_LARGE,
        f"the {what} of the vendor's answer is larger than {cap // 1024} KiB",
        hint="nothing is concluded from it; check vendor.base_url",
    )


def _broken(error: Exception) -> VendorError:
    """A failure of the HTTP libraries as ours."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    match cause:
        case _MalformedError(too_large=True):
            return _too_large("headers", MAX_HEADERS)
        case _MalformedError():
            return VendorError(VendorKind.GARBLED, "the vendor's answer is not HTTP", hint="check vendor.base_url")
        case _ProxyRefusedError() | aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return _unconnected(cause)
        case aiohttp.ClientError() | OSError():
            return VendorError(VendorKind.CONNECT, "the connection to the vendor broke", hint=LATER, retryable=True)
    return VendorError(VendorKind.UNEXPECTED, f"the HTTP client failed: {type(cause).__name__}", hint=LATER)


def _unconnected(
    cause: _ProxyRefusedError | aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError,
) -> VendorError:
    """No connection came about, so that the request certainly never left."""
    retryable = True
    match cause:
        case _ProxyRefusedError():
            message, hint = f"the proxy refused to connect ({cause})", "check vendor.proxy"
        case aiohttp.ConnectionTimeoutError():
            message, hint = "no connection to the vendor in time", LATER
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            message, hint = "the vendor's certificate is not trusted", "check vendor.base_url and vendor.ca_file"
            retryable = False
        case _:
            reason = cause.os_error.strerror or type(cause.os_error).__name__
            message, hint = f"no connection to the vendor: {reason}", "check vendor.base_url and the network"
    return VendorError(VendorKind.CONNECT, message, hint=hint, retryable=retryable, sent=False)
