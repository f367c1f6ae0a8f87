"""One Lease over HTTP: read, create, replace, each one request within a deadline. This package's home of httpx.

Nothing is taken from the environment but where the caller says so: no proxies, no certificate paths, no redirects.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import httpx
import httpx_aiohttp
import orjson

from syncer.cluster import lease
from syncer.errors import ClusterError, ConflictError, UsageError
from syncer.threads import in_thread

if TYPE_CHECKING:
    from syncer.cluster.account import Reach
    from syncer.cluster.lease import Lease

MAX_BODY: Final = 1024 * 1024
KEEP_ALIVE: Final = 30.0
"""Seconds that a connection is kept: longer than the time between two renewals."""
LATER: Final = "it is tried again"
HINTS: Final = {
    401: "the token is not accepted: check the service account and leader.token",
    403: "the service account needs get, create and update on leases in this namespace: see docs/kubernetes.md",
    404: "check leader.namespace, and that leader.server is a Kubernetes API server",
    422: "the API server refuses the object: check leader.name",
}


class Leases:
    """The one Lease at a server. Built outside of any loop; its connections open at the first request."""

    def __init__(self, reach: Reach, deadline: float) -> None:
        """UsageError where the authority's certificates can't be read."""
        self._reach = reach
        self._deadline = deadline
        self._all = f"{reach.server}/apis/{lease.API_VERSION}/namespaces/{reach.namespace}/leases"
        self._client = httpx.AsyncClient(
            transport=_transport(reach), timeout=httpx.Timeout(None), trust_env=False, follow_redirects=False
        )

    async def read(self) -> Lease | None:
        """The lease, or None where there is none; ClusterError otherwise."""
        status, body = await self._ask("GET", f"{self._all}/{self._reach.name}", None)
        if status == 404 and isinstance(body, dict) and body.get("kind") == "Status":
            return None
        return _lease(status, body, {200})

    async def create(self, body: dict[str, Any]) -> Lease:
        """A new lease as the server has it now; ConflictError where there is one."""
        return _lease(*await self._ask("POST", self._all, body), {200, 201})

    async def replace(self, body: dict[str, Any]) -> Lease:
        """The lease as the server has it now; ConflictError where it is not the version that `body` was made from."""
        return _lease(*await self._ask("PUT", f"{self._all}/{self._reach.name}", body), {200})

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _ask(self, method: str, url: str, body: dict[str, Any] | None) -> tuple[int, object]:
        token = await in_thread(self._reach.token)  # a file, read again each time: kubelet renews it in place
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = httpx.Request(method, url, headers=headers, content=content)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._receive(request)
        except ClusterError as error:
            failure = error
        except TimeoutError:
            failure = ClusterError(f"no answer from the API server within {self._deadline:g} s", hint=LATER)
        except Exception as error:  # noqa: BLE001 -- two libraries deep, any type may come
            failure = ClusterError(f"the API server can't be reached: {_why(error)}", hint=LATER)
        raise failure  # outside of the handlers: HTTP libraries keep the request, and with it the token

    async def _receive(self, request: httpx.Request) -> tuple[int, object]:
        response = await self._client.send(request, stream=True)
        try:
            body, text = b"", response.headers.get("retry-after", "")
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_BODY:
                    raise ClusterError(f"the API server's answer is larger than {MAX_BODY // 1024} KiB", hint=LATER)
        finally:
            await response.aclose()
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if response.status_code == 429 or response.status_code >= 500:
            wait = float(text) if text.isascii() and text.isdigit() else None
            raise ClusterError(_told(response.status_code, document), hint=LATER, status=response.status_code,
                               retry_after=wait)  # fmt: skip
        return response.status_code, document


def _lease(status: int, body: object, good: set[int]) -> Lease:
    if status in good:
        return lease.parse(body)
    if status == 409:
        raise ConflictError(_told(status, body), hint=LATER, status=status)
    raise ClusterError(_told(status, body), hint=HINTS.get(status, LATER), status=status)


def _told(status: int, body: object) -> str:
    """What the server says in the Status object that comes with every refusal."""
    message = body.get("message") if isinstance(body, dict) else None
    return f"the API server answers {status}{f': {message[:300]}' if isinstance(message, str) else ''}"


def _transport(reach: Reach) -> httpx.AsyncBaseTransport:
    context = _tls_context(reach)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=2, keepalive_timeout=KEEP_ALIVE, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return httpx_aiohttp.AiohttpTransport(verify=context, trust_env=False, client=session)


def _tls_context(reach: Reach) -> ssl.SSLContext:
    """TLS 1.2 or later against the cluster's own authority alone; not `create_default_context`: it reads variables."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if reach.server.startswith("https:"):
        try:
            context.load_verify_locations(cafile=reach.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"{reach.ca_file} can't be read as PEM certificates",
                hint="leader.ca_file names the cluster's authority; in a Pod it is mounted with the token",
            ) from error
    return context


def _why(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    match cause:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not trusted (leader.ca_file)"
        case aiohttp.ClientConnectorError():
            return cause.os_error.strerror or type(cause.os_error).__name__
    return type(cause).__name__
