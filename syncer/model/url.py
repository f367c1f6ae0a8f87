"""A URL as written, with the form under which two URLs are the same.

The rules are those of RFC 3986 section 6.2.2 and 6.2.3 (case, percent-encoding, dot segments, default port, empty
path), and no others: a trailing slash or the order of a query's parts makes another URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_USERINFO: Final = re.compile(r"\A([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@")
_QUERY_VALUE: Final = re.compile(r"=[^&;]*")
_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL: `text` as written, `normal` what equality compares; host and scheme lower case, port None if default.

    Parsing is total: the vendor may hold any text. What is not a URL has an empty scheme and host and equals only
    the same text.
    """

    text: str = field(compare=False)
    normal: str
    scheme: str = field(default="", compare=False)
    host: str = field(default="", compare=False)
    port: int | None = field(default=None, compare=False)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port: what decides where a call or recording goes."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """The text with query values and userinfo masked: they may be secrets, and this is what people see."""
        head, mark, query = self.text.partition("?")
        query, hash_mark, fragment = query.partition("#")
        return _USERINFO.sub(r"\1***@", head) + mark + _QUERY_VALUE.sub("=***", query) + hash_mark + fragment

    def __str__(self) -> str:
        return self.shown


@lru_cache(maxsize=65536)
def parse(text: str) -> Url:
    """Any text as a Url; never raises."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return Url(text, text)
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    if not scheme or not host or not text.isascii() or not text.isprintable() or " " in text:
        return Url(text, text)
    if port == DEFAULT_PORTS.get(scheme):
        port = None
    return Url(text, _normal(parts, scheme, host, port), scheme, host, port)


def _normal(parts: SplitResult, scheme: str, host: str, port: int | None) -> str:
    userinfo, at, _ = parts.netloc.rpartition("@")
    shown = f"[{host}]" if ":" in host else host
    netloc = f"{_percent(userinfo)}{at}{shown}" + (f":{port}" if port is not None else "")
    path = _without_dots(_percent(parts.path)) or "/"
    query = f"?{_percent(parts.query)}" if "?" in parts.geturl() or parts.query else ""
    fragment = f"#{_percent(parts.fragment)}" if parts.fragment else ""
    return f"{scheme}://{netloc}{path}{query}{fragment}"


def _percent(text: str) -> str:
    """Upper-case hex digits, and unreserved characters written plainly."""

    def one(match: re.Match[str]) -> str:
        byte = int(match[1], 16)
        return chr(byte) if byte in UNRESERVED else f"%{byte:02X}"

    return _PERCENT.sub(one, text)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    if "." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == ".":
            if last:
                kept.append("")
        elif segment == "..":
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/".join(kept)
