"""What people said, as the text of an annotation and back: JSON, deflated, in base64. Pure.

Others may edit an annotation: what is read is believed in no part before all of it was checked.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from syncer.errors import ClusterError
from syncer.model.desired import AppRef
from syncer.model.orders import Saying
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST: Final = 128 * 1024
"""Characters; the annotations of an object may have twice as many in all."""
ADMITTED: Final = 120 * 1024
"""Up to here a new order is taken: where it will be recorded is not known yet, and needs some room."""
MOST: Final = 5000
MOST_ENDS: Final = 1000
"""Ends that are kept, so that no older journal brings the order back: the newest."""
LONGEST_TEXT: Final = 1000
_INFLATED: Final = 4 * 1024 * 1024
_VERSION: Final = "1."
_FIELDS: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""Something can be said after everything that was said before."""
_COUNTED: Final = 2**53
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{1,128}")
_LOG: Final = re.compile(r"[0-9a-f]{32}")
_NONE: Final = re.compile("")
HINT: Final = (
    "it was edited, or written by a later version of syncer: run that version, or put the annotation back. Taken out, "
    "orders are known only where they stand in a journal: see docs/kubernetes.md, People's orders"
)


def plain(saying: Saying) -> Saying:
    """The same as it comes out at the other end: texts of one line, and not too long."""
    return replace(saying, by=_shown(saying.by) or "somebody", reason=_shown(saying.reason))


def encoded(sayings: Iterable[Saying], longest: int = LONGEST) -> str:
    """The text of what was said, without the oldest ends where there are too many.

    Empty for nothing. ClusterError where the orders alone don't fit, or where nobody could read the text.
    """
    known = [plain(each) for each in sayings]
    orders = [each for each in known if each.until is not None]
    ends = sorted((each for each in known if each.until is None), key=lambda each: each.at, reverse=True)[:MOST_ENDS]
    while known:
        text = _packed([*orders, *ends])
        if len(text) <= longest and len(orders) + len(ends) <= MOST:
            decoded(text)
            return text
        if not ends:
            raise ClusterError(
                f"{len(orders)} orders are more than the lease can carry to other replicas ({longest // 1024} KiB)",
                hint="resume or undo what is over, give many apps one short reason, or suspend --all",
            )
        ends = ends[: len(ends) * 7 // 8]
    return ""


def decoded(text: str) -> tuple[Saying, ...]:
    """What a text says; ClusterError where any part of it is not as it should be."""
    if not text.startswith(_VERSION):
        raise _unreadable("it is of another version")
    try:
        rows = orjson.loads(_inflated(text))
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list) or len(rows) > MOST:
        raise _unreadable("it is no list of what was said")
    found = tuple(_saying(row) for row in rows)
    if len({saying.about for saying in found}) < len(found):
        raise _unreadable("it says two things about one app")
    return found


def _packed(sayings: Sequence[Saying]) -> str:
    rows = orjson.dumps([_row(each) for each in sorted(sayings, key=lambda each: each.about)])
    return _VERSION + base64.b64encode(zlib.compress(rows, 9)).decode()


def _inflated(text: str) -> bytes:
    if len(text) > 2 * LONGEST:
        raise _unreadable("it is too long")
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(base64.b64decode(text[len(_VERSION) :], validate=True), _INFLATED)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise _unreadable("it is damaged") from error
    if not inflate.eof or inflate.unused_data:
        raise _unreadable("it is cut, or has more than it should")
    return content


def _row(saying: Saying) -> list[Any]:
    customer, app, pins = saying.about
    until = None if saying.until is None else _micros(saying.until)
    words = (saying.by, saying.reason, until, saying.commit, saying.refused, saying.passing)
    return [customer, app, pins, _micros(saying.at), *words, saying.log, saying.record]


def _saying(row: object) -> Saying:
    if not isinstance(row, list) or len(row) != _FIELDS:
        raise _unreadable("it has another form")
    customer, app, pins, at, by, reason, until, commit, refused, passing, log, record = row
    if not isinstance(pins, bool):
        raise _unreadable("it has another form")
    everybody = (customer, app, pins) == ("", "", False)
    orders = pins and until is not None
    return Saying(
        None if everybody else AppRef(_word(customer, _ID), _word(app, _ID)),
        pins=pins,
        at=_instant(at, _LAST),
        by=_told(by) or "somebody",
        reason=_told(reason),
        until=None if until is None else _instant(until),
        commit=_word(commit, _COMMIT if pins else _NONE),
        refused=_word(refused, _DIGEST if orders else _NONE),
        passing=_word(passing, _COMMIT if orders else _NONE),
        log=_word(log, _LOG),
        record=_count(record, _COUNTED),
    )


def _word(value: object, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise _unreadable("an id, a commit or a digest in it is none")
    return value


def _told(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _unreadable("a text in it is none, or too long")
    return _shown(value)


def _count(value: object, end: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end:
        raise _unreadable("a number in it is none")
    return value


def _instant(value: object, end: int = _COUNTED * 64) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=_count(value, end))
    except OverflowError as error:
        raise _unreadable("a time in it is none") from error


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _shown(text: str) -> str:
    return sanitize(text)[:LONGEST_TEXT]


def _unreadable(why: str) -> ClusterError:
    return ClusterError(f"what people ordered can't be read in the lease: {why}", hint=HINT)
