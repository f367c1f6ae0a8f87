"""How a vendor rewrites a URL: rules 1 to 6 keep it equal under RFC 3986, 7 to 12 change what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from syncer.emulator.fields import Value

ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
OTHER_SCHEME = {"http": "https", "https": "http", "ws": "wss", "wss": "ws"}
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
Rule = Callable[[SplitResult], SplitResult]


def _host_case(url: SplitResult) -> SplitResult:
    return url._replace(netloc=url.netloc.upper())


def _default_port(url: SplitResult) -> SplitResult:
    return url if url.port else url._replace(netloc=f"{url.netloc}:{PORTS[url.scheme]}")


def _percent_case(url: SplitResult) -> SplitResult:
    return _map_text(url, lambda text: ESCAPE.sub(lambda match: match[0].upper(), text))


def _empty_path(url: SplitResult) -> SplitResult:
    return url._replace(path=url.path or "/")


def _unreserved(url: SplitResult) -> SplitResult:
    def decode(match: re.Match[str]) -> str:
        character = chr(int(match[0][1:], 16))
        return character if character in UNRESERVED else match[0]

    return _map_text(url, lambda text: ESCAPE.sub(decode, text))


def _dot_segments(url: SplitResult) -> SplitResult:
    kept: list[str] = []
    segments = url.path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[max(len(kept) - 1, 1) :]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return url._replace(path="/".join(kept))


def _slash_added(url: SplitResult) -> SplitResult:
    return url if url.path.endswith("/") else url._replace(path=f"{url.path}/")


def _slash_removed(url: SplitResult) -> SplitResult:
    return url._replace(path=url.path.rstrip("/")) if len(url.path) > 1 else url


def _query_sorted(url: SplitResult) -> SplitResult:
    return url._replace(query="&".join(sorted(url.query.split("&"))))


def _scheme_changed(url: SplitResult) -> SplitResult:
    return url._replace(scheme=OTHER_SCHEME[url.scheme])


def _fragment_dropped(url: SplitResult) -> SplitResult:
    return url._replace(fragment="")


def _host_changed(url: SplitResult) -> SplitResult:
    return url._replace(netloc="changed.example")


def _map_text(url: SplitResult, change: Callable[[str], str]) -> SplitResult:
    return url._replace(path=change(url.path), query=change(url.query), fragment=change(url.fragment))


RULES: Mapping[str, Rule] = {
    "host_case": _host_case,
    "default_port": _default_port,
    "percent_case": _percent_case,
    "empty_path": _empty_path,
    "unreserved": _unreserved,
    "dot_segments": _dot_segments,
    "slash_added": _slash_added,
    "slash_removed": _slash_removed,
    "query_sorted": _query_sorted,
    "scheme_changed": _scheme_changed,
    "fragment_dropped": _fragment_dropped,
    "host_changed": _host_changed,
}


def rewrite(value: Value, rules: tuple[str, ...]) -> Value:
    """A URL after the rules, by name or number from 1; anything that is no URL stays."""
    if not isinstance(value, str):
        return value
    url = urlsplit(value)
    for rule in rules:
        name = list(RULES)[int(rule) - 1] if rule.isdecimal() else rule
        url = RULES[name](url)
    return url.geturl()
