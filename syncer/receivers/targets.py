"""Which URLs are looked at, and whose they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from syncer.model.fields import URL_FIELDS, Field
from syncer.model.url import DEFAULT_PORTS, Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.model.desired import AppRef
    from syncer.model.fields import AppSettings, Setting

SECURE: Final = frozenset({"https", "wss"})


@dataclass(frozen=True, slots=True)
class Use:
    """A setting of an app that holds a URL."""

    ref: AppRef
    name: str
    field: Field


@dataclass(frozen=True, slots=True)
class Target:
    """One URL with everybody who uses it."""

    url: Url
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection goes. A WebSocket begins as HTTP, so wss counts as https."""

    secure: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: brackets around an IPv6 address, the port where it is not the default one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def origin(url: Url) -> Origin | None:
    """Where a URL leads; None for text that is no URL of a kind that webhooks go to."""
    if url.scheme not in DEFAULT_PORTS or not url.host or url.port == 0:
        return None
    port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    return Origin(url.scheme in SECURE, url.host, port)


def path(url: Url) -> str:
    """Path and query as they are asked for: neither user information nor a fragment is ever sent."""
    parts = urlsplit(url.normal)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def of_settings(ref: AppRef, name: str, settings: AppSettings) -> Iterator[tuple[Use, Setting]]:
    """The URL settings of one app."""
    return ((Use(ref, name, field), settings.get(field)) for field in URL_FIELDS)


def gather(values: Iterable[tuple[Use, Setting]]) -> tuple[Target, ...]:
    """Each URL once, in the order in which it is first met; what is null or not declared is left out."""
    found: dict[Url, list[Use]] = {}
    for use, value in values:
        if isinstance(value, Url):
            found.setdefault(value, []).append(use)
    return tuple(Target(url, tuple(uses)) for url, uses in found.items())
