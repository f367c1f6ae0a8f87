"""Keyed digests and the key's file."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from syncer.audit import digests, files
from syncer.audit.digests import Digests
from syncer.errors import JournalError
from syncer.model import url
from syncer.model.fields import UNDECLARED, AppSettings, Field

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.fields import Value

KEYED = Digests(b"k" * 32)


def test_equal_urls_have_one_digest() -> None:
    plain, other = url.parse("https://example.com/a"), url.parse("HTTPS://Example.com:443/%61")

    assert KEYED.of(Field.POPUP_URL, plain) == KEYED.of(Field.POPUP_URL, other)


def test_every_different_value_has_another_digest() -> None:
    values: list[Value] = [None, True, False, url.parse("null"), url.parse("true"), url.parse(""), url.parse("\ud800")]
    found = {KEYED.of(field, value) for field in (Field.POPUP_URL, Field.RECORDING_URL) for value in values}

    assert len(found) == 2 * len(values)


def test_another_key_gives_other_digests() -> None:
    assert KEYED.of(Field.POPUP_URL, None) != Digests(b"l" * 32).of(Field.POPUP_URL, None)


def test_only_declared_fields_have_digests() -> None:
    assert list(KEYED.all(AppSettings(recording_enabled=True, popup_url=None))) == ["popup_url", "recording_enabled"]
    with pytest.raises(ValueError, match="no digest"):
        KEYED.of(Field.POPUP_URL, UNDECLARED)


def test_the_key_is_not_shown() -> None:
    assert "k" * 8 not in repr(KEYED)
    assert repr(KEYED) == f"Digests(key_id='{KEYED.key_id}')"


def test_the_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    first = digests.load_or_create(tmp_path, recorded=False)
    again = digests.load_or_create(tmp_path, recorded=False)

    assert first.key_id == again.key_id == digests.load(tmp_path, recorded=True).key_id
    assert stat.S_IMODE((tmp_path / "hmac.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["hmac.key"]


def test_a_reader_without_a_journal_needs_no_key(tmp_path: Path) -> None:
    digests.load(tmp_path, recorded=False)

    assert list(tmp_path.iterdir()) == []


def test_a_reader_of_a_journal_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is missing, and the journal"):
        digests.load(tmp_path, recorded=True)


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hmac.key").write_bytes(content)

    with pytest.raises(JournalError, match=f"holds {len(content)} bytes"):
        digests.load(tmp_path, recorded=False)


def test_a_key_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hmac.key").mkdir()

    with pytest.raises(JournalError, match="can't be read"):
        digests.load(tmp_path, recorded=True)


def test_a_file_that_can_not_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        files.write_whole(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
