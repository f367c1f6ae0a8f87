"""Every way to change a sealed log, judged by two verifiers that share no line: one verdict, and the right one."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import anchors, checkpoint, files, note, read, sealing
from syncer.audit.chain import Links
from syncer.audit.tree import Tree
from syncer.audit.verify import Finding, Signatures, Wanted, verify
from syncer.errors import UsageError
from tests.audit import second_verifier
from tests.audit.test_damage import relinked
from tests.support.recording import an_app, an_intent, open_journal, put
from tests.support.sealed import KEY, OTHER_KEY, Shown, a_sealing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.audit.checkpoint import Head
    from tests.soak.figures import Recorder

SMALL = 4000


@dataclass(frozen=True)
class Case:
    """A log of three segments, and the heads that were shown outside."""

    state: Path
    heads: tuple[Head, ...]

    def judge(self, heads: tuple[Head, ...] | None = None, key: note.Signer | None = KEY) -> Finding:
        """The verdict of both."""
        wanted = self.heads if heads is None else heads
        found = verify(self.state, Wanted(key.verifier if key else None, wanted)).finding
        second = second_verifier.verdict(self.state, str(key.verifier) if key else None, *(h.note for h in wanted))
        assert found == second
        return found

    @property
    def segments(self) -> list[Path]:
        return sorted((self.state / "journal").glob("*.jsonl"))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    shown = Shown()
    journal = open_journal(tmp_path, sealing=a_sealing(shown, rotate=SMALL))
    for number in range(2):
        put(journal, an_app(number))
    journal.close()
    (tmp_path / sealing.LAST_NAME).unlink()  # what an attacker would do first
    return Case(tmp_path, tuple(shown.heads))


def test_a_log_as_it_was_written_is_good(case: Case) -> None:
    assert len(case.segments) > 1
    assert (case.judge(), case.judge(()), case.judge(key=None)) == (Finding.GOOD,) * 3


def flip(case: Case, step: int, bits: tuple[int, ...] = (1,)) -> int:
    """Every `step`th byte, one after the other: always found, and but for the very last line always as damage."""
    told = {Finding.ALTERED, Finding.TORN_TAIL, Finding.SHORTER, Finding.WRONG_KEY}
    flips = 0
    for path in case.segments:
        whole = path.read_bytes()
        for position in range(step // 2, len(whole), step):
            for bit in bits:
                path.write_bytes(whole[:position] + bytes([whole[position] ^ bit]) + whole[position + 1 :])
                found = case.judge()
                assert found in told if path == case.segments[-1] else found is Finding.ALTERED, (path.name, position)
                flips += 1
        path.write_bytes(whole)
    return flips


def test_a_flipped_byte_is_found(case: Case) -> None:
    flip(case, 31)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_flipped_byte_and_every_moved_record_is_found(case: Case, figure: Recorder) -> None:
    done = flip(case, 1, (0x01, 0x20, 0x80)) + sum(move(case, edit) for edit in EDITS)
    figure("log-damage", done, seeds="none", result="all detected, both verifiers agree")


EDITS = ("cut", "double", "swap")


@pytest.mark.parametrize("edit", EDITS)
def test_every_moved_record_is_found(case: Case, edit: str) -> None:
    assert move(case, edit)


def move(case: Case, edit: str) -> int:
    """Every record cut out, doubled, or swapped with the one before it; how many there were."""
    moves = 0
    for path in case.segments:
        lines = path.read_bytes().splitlines(keepends=True)
        for number in range(len(lines)):
            changed = list(lines)
            if edit == "cut":
                del changed[number]
            elif edit == "double":
                changed.insert(number, lines[number])
            elif number:
                changed[number - 1 : number + 1] = reversed(changed[number - 1 : number + 1])
            if changed == lines or (path == case.segments[-1] and changed == lines[:-1]):
                continue  # nothing was done, or the one record after the last head was cut off: nothing can tell
            path.write_bytes(b"".join(changed))
            assert case.judge() is not Finding.GOOD
            assert case.judge((), None) is not Finding.GOOD or edit == "cut"
            moves += 1
        path.write_bytes(b"".join(lines))
    return moves


def test_every_cut_tail_is_seen_by_an_anchor_and_by_nothing_else(case: Case) -> None:
    last = case.segments[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    total = len(list(read.records(case.state)))
    for keep in range(1, len(lines)):
        last.write_bytes(b"".join(lines[:keep]))
        records = total - len(lines) + keep
        want = Finding.SHORTER if records < case.heads[-1].size else Finding.GOOD
        assert case.judge() is want
        assert case.judge((), None) in {Finding.GOOD, Finding.OPEN_INTENTS}


def test_whole_segments_cut_off_are_seen_by_an_anchor(case: Case) -> None:
    case.segments[-1].unlink()

    assert case.judge() is Finding.SHORTER


@pytest.mark.parametrize("number", [1, 2])
def test_a_missing_or_renamed_segment_is_found(case: Case, number: int) -> None:
    path = case.segments[number - 1]
    kept = path.rename(path.with_suffix(".away"))
    assert case.judge() is (Finding.ALTERED if number < len(case.segments) + 1 else Finding.SHORTER)
    kept.rename(files.segment(case.state, 9))
    assert case.judge() is Finding.ALTERED


def test_two_segments_can_not_change_places(case: Case) -> None:
    first, second = case.segments[:2]
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)

    assert case.judge() is Finding.ALTERED


def rewritten(case: Case, edit: Callable[[list[dict[str, Any]]], None], key: note.Signer | None) -> None:
    """The log written anew in one segment by somebody who knows the format and has this key."""
    events = list(read.records(case.state))
    events = [event for event in events if "segment" not in event["type"]]
    edit(events)
    for path in case.segments[1:]:
        path.unlink()
    tree = Tree()
    for number, event in enumerate(events):
        if event["type"] == "syncer.checkpoint.v1":
            head = checkpoint.made("acme/prod", tree, key)
            event["data"].update(size=head.size, root=checkpoint.shown(head.root), note=head.note)
        line = relinked(events[: number + 1]).splitlines(keepends=True)[number]
        tree = tree.grown(line)
    case.segments[0].write_bytes(relinked(events))


def harmless(events: list[dict[str, Any]]) -> None:
    for event in events:
        if event["type"] == "syncer.put.intent.v1":
            event["data"]["after"]["recording_url"] = "https://somewhere.example/else"


def test_a_log_written_anew_without_the_key_is_told_by_the_key(case: Case) -> None:
    rewritten(case, harmless, None)
    assert case.judge((), None) is Finding.GOOD
    assert case.judge(()) is Finding.WRONG_KEY


def test_a_log_written_anew_with_another_key_is_told_by_the_key(case: Case) -> None:
    rewritten(case, harmless, OTHER_KEY)
    assert case.judge(()) is Finding.WRONG_KEY
    assert verify(case.state, Wanted(KEY.verifier)).signatures is Signatures.WRONG


def test_a_log_written_anew_with_the_stolen_key_is_told_by_an_anchor(case: Case) -> None:
    rewritten(case, harmless, KEY)
    assert case.judge(()) is Finding.GOOD
    assert case.judge() is Finding.ALTERED


def test_a_head_of_other_records_is_found_without_a_key(case: Case) -> None:
    def move(events: list[dict[str, Any]]) -> None:
        harmless(events)

    notes = [e["data"] for e in read.records(case.state) if e["type"] == "syncer.checkpoint.v1"]
    rewritten(case, move, KEY)
    events = [json.loads(line) for line in case.segments[0].read_bytes().splitlines()]
    last = max(n for n, event in enumerate(events) if event["type"] == "syncer.checkpoint.v1")
    events[last]["data"].update(notes[-1])
    case.segments[0].write_bytes(relinked(events))
    assert case.judge((), None) is Finding.ALTERED


def test_a_signature_of_the_key_that_does_not_fit_is_damage(case: Case) -> None:
    rewritten(case, harmless, KEY)
    events = [json.loads(line) for line in case.segments[0].read_bytes().splitlines()]
    data = events[-1]["data"]
    wrong = KEY.sign("acme/prod\nanother text\n").split("\n\n")[1]
    data["note"] = data["note"].split("\n\n")[0] + "\n\n" + wrong
    case.segments[0].write_bytes(relinked(events))
    assert case.judge(()) is Finding.ALTERED


def linked_anew(case: Case, kind: str, edit: Callable[[dict[str, Any]], object]) -> int:
    """The last record of a type edited, and every link and checksum after it made right again; its number."""
    counts = [len(path.read_bytes().splitlines()) for path in case.segments]
    events = list(read.records(case.state))
    number = max(n for n, event in enumerate(events) if event["type"] == f"syncer.{kind}.v1")
    edit(events[number])
    lines = relinked(events).splitlines(keepends=True)
    for path, count in zip(case.segments, counts, strict=True):
        path.write_bytes(b"".join(lines[:count]))
        del lines[:count]
    return number


@pytest.mark.parametrize(
    ("kind", "edit", "why"),
    [
        ("checkpoint", lambda data: data.update(size=1), "size and root are not those"),
        ("checkpoint", lambda data: data.update(root="A" * 43 + "="), "size and root are not those"),
        ("checkpoint", lambda data: data.pop("note"), "that is not one: 'note'"),
        ("checkpoint", lambda data: data.update(note=None), "that is not one"),
        ("checkpoint", lambda data: data.update(note="x"), "that is not one: that is no signed note"),
        (
            "checkpoint",
            lambda data: data.update(note=checkpoint.made("acme/prod", Tree(), KEY).note),
            "not that of the records before it",
        ),
        ("segment.closed", lambda data: data.update(size=0), "size and root are not those"),
        ("segment.closed", lambda data: data.update(segment="00000009.jsonl"), "segment is '00000009.jsonl'"),
        ("segment.opened", lambda data: data.update(size=0), "size and root are not those"),
        ("segment.opened", lambda data: data.update(segment="00000009.jsonl"), "segment is '00000009.jsonl'"),
        ("segment.opened", lambda data: data.update(previous="00000009.jsonl"), "previous is '00000009.jsonl'"),
        ("segment.opened", lambda data: data.update(note=None), "the copied checkpoint is not the last one"),
        ("segment.opened", lambda data: data.update(peaks=[]), "subtree hashes can't stand for"),
        ("segment.opened", lambda data: data["peaks"].reverse(), "the root is not that of the subtree hashes"),
        ("segment.opened", lambda data: data["peaks"].append(7), "that is not one"),
    ],
)
def test_what_a_log_says_of_itself_must_be_so(
    case: Case, kind: str, edit: Callable[[dict[str, Any]], object], why: str
) -> None:
    number = linked_anew(case, kind, lambda event: edit(event["data"]))

    assert case.judge() is Finding.ALTERED
    damage = verify(case.state).damage
    assert damage is not None
    assert damage.seq == number
    assert why in damage.why


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("segment.opened", "a segment does not begin with its opening"),
        ("segment.closed", "the segment ends without its close, and there is a later one"),
    ],
)
def test_a_segment_without_its_opening_or_close_is_found(case: Case, kind: str, why: str) -> None:
    linked_anew(case, kind, lambda event: event.update(type="syncer.hold.v1"))

    assert case.judge() is Finding.ALTERED
    assert why in verify(case.state).sentence


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("segment.opened", "a segment is opened in the middle of one"),
        ("segment.closed", "a record comes after the close of its segment"),
    ],
)
def test_a_segment_opened_or_closed_elsewhere_is_found(case: Case, kind: str, why: str) -> None:
    data = next(e["data"] for e in reversed(list(read.records(case.state))) if e["type"] == f"syncer.{kind}.v1")
    target = max(int(e["seq"]) for e in read.records(case.state) if e["type"] == "syncer.put.result.v1")
    tree = tree_at(case, target)
    counts = [path.read_bytes().count(b"\n") for path in case.segments]
    segment = next(n for n in range(1, len(counts) + 1) if target < sum(counts[:n]))
    named = {
        **data,
        "segment": files.segment_name(segment),
        "size": target,
        "root": checkpoint.shown(tree.root),
        "peaks": [p.hex() for p in tree.peaks],
    }
    linked_anew(case, "put.result", lambda event: event.update(type=f"syncer.{kind}.v1", data=named))

    assert case.judge() is Finding.ALTERED
    assert why in verify(case.state).sentence


def tree_at(case: Case, size: int) -> Tree:
    tree = Tree()
    for line in b"".join(path.read_bytes() for path in case.segments).splitlines(keepends=True)[:size]:
        tree = tree.grown(line)
    return tree


def test_heads_that_are_signed_again_later_are_vouched_for(tmp_path: Path) -> None:
    open_journal(tmp_path, sealing=a_sealing(key=None)).close()
    open_journal(tmp_path, sealing=a_sealing(key=OTHER_KEY)).close()
    case = Case(tmp_path, ())
    assert (case.judge(), case.judge(key=OTHER_KEY)) == (Finding.WRONG_KEY, Finding.GOOD)
    open_journal(tmp_path, sealing=a_sealing()).close()
    assert (case.judge(), case.judge(key=OTHER_KEY)) == (Finding.GOOD, Finding.WRONG_KEY)


def test_another_origin_is_told(case: Case) -> None:
    named = note.Signer("acme/test", KEY.seed)
    assert case.judge((), named) is Finding.WRONG_ORIGIN
    head = checkpoint.made("acme/test", Tree().grown(b"1"), KEY)
    assert case.judge((checkpoint.made("acme/test", Tree(), None),)) is Finding.WRONG_ORIGIN
    assert case.judge((head,)) is Finding.ALTERED


def test_an_anchor_of_another_key_is_no_anchor(case: Case) -> None:
    first = case.heads[0]
    text = first.note.split("\n\n")[0] + "\n"
    foreign = checkpoint.parse(OTHER_KEY.sign(text))
    wrong = checkpoint.parse(f"{text}\n" + KEY.sign("another\n").split("\n\n")[1])
    unsigned = checkpoint.parse(f"{text}\n")

    assert [case.judge((each,)) for each in (foreign, wrong, unsigned)] == [
        Finding.WRONG_KEY,
        Finding.WRONG_KEY,
        Finding.GOOD,
    ]


def test_open_intents_and_a_torn_tail_are_told(tmp_path: Path) -> None:
    shown = Shown()
    journal = open_journal(tmp_path, sealing=a_sealing(shown))
    journal.intend(an_intent(an_app()))
    case = Case(tmp_path, tuple(shown.heads))
    assert case.judge() is Finding.OPEN_INTENTS
    journal.close()
    with files.segment(tmp_path).open("ab") as file:
        file.write(b"torn")
    assert case.judge() is Finding.TORN_TAIL


def test_both_come_to_one_verdict_on_whatever_was_done(case: Case, tmp_path: Path) -> None:
    dice = random.Random(6962)
    keep = tmp_path / "kept"
    shutil.copytree(case.state / "journal", keep)
    found: set[Finding] = set()
    for _ in range(300):
        for path in keep.iterdir():
            (case.state / "journal" / path.name).write_bytes(path.read_bytes())
        for _ in range(dice.choice((1, 1, 2))):
            harm(dice, dice.choice(case.segments))
        found.add(case.judge(dice.choice((case.heads, case.heads[:1], ())), dice.choice((KEY, None))))
    assert {Finding.ALTERED, Finding.SHORTER, Finding.TORN_TAIL} <= found


def harm(dice: random.Random, path: Path) -> None:
    """One thing that disks and people do to files."""
    whole = path.read_bytes()
    here, there = sorted((dice.randrange(len(whole) + 1), dice.randrange(len(whole) + 1)))
    lines = whole.splitlines(keepends=True)
    line = dice.randrange(len(lines)) if lines else 0
    path.write_bytes(
        dice.choice(
            (
                whole[:here],
                whole[:here] + whole[there:],
                whole[:there] + whole[here:],
                whole[:here] + bytes(there - here) + whole[there:],
                whole[:here] + dice.randbytes(3) + whole[here + 3 :],
                b"".join(lines[:line]),
                b"".join(lines[:line] + lines[line + 1 :]),
                b"".join([*lines, *lines[line : line + 1]]),
            )
        )
    )


def test_the_second_verifier_is_a_program_too(case: Case, tmp_path: Path) -> None:
    anchor = tmp_path / "head"
    anchor.write_text(case.heads[-1].note, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, second_verifier.__file__, case.state, str(KEY.verifier), anchor],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "good\n"


def test_the_second_verifier_is_short_and_alone() -> None:
    text = read_text(second_verifier.__file__)
    assert len(text.splitlines()) <= 200
    assert "syncer." not in "\n".join(line for line in text.splitlines() if "import" in line)


def read_text(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 -- a module's own path is a text
        return file.read()


def test_heads_are_appended_to_a_file_and_read_from_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "heads"
    for head in case.heads:
        anchors.append(path, head)

    assert anchors.read(path) == case.heads
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_head_of_which_only_a_part_was_taken_is_an_error(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:5]))
    with pytest.raises(OSError, match="only a part"):
        anchors.append(tmp_path / "heads", case.heads[0])


def test_links_that_keep_no_tree_have_no_state() -> None:
    with pytest.raises(ValueError, match="keep no tree"):
        str(Links().state)


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"nothing\n"])
def test_a_file_that_is_no_anchor_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "heads"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="heads"):
        anchors.read(path)
