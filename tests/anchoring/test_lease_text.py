"""What people said as the text of an annotation: all of it comes back, nothing else is believed."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer import leasetext
from syncer.errors import ClusterError
from syncer.model.desired import AppRef
from syncer.model.orders import Saying
from syncer.model.text import sanitize

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 23, 10, 11, 12, 123456, tzinfo=UTC)
LOG = "0f" * 16
ORDER = Saying(
    AppRef("cust_1", "app_1"), False, START, "api:asha", "INC-7", START + timedelta(hours=4), log=LOG, record=7
)
PIN = replace(ORDER, pins=True, commit="5f" * 20, refused="0a" * 32, passing="4e" * 20)
ROW: list[Any] = ["cust_1", "app_1", False, 1, "asha", "INC-7", 2, "", "", "", LOG, 7]
PINNED: list[Any] = ["cust_1", "app_1", True, 1, "asha", "INC-7", 2, "5f" * 20, "0a", "4e" * 20, LOG, 7]

ids = st.from_regex(leasetext._ID, fullmatch=True)
times = st.integers(0, 221845392000000 - 1).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
common = {"at": times, "by": st.text(max_size=40), "reason": st.text(max_size=1200), "log": st.just(LOG)}
orders = st.builds(
    Saying, ref=st.none() | st.builds(AppRef, ids, ids), pins=st.just(False), until=st.none() | times, **common
)
pins = st.builds(
    Saying,
    ref=st.builds(AppRef, ids, ids),
    pins=st.just(True),
    until=times,
    commit=st.just("5f" * 20),
    refused=st.just("0a" * 32),
    passing=st.just("4e" * 32),
    record=st.integers(0, 2**53 - 1),
    **common,
)


def text(content: object) -> str:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    return f"1.{base64.b64encode(zlib.compress(raw)).decode()}"


@given(st.lists(orders | pins, max_size=8, unique_by=lambda each: each.about))
def test_what_was_said_comes_back_on_one_line(said: list[Saying]) -> None:
    found = leasetext.decoded(leasetext.encoded(said)) if said else ()
    assert found == tuple(leasetext.plain(each) for each in sorted(said, key=lambda each: each.about))
    assert all(sanitize(each.reason) == each.reason and each.by for each in found)
    assert leasetext.encoded(found) == leasetext.encoded(said)


@given(st.text() | st.binary().map(lambda raw: f"1.{base64.b64encode(raw).decode()}") | st.binary().map(text))
def test_no_text_is_more_than_refused(garbage: str) -> None:
    with pytest.raises(ClusterError, match="what people ordered can't be read in the lease"):
        leasetext.decoded(garbage)


@given(st.integers(0, 11), st.none() | st.booleans() | st.integers() | st.text() | st.floats() | st.lists(st.none()))
def test_a_row_is_read_as_what_it_is_or_refused(place: int, value: object) -> None:
    row = [*PINNED]
    row[place] = value
    try:
        (found,) = leasetext.decoded(text(orjson.dumps([row], option=orjson.OPT_PASSTHROUGH_DATACLASS)))
    except (ClusterError, TypeError):  # orjson writes no number of more than 64 bits, and no lone surrogate
        return
    assert leasetext.decoded(leasetext.encoded([found])) == (found,)


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({0: "../x"}, ROW), ({0: "a" * 129}, ROW), ({1: ""}, ROW), ({0: "", 1: ""}, PINNED), ({2: 0}, ROW),
        ({3: -1}, ROW), ({3: True}, ROW), ({3: 2**60}, ROW), ({3: 1.5}, ROW), ({3: 221845392000000000}, ROW),
        ({6: 2**58}, ROW), ({6: "2026"}, ROW), ({4: None}, ROW), ({5: "x" * 1001}, ROW), ({5: ["x"]}, ROW),
        ({7: "5f" * 20}, ROW), ({7: "main"}, PINNED), ({8: ""}, PINNED), ({9: ""}, PINNED), ({6: None}, PINNED),
        ({10: "x"}, ROW), ({11: -1}, ROW), ({11: 2**53}, ROW),
    ],
)  # fmt: skip
def test_what_is_none_of_ours_is_refused(changes: dict[int, object], row: list[Any]) -> None:
    with pytest.raises(ClusterError):
        leasetext.decoded(text([[changes.get(n, value) for n, value in enumerate(row)]]))


@pytest.mark.parametrize("content", [{}, [None], [ROW[:11]], [ROW, ROW], [ROW] * 5001, b"[", b"[" * 100_000])
def test_what_has_another_form_is_refused(content: object) -> None:
    with pytest.raises(ClusterError):
        leasetext.decoded(text(content))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda right: f"2{right[1:]}", "another version"),
        (lambda right: right[:-8], "damaged|cut"),
        (lambda right: f"{right}\n", "damaged"),
        (lambda _: f"1.{'A' * 3 * leasetext.LONGEST}", "too long"),
        (lambda _: text(b" " * 5 * 1024 * 1024 + b"[]"), "cut"),
        (lambda _: f"1.{base64.b64encode(zlib.compress(b'[]') + b'x').decode()}", "more than it should"),
    ],
)
def test_a_text_that_is_damaged_or_a_bomb_is_refused(changed: Any, why: str) -> None:
    with pytest.raises(ClusterError, match=why) as caught:
        leasetext.decoded(changed(leasetext.encoded([ORDER])))
    assert "docs/kubernetes.md" in caught.value.hint


def test_characters_that_move_or_hide_text_are_escaped_on_both_ways() -> None:
    hostile = "INC-7\n\x1b[2J\u202e"
    (found,) = leasetext.decoded(leasetext.encoded([replace(ORDER, reason=hostile)]))
    assert found.reason == "INC-7\\u{a}\\u{1b}[2J\\u{202e}"
    (read,) = leasetext.decoded(text([[*ROW[:5], hostile, *ROW[6:]]]))
    assert read.reason == found.reason


def many(order: Saying, count: int) -> list[Saying]:
    """For so many apps with ids as long as the vendor's, each pin refusing something else."""
    made = []
    for number in range(count):
        digest = sha256(b"%d" % number).hexdigest()
        each = replace(order, ref=AppRef("cust_acme", f"app_{digest[:16]}"), record=number)
        made.append(replace(each, refused=digest) if order.pins else each)
    return made


@pytest.mark.parametrize("order", [ORDER, PIN])
def test_a_thousand_orders_of_one_reason_fit(order: Saying) -> None:
    assert len(leasetext.encoded(many(order, 1000), leasetext.ADMITTED)) < leasetext.ADMITTED


def test_more_orders_than_fit_are_refused() -> None:
    with pytest.raises(
        ClusterError, match=r"3000 orders are more than the lease can carry to other replicas \(128 KiB"
    ):
        leasetext.encoded(many(PIN, 3000))
    with pytest.raises(ClusterError, match="5001 orders"):
        leasetext.encoded([replace(ORDER, ref=AppRef("c", f"a{n}")) for n in range(5001)])


def test_the_oldest_ends_go_first_where_room_is_short() -> None:
    ended = replace(ORDER, until=None)
    ends = [replace(each, at=START + timedelta(seconds=n)) for n, each in enumerate(many(ended, 1200))]
    kept = [each for each in leasetext.decoded(leasetext.encoded(ends)) if each.until is None]
    assert {each.at for each in kept} == {each.at for each in ends[200:]}
    short = many(PIN, 2000)
    told = leasetext.decoded(
        leasetext.encoded([*short, *(replace(each, ref=AppRef("x", f"a{n}")) for n, each in enumerate(ends))])
    )
    left = [each for each in told if each.until is None]
    assert sum(each.until is not None for each in told) == 2000
    assert 0 < len(left) < 1000
    assert {each.at for each in left} == {each.at for each in ends[-len(left) :]}


def test_nothing_said_is_no_annotation() -> None:
    assert leasetext.encoded([]) == ""


def test_what_nobody_could_read_is_not_written() -> None:
    with pytest.raises(ClusterError):
        leasetext.encoded([replace(ORDER, ref=AppRef("no id", "x"))])
