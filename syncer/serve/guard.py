"""What every request passes before it is routed, and what every answer carries."""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from syncer.log import Event
from syncer.serve.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

    from syncer.clock import Clock

PROBES: Final = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
"""Asked by kubelets and scrapers under whatever name; they hold nothing that a page in a browser may not know."""
SAFE: Final = frozenset({"GET", "HEAD"})
MOST_HEADERS: Final = 64
LARGEST_HEAD: Final = 16 * 1024
AT_ONCE: Final = (("/-/push/", 16), ("/-/", 16), ("/", 32))
"""Requests that may be under way by the beginning of their path, so that one kind can't crowd out another."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
     b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)  # fmt: skip
"""On every answer, but for those that a page sets itself: it needs its script and its forms."""


def hosts(listen: str, allowed: Iterable[str]) -> frozenset[str]:
    """The names under which the server answers, lower case, IPv6 addresses in brackets."""
    own = f"[{listen}]" if ":" in listen else listen
    return LOOPBACK | {name.lower() for name in (own, *allowed)}


class Guard:
    """The outermost application: refuses what no handler should see, and lets no exception out."""

    def __init__(self, app: ASGIApp, names: frozenset[str], clock: Clock, log: FilteringBoundLogger) -> None:
        self._app = app
        self._names = names
        self._clock = clock
        self._log = log
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        answer = _Answer(send, self._clock.now())
        if refused := judge(scope, self._names):
            await refused(scope, receive, answer)
            return
        kind, most = _kind(scope["path"])
        if self._under_way[kind] >= most > 0:
            await Refused(429, "too many requests at once", headers={"Retry-After": "1"})(scope, receive, answer)
            return
        self._under_way[kind] += 1
        try:
            await self._app(scope, receive, answer)
        except (ClientDisconnect, CancelledError):  # cancelled where the daemon ends: uvicorn would log a traceback
            return
        except Exception as error:  # noqa: BLE001 -- a daemon outlives a fault of its pages; the traceback goes to the log
            self._log.error(Event.SERVE_FAILED, method=scope["method"], error=type(error).__name__, exc_info=error)
        finally:
            self._under_way[kind] -= 1


class _Answer:
    """Hands on what the application sends, with the headers that every answer has."""

    def __init__(self, send: Send, now: datetime) -> None:
        self._send = send
        self._date = (b"date", format_datetime(now, usegmt=True).encode())

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            own = {name.lower() for name, _ in given}
            message = {**message, "headers": [*given, self._date, *(each for each in HEADERS if each[0] not in own)]}
        await self._send(message)


def _kind(path: str) -> tuple[str, int]:
    """What a request counts as, and how many of that may be under way; 0 for no limit."""
    if path in PROBES:
        return "", 0
    return next((start, most) for start, most in AT_ONCE if path.startswith(start) or start == "/")


def judge(scope: Scope, names: frozenset[str]) -> Refused | None:
    """Why a request is refused whatever it asks for; None where nothing speaks against it. Pure."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD:
        return Refused(431, "too many headers, or too long ones")
    if scope["path"] in PROBES and scope["method"] in SAFE:
        return None
    given = [value for name, value in headers if name == b"host"]
    host = given[0].decode("latin-1").lower() if len(given) == 1 else ""
    if name_of(host) not in names:
        return Refused(
            421, "this server does not answer under that name", "add the name to serve.allowed_hosts if it is meant to"
        )
    return None if scope["method"] in SAFE else _foreign(headers, f"{scope['scheme']}://{host}")


def name_of(host: str) -> str:
    """The name in a Host header without its port; empty where it is none."""
    name, mark, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not mark:
        return host
    return name if port.isascii() and port.isdigit() and len(port) <= 5 else ""


def _foreign(headers: Iterable[tuple[bytes, bytes]], own: str) -> Refused | None:
    """A browser says where a request comes from; from elsewhere, or from nowhere (`null`), nothing may be changed."""
    origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
    sites = [value for name, value in headers if name == b"sec-fetch-site"]
    same = all(_without_scheme(origin) == _without_scheme(own) for origin in origins)
    if same and all(site in {b"same-origin", b"none"} for site in sites):
        return None
    return Refused(403, "a request from another site", "only pages of this server and programs may ask for changes")


def _without_scheme(origin: str) -> str:
    """Host and port: behind a proxy that speaks TLS the schemes differ."""
    scheme, mark, rest = origin.partition("://")
    return rest if mark and scheme in {"http", "https"} else ""
