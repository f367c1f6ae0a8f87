"""A URL as written, with the form under which two URLs are the same.

The rules are those of RFC 3986 section 6.2.2 and 6.2.3 (case, percent-encoding, dot segments, default port, empty
path), and no others: a trailing slash, an empty query or the order of a query's parts makes another URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
MASK: Final = "***"
_GRAMMAR: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<userinfo>[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>0|[1-9][0-9]{0,4})?)?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
"""Narrower than RFC 3986 where programs disagree about the host: no backslash, no second @, no escapes in a name."""
_MISLEADING: Final = re.compile(r"[^!-~]|\\|%(?![0-9A-Fa-f]{2})")
_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_AUTHORITY: Final = re.compile(r"\A([^/]*//)[^/]*@")


@dataclass(frozen=True, slots=True, repr=False)
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
        """The text with userinfo, query values and fragment masked: they may be secrets, and this is what people see.

        A query part without a name is masked whole. Text that is not a URL loses everything before its last @.
        """
        rest, hash_mark, fragment = self.text.partition("#")
        head, mark, query = rest.partition("?")
        if self.scheme:
            head = _AUTHORITY.sub(rf"\1{MASK}@", head)
        elif "@" in query or "@" in fragment:
            return MASK  # the password may hold a ? or a #: nobody can say where it ends
        elif "@" in head:
            head = f"{MASK}@{head.rpartition('@')[2]}"
        parts = "&".join(_masked(part) for part in query.split("&"))
        return head + mark + parts + hash_mark + (MASK if fragment else "")

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Url({self.shown!r})"


@lru_cache(maxsize=65536)
def parse(text: str) -> Url:
    """Any text as a Url; never raises."""
    found = None if _MISLEADING.search(text) else _GRAMMAR.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and port > 65535):
        return Url(text, text)
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if port == DEFAULT_PORTS.get(scheme):
        port = None
    return Url(text, _normal(found, scheme, host, port), scheme, host.strip("[]"), port)


def _normal(found: re.Match[str], scheme: str, host: str, port: int | None) -> str:
    userinfo, query, fragment = (_percent(found[name] or "") for name in ("userinfo", "query", "fragment"))
    path = _without_dots(_percent(found["path"] or "/"))
    return f"{scheme}://{userinfo}{host}{'' if port is None else f':{port}'}{path}{query}{fragment}"


def _percent(text: str) -> str:
    """Upper-case hex digits, and unreserved characters written plainly."""

    def one(match: re.Match[str]) -> str:
        byte = int(match[1], 16)
        return chr(byte) if byte in UNRESERVED else f"%{byte:02X}"

    return _PERCENT.sub(one, text)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        if segment not in {".", ".."}:
            kept.append(segment)
            continue
        if segment == ".." and len(kept) > 1:
            kept.pop()
        if position == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


def _masked(part: str) -> str:
    """One part of a query: its name stays, its value goes; a part without a name is all value."""
    name, equals, value = part.partition("=")
    if equals:
        return f"{name}={MASK if value else ''}"
    return MASK if name else ""
