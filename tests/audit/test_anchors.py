"""Whether a head kept elsewhere is of a beginning of this journal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.audit import anchors, checkpoint, sealing
from syncer.audit.tree import Tree
from syncer.errors import JournalError
from tests.support.recording import an_app, open_journal, put
from tests.support.sealed import KEY, Shown, a_sealing

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.checkpoint import Head


@pytest.fixture
def made(tmp_path: Path) -> list[Head]:
    """The heads of a journal of several segments."""
    shown = Shown()
    for turn in range(4):
        journal = open_journal(tmp_path / "state", sealing=a_sealing(shown, rotate=6000))
        put(journal, an_app(turn))
        journal.close()
    return shown.heads


def why(tmp_path: Path, head: Head) -> str:
    newest = sealing.stored(tmp_path / "state")
    assert newest is not None
    return anchors.contradiction(tmp_path / "state", head, newest)


def test_every_head_that_was_made_fits(tmp_path: Path, made: list[Head]) -> None:
    assert len({head.size for head in made}) > 6
    assert [why(tmp_path, head) for head in made] == [""] * len(made)
    assert why(tmp_path, checkpoint.made("acme/prod", Tree(), None)) == ""


def test_a_head_over_more_records_does_not(tmp_path: Path, made: list[Head]) -> None:
    assert "and this journal has" in why(tmp_path, replace(made[-1], size=made[-1].size + 1))


def test_a_head_over_other_records_does_not(tmp_path: Path, made: list[Head]) -> None:
    for head in made:
        assert "are not those that it covers" in why(tmp_path, replace(head, root=bytes(32)))
        assert "are not those that it covers" in why(tmp_path, replace(head, size=head.size - 1))


def test_a_head_of_another_journal_does_not(tmp_path: Path, made: list[Head]) -> None:
    assert why(tmp_path, replace(made[0], origin="other")) == "it is of the journal other"


def test_a_journal_that_can_not_be_read_vouches_for_nothing(tmp_path: Path, made: list[Head]) -> None:
    first = tmp_path / "state" / "journal" / "00000001.jsonl"
    whole = first.read_bytes()
    first.write_bytes(whole.replace(b"genesis", b"genesiz", 1))
    with pytest.raises(JournalError):
        why(tmp_path, made[0])


def test_a_veto_refuses_intents_and_nothing_else(tmp_path: Path) -> None:
    reasons = [""]
    journal = open_journal(tmp_path / "state", sealing=replace(a_sealing(), veto=lambda: reasons[-1]))
    put(journal, an_app(1))
    reasons.append("another journal is known there")
    with pytest.raises(JournalError, match="another journal"):
        put(journal, an_app(2))
    assert (journal.poisoned, journal.heal(), journal.dead) == (reasons[-1], reasons[-1], False)
    journal.seal()
    reasons.append("")
    put(journal, an_app(2))
    assert journal.poisoned == ""
    journal.close()


@given(st.text(alphabet="aZ09._-/", min_size=1, max_size=40), st.text(alphabet="aZ09._-/", min_size=1, max_size=40))
def test_every_origin_has_one_plain_file_name(one: str, other: str) -> None:
    name = anchors.file_name(one)
    assert (name == anchors.file_name(other)) == (one == other)
    assert "/" not in name
    assert name.strip(".") not in {"", "git"}


def test_heads_are_signed_where_they_are_kept(made: list[Head]) -> None:
    assert all(KEY.verifier.signed(head.note) for head in made)
