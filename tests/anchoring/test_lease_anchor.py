"""The newest head as an annotation, beside those of other journals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from syncer import leaseanchor
from syncer.audit import checkpoint
from syncer.leaseanchor import MOST, ORDER, LeaseAnchor
from tests.support.recording import an_app, open_journal, put
from tests.support.sealed import Shown, a_sealing

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.checkpoint import Head

KEY = leaseanchor.key_of("acme/prod")


@dataclass
class Kept:
    """An anchor, the annotations of its lease, and what it said."""

    anchor: LeaseAnchor
    annotations: dict[str, str] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)

    def renew(self) -> None:
        """As the elector does it."""
        assert self.anchor.objection(self.annotations) == ""
        changes = self.anchor.wanted(self.annotations)
        kept = {**self.annotations, **changes}
        self.annotations = {key: value for key, value in kept.items() if value is not None}

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.said]


def kept(state_dir: Path, annotations: dict[str, str] | None = None) -> Kept:
    made = Kept(LeaseAnchor("acme/prod", state_dir, "syncer", structlog.get_logger()), annotations or {})

    def remember(_logger: object, _name: str, event: Any) -> str:
        made.said.append(dict(event))
        raise structlog.DropEvent

    made.anchor = LeaseAnchor(
        "acme/prod", state_dir, "syncer", structlog.wrap_logger(structlog.ReturnLogger(), processors=[remember])
    )
    return made


def grown(state_dir: Path, puts: int) -> list[Head]:
    """The heads of a journal with so many PUTs more."""
    shown = Shown()
    journal = open_journal(state_dir, sealing=a_sealing(shown))
    for number in range(puts):
        put(journal, an_app(number))
        journal.seal()
    journal.close()
    return shown.heads


def test_the_newest_head_stands_there_as_a_checkpoint(tmp_path: Path) -> None:
    here, heads = kept(tmp_path), grown(tmp_path, 2)
    here.anchor.show(heads[-1])
    here.renew()
    assert here.annotations == {KEY: heads[-1].note, ORDER: KEY.removeprefix(leaseanchor.PREFIX)}
    assert checkpoint.parse(here.annotations[KEY]) == heads[-1]


def test_it_is_told_once_that_the_lease_has_it(tmp_path: Path) -> None:
    here = kept(tmp_path)
    here.anchor.show(grown(tmp_path, 1)[-1])
    for _ in range(3):
        here.renew()
    assert here.events() == ["audit.anchored"]


def test_nothing_is_written_before_there_is_a_head(tmp_path: Path) -> None:
    here = kept(tmp_path)
    here.renew()
    assert here.annotations == {}


def test_a_head_of_before_is_checked_against_a_journal_that_has_grown(tmp_path: Path) -> None:
    first = grown(tmp_path, 1)[-1]
    here = kept(tmp_path, {KEY: first.note})
    here.anchor.show(grown(tmp_path, 2)[-1])
    here.renew()
    assert checkpoint.parse(here.annotations[KEY]).size > first.size
    assert here.anchor.refused == ""


@pytest.mark.parametrize("case", ["cut", "another", "none", "garbled"])
def test_a_journal_that_the_lease_does_not_know_is_refused(tmp_path: Path, case: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    annotation = grown(old, 3)[-1].note
    if case != "none":
        newest = grown(new, 5 if case == "another" else 1)[-1]
    here = kept(new, {KEY: "what is this" if case == "garbled" else annotation})
    if case != "none":
        here.anchor.show(newest)
    why = here.anchor.objection(here.annotations)
    assert why.startswith("the head kept in the lease syncer is not of this journal")
    assert here.anchor.refused == why
    here.anchor.objection(here.annotations)
    assert here.events() == ["audit.anchor-refused"]
    here.annotations.clear()
    here.renew()
    assert here.anchor.refused == ""


def test_heads_of_other_journals_stay_until_there_are_too_many(tmp_path: Path) -> None:
    others = [f"{number:016x}" for number in range(MOST + 3)]
    annotations = {f"{leaseanchor.PREFIX}{each}": "x" for each in others}
    here = kept(tmp_path, {**annotations, ORDER: ",".join(others), "theirs": "y"})
    here.anchor.show(grown(tmp_path, 1)[-1])
    here.renew()
    order = here.annotations[ORDER].split(",")
    assert order == [KEY.removeprefix(leaseanchor.PREFIX), *others[: MOST - 1]]
    assert here.annotations.keys() == {ORDER, "theirs", *(f"{leaseanchor.PREFIX}{each}" for each in order)}


def test_an_origin_may_be_longer_than_a_name_of_kubernetes() -> None:
    key = leaseanchor.key_of("acme/" + "x" * 120)
    assert len(key.partition("/")[2]) <= 63
