"""Answers that a broken or hostile vendor could give: the documented one with a few things wrong, down to its bytes."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.vendor.stage import envelope

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Edit = tuple[bytes, ...]
"""What is sent, in pieces with a pause between them."""

FIELDS = (
    *("popup_url", "missed_call_url", "callback_url", "recording_enabled", "recording_url"),
    *("streaming_enabled", "streaming_url"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, "", " ", "x", "null", "true", "https://other.example/", "\x00", "\ud800"),
    *("é", "\u202e", "x" * 9_000, [], {}, [None], {"popup_url": None}, [[[[]]]]),
)
RAW_VALUES = (b"NaN", b"Infinity", b"-0", b"1e999", b"9" * 5_000, b"01", b"tru", b"'x'", b"[" * 3_000, b'{"a":' * 3_000)
CODES = (100, 101, 103, 199, 200, 201, 202, 204, 206, 226, 299, 300, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408)
MORE_CODES = (409, 418, 429, 451, 499, 500, 502, 503, 504, 520, 599, 600, 999)
STATUS_LINES = (
    *(b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/2 200", b"HTTP/9.9 200 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK"),
    *(b"HTTP/1.1 2000 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 -200 OK", b"HTTP/1.1 two OK", b"ICY 200 OK", b"200 OK", b""),
    *(b"HTTP/1.1 200 \x1b[2J", b"HTTP/1.1 200 " + b"x" * 9_000, b"\x16\x03\x01\x02\x00", b"SSH-2.0-x", b"<html>"),
)
HEADERS = (
    *(b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Encoding: identity", b"Content-Encoding: \x00"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: x", b"Trailer: X"),
    *(b"Content-Length: 0", b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 1, 2"),
    *(
        b"Content-Length: 0x10",
        b"Content-Length:",
        b"Content-Type: text/html",
        b"Content-Type: \xff",
        b"Connection: close",
    ),
    *(b"Location: https://evil.example/", b"Location: \x1b]0;x", b"Retry-After: 99999999999", b"Retry-After: soon"),
    *(b"Retry-After: -1", b"Retry-After: Wed, 99 Foo 2020", b"Set-Cookie: a=b", b"Upgrade: h2c", b"X: " + b"y" * 9_000),
    *(b" folded: x", b"no colon", b": no name", b"A\x00B: c", b"A: b\rC: d", b"\xff\xfe: x", b"A: b\x0bc"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire, and how the connection is left: kept, closed, or silent."""

    pieces: Edit
    body: bytes
    ending: str


def answer(rng: Random, app_id: str) -> Answer:
    """One answer about that app, with nothing wrong at all in one of twenty cases."""
    if rng.random() < 0.05:
        body = json.dumps(_document(rng, app_id)).encode()
        return Answer((_framed(body, b"HTTP/1.1 200 OK", []),), body, "keep")
    body = _body(rng, app_id)
    line = _status_line(rng)
    extra = [rng.choice(HEADERS) for _ in range(rng.choice((0, 0, 0, 1, 2, 70)))]
    wire = _chunked(rng, body, line, extra) if rng.random() < 0.25 else _framed(body, line, extra, _length(rng, body))
    wire = _damaged(rng, wire)
    cut = sorted(rng.randint(0, len(wire)) for _ in range(rng.choice((0, 0, 1, 3))))
    pieces = tuple(wire[start:stop] for start, stop in zip([0, *cut], [*cut, len(wire)], strict=True))
    return Answer(pieces, body, rng.choice(("keep", "keep", "silent", *["close"] * 7)))


def _document(rng: Random, app_id: str) -> dict[str, Any]:
    """A documented answer whose values are told apart from those of every other answer."""
    mark = f"https://hooks.example/{rng.getrandbits(48):x}"
    return envelope(app_id, **dict.fromkeys(("popup_url", "recording_url"), mark))


def _body(rng: Random, app_id: str) -> bytes:
    document = _document(rng, app_id)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        rng.choice(EDITS)(rng, document)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return rng.choice(BODIES)(rng, text) if rng.random() < 0.4 else text


def _somewhere(rng: Random, document: dict[str, Any]) -> dict[str, Any]:
    """One of the three mappings of the answer, as far as it still has them."""
    data = document.get("data")
    settings = data.get("settings") if isinstance(data, dict) else None
    return rng.choice([each for each in (document, data, settings, settings) if isinstance(each, dict)])


def _replace(rng: Random, document: dict[str, Any]) -> None:
    place = _somewhere(rng, document)
    if place:
        place[rng.choice(sorted(place))] = copy.deepcopy(rng.choice(VALUES))


def _remove(rng: Random, document: dict[str, Any]) -> None:
    place = _somewhere(rng, document)
    if place:
        del place[rng.choice(sorted(place))]


def _add(rng: Random, document: dict[str, Any]) -> None:
    _somewhere(rng, document)[rng.choice(("x", "\x1b[2J", "popup_Url", "é" * 300, "\ud800"))] = copy.deepcopy(
        rng.choice(VALUES)
    )


def _crowd(rng: Random, document: dict[str, Any]) -> None:
    _somewhere(rng, document).update({f"k{n}": n for n in range(rng.choice((40, 300)))})


def _nest(rng: Random, document: dict[str, Any]) -> None:
    place = _somewhere(rng, document)
    name = rng.choice(sorted(place)) if place else "x"
    place[name] = {"data": copy.deepcopy(place.get(name))}


EDITS: tuple[Callable[[Random, dict[str, Any]], None], ...] = (_replace, _replace, _remove, _add, _crowd, _nest)


def _twice(rng: Random, text: bytes) -> bytes:
    """One of the settings stands there a second time, with another value."""
    name = rng.choice(FIELDS).encode()
    return text.replace(b'"' + name + b'":', b'"' + name + b'": null, "' + name + b'":', 1)


def _raw(rng: Random, text: bytes) -> bytes:
    """A value that no JSON writer would write."""
    name = rng.choice(FIELDS).encode()
    return text.replace(b'"' + name + b'":', b'"' + name + b'": ' + rng.choice(RAW_VALUES) + b', "x":', 1)


BODIES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _twice,
    _raw,
    lambda rng, text: text[: rng.randint(0, len(text))],
    lambda rng, text: text + rng.choice((b"x", b"{}", b"\x00", b" " * 5_000, text)),
    lambda rng, _: rng.randbytes(rng.randint(0, 300)),
    lambda rng, text: text.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "utf-8-sig"))),
    lambda rng, text: rng.choice((b"[%s]", b'"%s"', b"<html>%s</html>", b"x(%s)", b"%s\n%s")).replace(b"%s", text),
    lambda rng, _: rng.choice((b"", b" ", b"null", b"[]", b"{}", b"true", b"0", b'""', b'{"success": true}')),
    lambda _, text: text.replace(b'"success": true', b'"success": false'),
    lambda rng, text: b" " * rng.choice((1_000, 262_144, 300_000)) + text,
)


def _status_line(rng: Random) -> bytes:
    chance = rng.random()
    if chance < 0.6:
        return b"HTTP/1.1 200 OK"
    if chance < 0.85:
        return b"HTTP/1.1 %d Whatever" % rng.choice(CODES + MORE_CODES)
    if chance < 0.9:
        return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"
    return rng.choice(STATUS_LINES)


def _length(rng: Random, body: bytes) -> int:
    return len(body) if rng.random() < 0.8 else max(0, len(body) + rng.choice((-10, -1, 1, 5, 10_000)))


def _framed(body: bytes, line: bytes, extra: list[bytes], length: int | None = None) -> bytes:
    told = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join([line, b"Content-Type: application/json", told, *extra, b"", body])


def _chunked(rng: Random, body: bytes, line: bytes, extra: list[bytes]) -> bytes:
    chunks = []
    for start in range(0, max(1, len(body)), 200):
        part = body[start : start + 200]
        size = (
            b"%x" % len(part)
            if rng.random() < 0.98
            else rng.choice((b"-5", b"zz", b"0", b"ffffffffffffffffff", b"1;x=y"))
        )
        chunks.append(size + b"\r\n" + part + b"\r\n")
    end = rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"00000\r\n\r\n"))
    return b"\r\n".join([line, b"Transfer-Encoding: chunked", *extra, b"", b"".join(chunks) + end])


def _damaged(rng: Random, wire: bytes) -> bytes:
    chance = rng.random()
    if chance > 0.12 or not wire:
        return wire
    at = rng.randrange(len(wire))
    if chance < 0.04:
        return wire[:at]
    if chance < 0.08:
        at %= wire.find(b"\r\n\r\n") + 1 or 1  # in what is before the body: of the body we must know what it says
        return wire[:at] + bytes([wire[at] ^ 1 << rng.randrange(8)]) + wire[at + 1 :]
    return wire.replace(b"\r\n", rng.choice((b"\n", b"\r", b"\r\n\r\n")), rng.randint(1, 4))
