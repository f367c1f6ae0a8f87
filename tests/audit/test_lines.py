"""The bytes of a record."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.audit import lines
from syncer.audit.chain import NO_HASH, Links
from syncer.audit.events import ref_of, subject_of
from syncer.errors import JournalError
from syncer.model.desired import AppRef

ALPHABET = st.sampled_from('aé\x00\n\r\x1b\x7f\x85\u2028\ud800\U0001f600/%?"\\')
TEXTS = st.text(ALPHABET)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


def an_event(data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "syncer.log.genesis.v1",
        "time": "2026-11-20T10:11:12.000000Z",
        "logid": "log",
        "seq": "0",
        "prevhash": NO_HASH,
        "bootid": "b",
        "boottimens": "1",
        "data": data,
    }


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_whatever_the_data_holds_it_is_one_line_that_a_reader_takes(data: dict[str, Any]) -> None:
    line = lines.encode(an_event(data))

    assert line.count(b"\n") == 1
    assert not any(byte < 0x20 for byte in line[:-1])
    assert Links().feed(line) == json.loads(line)


@given(st.lists(st.text(ALPHABET, min_size=1, max_size=400), min_size=1, max_size=8), st.integers(1, 90))
def test_no_line_is_longer_than_the_cap_and_no_digest_is_cut(texts: list[str], times: int) -> None:
    data = {"texts": {str(n): text * times for n, text in enumerate(texts)}, "hmac": {"popup_url": "ab" * 32}}
    line = lines.encode(an_event({**data, "many": texts * 200}))

    assert len(line) <= 16_000
    assert json.loads(line)["data"]["hmac"] == data["hmac"]


def test_a_cut_text_says_how_long_it_was_and_what_it_hashed_to() -> None:
    text = "x" * 20_000
    cut = json.loads(lines.encode(an_event({"text": text})))["data"]["text"]

    assert cut == "x" * 2046 + f"…[cut: 20000 characters, sha256:{hashlib.sha256(text.encode()).hexdigest()}]"


def test_a_cut_list_says_how_many_there_were() -> None:
    cut = json.loads(lines.encode(an_event({"paths": [f"apps/{number:08d}.yaml" for number in range(5000)]})))

    assert cut["data"]["paths"][0] == "apps/00000000.yaml"
    assert cut["data"]["paths"][-1].startswith("…[cut: 5000 items, sha256:")


def test_the_sharpest_cut_is_tried_before_giving_up() -> None:
    line = lines.encode(an_event({str(number): "x" * 300 for number in range(60)}))

    assert len(line) <= 16_000
    assert json.loads(line)["data"]["59"].startswith("x" * 126 + "…[cut: 300 characters")


def test_data_too_wide_to_be_cut_is_refused() -> None:
    with pytest.raises(JournalError, match="can't be cut to 16000"):
        lines.encode(an_event({str(number): number for number in range(5000)}))


def test_the_checksum_covers_everything_before_it() -> None:
    line = lines.encode(an_event({}))
    body, _, rest = line.partition(b',"linecrc":')

    assert rest == b'"%08x"}\n' % zlib.crc32(body)


def test_attributes_hold_no_control_characters() -> None:
    assert lines.attribute("/sync\ner\x1b[0m\ud800") == "/sync\ufffder\ufffd[0m\ufffd"


@given(TEXTS, TEXTS)
def test_a_subject_names_its_app_whatever_the_ids_hold(customer: str, app: str) -> None:
    subject = subject_of(AppRef(customer, app))

    assert subject.isascii()
    assert subject.isprintable()
    assert ref_of(subject) == AppRef(customer, app)


@pytest.mark.parametrize("subject", [None, "", "customers/a", "customers/a/apps/b/c", 5])
def test_other_subjects_name_no_app(subject: object) -> None:
    assert ref_of(subject) is None
