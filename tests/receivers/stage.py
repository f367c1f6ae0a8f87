"""What the tests of receivers stand on: names that lead to this machine, certificates of an authority of our own."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme

from syncer.clock import SystemClock
from syncer.model.desired import AppRef
from syncer.model.fields import Field
from syncer.model.url import parse
from syncer.receivers import checking
from syncer.receivers.addresses import Fence
from syncer.receivers.approach import Means
from syncer.receivers.targets import Target, Use
from syncer.receivers.verdicts import Failure, Verdict
from syncer.receivers.wire import Reach, tls_context
from tests.vendor.stage import RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from syncer.receivers.verdicts import Checked
    from tests.vendor.stage import Script

HOST = "hooks.acme.example"
LOOPBACK = "127.0.0.1"
USE = Use(AppRef("cust_acme", "app_abc123"), "support-desk", Field.POPUP_URL)


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(*names: str, by: trustme.CA | None = None, **more: Any) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (by or authority()).issue_cert(*(names or (HOST,)), **more).configure_cert(context)
    return context


@dataclass
class Names:
    """A resolver with a table; every lookup is counted, and a name's answers may change from one to the next."""

    table: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    otherwise: str = LOOPBACK

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Failure:
        self.asked[host] += 1
        answers = self.table.get(host, [(self.otherwise,)])
        return answers[min(self.asked[host], len(answers)) - 1]


class Silent:
    """A resolver that never answers."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Failure:
        await asyncio.Event().wait()
        return Failure(Verdict.NOT_RESOLVED, "")


def means(folder: Path, names: Any = None, *, deadline: float = 5.0, proxy: str = "", private: bool = True) -> Means:
    ca_file = folder / "authority.pem"
    authority().cert_pem.write_to_path(str(ca_file))
    return Means(Reach(deadline, proxy), Fence(private), tls_context(str(ca_file)), names or Names())


def target(text: str) -> Target:
    return Target(parse(text), (USE,))


async def check(with_what: Means, *texts: str) -> tuple[Checked, ...]:
    return await checking.check([target(text) for text in texts], with_what, SystemClock())


@asynccontextmanager
async def https(script: Script | bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    async with raw_server(script, ssl=context or certificate()) as server:
        yield server


def at(server: RawServer, path: str = "/popup", host: str = HOST, scheme: str = "https") -> str:
    return f"{scheme}://{host}:{server.port}{path}"
