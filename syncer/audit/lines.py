"""The exact bytes of a record: one line of JSON, at most 16,000 bytes, no control character in it.

A line is the CloudEvents object as orjson writes it, with `linecrc` as its last member: the CRC-32 (8 hex digits) of
every byte before `,"linecrc":`. It tells a damaged last line from a whole one, which the hash link alone can't, since
no later line vouches for the last. It stops accidents only; against people there is the link.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from syncer.errors import JournalError

if TYPE_CHECKING:
    from syncer.audit.events import JSON

MAX_LINE: Final = 16_000
"""With its newline: containerd cuts longer ones when the same record goes to standard output."""

TAIL_BYTES: Final = len(b',"linecrc":"00000000"}\n')
_TAIL: Final = re.compile(rb',"linecrc":"([0-9a-f]{8})"\}\n\Z')
_MARKER: Final = 120
_LIMITS: Final = (2048, 1024, 512, 256, 128)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def attribute(text: str) -> str:
    """A text fit for a CloudEvents attribute, where control characters and lone surrogates are forbidden."""
    return _UNPRINTABLE.sub("\ufffd", text)


def encode(event: Mapping[str, JSON]) -> bytes:
    """The line of an event, long texts and lists in its `data` cut until it fits.

    A cut text ends in a marker with its length and SHA-256; digests under `hmac` are never cut. Raises JournalError
    for data so wide that cutting texts and lists is not enough.
    """
    line = _line(event)
    for limit in _LIMITS:
        if len(line) <= MAX_LINE:
            return line
        line = _line({**event, "data": _cut(event["data"], limit)})
    if len(line) > MAX_LINE:
        raise JournalError(f"a record of {len(line)} bytes can't be cut to {MAX_LINE}: {event['type']}")
    return line


def damage(line: bytes) -> str:
    """Why the bytes of a line can't be what was written, or nothing."""
    tail = _TAIL.match(line, max(0, len(line) - TAIL_BYTES))
    if tail is None:
        return "the line does not end in its checksum"
    if int(tail[1], 16) != zlib.crc32(line[:-TAIL_BYTES]):
        return "the line does not match its checksum"
    return ""


def _line(event: Mapping[str, JSON]) -> bytes:
    try:
        body = orjson.dumps(event)
    except orjson.JSONEncodeError:
        body = orjson.dumps(_encodable(event))
    start = body[:-1]
    return b'%b,"linecrc":"%08x"}\n' % (start, zlib.crc32(start))


def _encodable(value: JSON) -> JSON:
    """The same with lone surrogates, which UTF-8 can't say, written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_encodable(key)): _encodable(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_encodable(item) for item in value]
    return value


def _cut(value: JSON, limit: int) -> JSON:
    if isinstance(value, str):
        return _cut_text(value, limit)
    if isinstance(value, Mapping):
        return {key: item if key == "hmac" else _cut(item, limit) for key, item in value.items()}
    if isinstance(value, Sequence):
        return _cut_list(value, limit)
    return value


def _cut_text(text: str, limit: int) -> str:
    """At most `limit` bytes as JSON writes them, and the marker; a text that this would not shorten stays."""
    if len(_bytes(text)) <= limit + _MARKER:
        return text
    kept = text[:limit]
    while (size := len(_bytes(kept))) > limit:
        kept = kept[: len(kept) * limit // size]
    return f"{kept}…[cut: {len(text)} characters, sha256:{_sha256(text)}]"


def _cut_list(items: Sequence[JSON], limit: int) -> list[JSON]:
    most = limit // 16
    kept = [_cut(item, limit) for item in items[:most]]
    if len(items) > most:
        whole = orjson.dumps(_encodable(items)).decode()
        kept.append(f"…[cut: {len(items)} items, sha256:{_sha256(whole)}]")
    return kept


def _bytes(text: str) -> bytes:
    return orjson.dumps(_encodable(text))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
