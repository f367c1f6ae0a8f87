"""The projection: the same whether built at once or bit by bit, and never missed when it is gone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.audit import files, payloads
from syncer.audit.events import EventType, Note
from syncer.audit.index import Index
from syncer.clock import Instant
from syncer.errors import StoppedError
from syncer.model import url
from syncer.model.desired import Revision
from syncer.model.fields import Field
from syncer.model.outcome import Verdict
from syncer.model.planned import Cause
from tests.support.recording import (
    REVISION,
    START,
    a_result,
    a_source_approval,
    a_step,
    an_adoption,
    an_app,
    an_approval,
    an_intent,
    open_journal,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.audit.journal import Journal


@pytest.fixture(autouse=True)
def connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*args: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*args, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    yield
    for connection in made:
        connection.close()


TARGET = a_step(an_app()).target


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


DERIVED = ("place", "applied", "intents", "approvals", "story")
"""Tables that follow from the journal alone."""


def rows(index: Index) -> dict[str, list[tuple[object, ...]]]:
    index.open_intents()  # brings it up to date
    return {table: sorted(index._database.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in DERIVED}


def test_an_applied_put_is_what_was_last_applied(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    intent = put(journal, an_app())

    last = index.last_applied()[an_app()]
    assert {field.value: last.digest(field) for field in Field} == journal.digests.all(intent.step.body)
    assert (last.revision, last.at) == (REVISION.id, last.seen_at)


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_APPLIED, Verdict.SUPERSEDED])
def test_any_other_verdict_leaves_last_applied_as_it_was(tmp_path: Path, journal: Journal, verdict: Verdict) -> None:
    journal.adopt([an_adoption(an_app())])
    index = Index.open(tmp_path)
    before = index.last_applied()
    put(journal, an_app(), verdict)

    assert index.last_applied() == before


def test_an_adopted_app_has_a_last_applied_without_a_put(tmp_path: Path, journal: Journal) -> None:
    adoption = an_adoption(an_app())
    journal.adopt([adoption])

    last = Index.view(tmp_path).last_applied()[an_app()]
    assert dict(last.digests) == {Field(k): v for k, v in journal.digests.all(adoption.live.settings).items()}


def test_a_recovered_put_counts_as_applied(tmp_path: Path, journal: Journal) -> None:
    intent = an_intent(an_app())
    journal.intend(intent)
    index = Index.open(tmp_path)
    assert [one.request_id for one in index.open_intents()] == [intent.request_id]
    assert index.open_intents() == journal.open_intents()
    journal.recover(a_result(intent, status=None))

    assert index.open_intents() == ()
    assert an_app() in index.last_applied()


def test_a_held_field_keeps_what_was_known_of_it_before(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    first = replace(a_step(an_app()), held=(Field.CALLBACK_URL,))
    intent = an_intent(an_app(), step=first)
    journal.intend(intent)
    journal.conclude(a_result(intent))
    assert index.last_applied()[an_app()].digest(Field.CALLBACK_URL) is None

    put(journal, an_app())
    known = index.last_applied()[an_app()].digest(Field.CALLBACK_URL)
    held = replace(first, body=first.body.with_setting(Field.CALLBACK_URL, url.parse("https://hooks.example.com/x")))
    intent = an_intent(an_app(), step=held)
    journal.intend(intent)
    journal.conclude(a_result(intent))
    last = index.last_applied()[an_app()]
    assert last.digest(Field.CALLBACK_URL) == known == journal.digests.of(Field.CALLBACK_URL, None)
    assert len(last.digests) == len(Field)


def test_the_last_put_of_each_app_for_a_revision_is_known(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    in_force(journal, REVISION)
    put(journal, an_app(), Verdict.NOT_APPLIED, 500)
    put(journal, an_app())
    begun = an_intent(an_app(2))
    journal.intend(begun)
    drift = replace(a_step(an_app(3)), changes=(replace(a_step(an_app(3)).changes[0], cause=Cause.DRIFT),))
    journal.intend(an_intent(an_app(3), step=drift))

    found = index.attempts(REVISION.id)
    assert {ref: attempt.verdict for ref, attempt in found.items()} == {an_app(): Verdict.APPLIED, an_app(2): None}
    assert found[an_app()].at >= START
    assert (found[an_app()].boot, found[an_app()].up > 0) == ("boot-1", True)
    assert index.attempts("another") == {}


def in_force(journal: Journal, revision: Revision) -> None:
    journal.note_many([payloads.source_changed("", revision, apps=1)])


def test_a_revision_that_comes_back_begins_anew_and_a_restart_does_not(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    in_force(journal, REVISION)
    put(journal, an_app())
    in_force(journal, REVISION)  # what each process says first
    assert set(index.attempts(REVISION.id)) == {an_app()}
    in_force(journal, replace(REVISION, id="f" * 40))
    assert index.attempts(REVISION.id) == {}
    in_force(journal, REVISION)
    assert index.attempts(REVISION.id) == {}
    put(journal, an_app(2))
    assert set(index.attempts(REVISION.id)) == {an_app(2)}


def test_the_last_good_reading_of_a_broken_file_counts_for_the_revision_in_force(
    tmp_path: Path, journal: Journal
) -> None:
    newer = replace(REVISION, id="f" * 40)
    in_force(journal, newer)
    put(journal, an_app())  # its own revision is the older one
    assert set(Index.view(tmp_path).attempts(newer.id)) == {an_app()}


def test_only_accepted_puts_that_the_vendor_did_not_show_count_as_failures(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    for verdict, status in (
        (Verdict.NOT_APPLIED, 200),
        (Verdict.SUPERSEDED, 200),
        (Verdict.NOT_APPLIED, 500),
        (Verdict.NOT_APPLIED, None),
        (Verdict.REJECTED, 401),
    ):
        put(journal, an_app(), verdict, status)

    assert index.failures(an_app(), TARGET) == 2
    assert index.failures(an_app(), "another") == 0
    assert index.failures(an_app(2), TARGET) == 0
    put(journal, an_app())
    assert index.failures(an_app(), TARGET) == 0


def test_what_was_accepted_and_never_read_counts_once_a_later_read_does_not_show_it(
    tmp_path: Path, journal: Journal
) -> None:
    for accepted in (True, False):
        intent = an_intent(an_app())
        journal.intend(intent)
        if accepted:
            journal.accept(intent.request_id, an_app(), 202)
        journal.recover(replace(a_result(intent, Verdict.NOT_APPLIED), status=None))
    index = Index.open(tmp_path)

    assert index.failures(an_app(), TARGET) == 1
    assert [entry.verdict for entry in index.history(an_app(), None, 9)] == [Verdict.NOT_APPLIED] * 2


def test_a_refusal_lasts_until_the_app_is_applied(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    put(journal, an_app(), Verdict.REJECTED, 401)
    assert not index.rejected(an_app(), TARGET)
    put(journal, an_app(), Verdict.REJECTED, 400)
    assert index.rejected(an_app(), TARGET)
    assert not index.rejected(an_app(), "another")
    put(journal, an_app())
    assert not index.rejected(an_app(), TARGET)


def test_an_approval_holds_until_it_expires_or_is_used(tmp_path: Path, journal: Journal) -> None:
    approval, other = an_approval(an_app(1)), an_approval(an_app(2))
    journal.approve(approval)
    journal.approve(other)
    index = Index.open(tmp_path)

    assert index.approvals(Instant(START)) == (approval, other)
    assert index.approvals(Instant(approval.expires)) == ()
    journal.intend(an_intent(an_app(1), approval=approval))
    assert index.approvals(Instant(START)) == (other,)
    journal.approve(approval)
    assert index.approvals(Instant(START)) == (other, approval)


def test_a_change_that_was_approved_under_two_plans_is_written_once(tmp_path: Path, journal: Journal) -> None:
    approval = an_approval(an_app())
    journal.approve(approval)
    journal.approve(replace(approval, plan_id="sha256:" + "cd" * 32))
    journal.intend(an_intent(an_app(), approval=approval))
    with closing(Index.view(tmp_path)) as index:
        assert index.approvals(Instant(START)) == ()


def test_history_tells_a_put_with_its_end_and_who_wanted_it(tmp_path: Path, journal: Journal) -> None:
    journal.adopt([an_adoption(an_app())])
    journal.approve(an_approval(an_app()))
    put(journal, an_app(2))
    intent = put(journal, an_app(), Verdict.REJECTED, 400)
    journal.note_many(
        [Note(EventType.HOLD, {"rule": "window", "detail": "closed", "fields": ("popup_url",)}, an_app())]
    )
    index = Index.view(tmp_path)

    hold, entry, approval, adoption = index.history(an_app(), None, 10)
    assert (hold.event, hold.message) == (EventType.HOLD, "closed")
    assert (entry.event, entry.verdict, entry.trigger) == (EventType.PUT_INTENT, Verdict.REJECTED, "commit")
    assert (entry.by, entry.revision) == ("Asha Rao <asha@example.com>", intent.step.app.revision.id)
    assert [(move.field, move.git, move.cause) for move in entry.moves] == [
        (Field.RECORDING_URL, "https://hooks.example.com/new", "git")
    ]
    assert entry.ended is not None
    assert entry.ended > entry.at
    assert (approval.by, approval.message) == ("asha", "agreed in the change meeting")
    assert adoption.event == EventType.APP_ADOPTED
    assert index.history(an_app(), Field.RECORDING_URL, 10) == (entry,)
    assert index.history(an_app(), Field.POPUP_URL, 10) == (hold,)
    assert index.history(an_app(), None, 1) == (hold,)


def test_seen_is_remembered_and_lost_with_the_index_alone(tmp_path: Path, journal: Journal) -> None:
    journal.adopt([an_adoption(an_app())])
    index = Index.open(tmp_path)
    recorded = index.last_applied()[an_app()].at
    later = recorded + timedelta(hours=3)
    index.record_seen([an_app(), an_app(2)], later)
    assert Index.view(tmp_path).last_applied()[an_app()].seen_at == later
    index.close()
    (tmp_path / "index.sqlite").unlink()

    assert Index.open(tmp_path).last_applied()[an_app()].seen_at == recorded


def _drop(path: Path) -> None:
    path.unlink()


def _garble(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _sql(statement: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        database = sqlite3.connect(path)
        with database:
            database.execute(statement)
        database.close()

    return run


@pytest.mark.parametrize(
    "harm",
    [
        _drop,
        _garble,
        _damage,
        _truncate,
        _sql("UPDATE place SET version = 0"),
        _sql("UPDATE place SET head = 'ff'"),
        _sql("UPDATE place SET end = end + 5"),
        _sql("DELETE FROM place"),
        _sql("DROP TABLE place"),
    ],
)
@pytest.mark.parametrize("opener", [Index.open, Index.view])
def test_an_index_that_is_no_good_is_built_again(
    tmp_path: Path, harm: Callable[[Path], None], opener: Callable[[Path], Index]
) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.adopt([an_adoption(an_app(number)) for number in range(2, 40)])
    index = Index.open(tmp_path)
    expected = rows(index)
    index.close()
    harm(tmp_path / "index.sqlite")

    mended = opener(tmp_path)
    assert rows(mended) == expected
    mended.close()
    journal.close()


def test_an_index_of_another_log_is_built_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        journal = open_journal(tmp_path / name)
        put(journal, an_app(len(name)))
        journal.close()
        Index.open(tmp_path / name).close()
    (tmp_path / "one" / "index.sqlite").replace(tmp_path / "two" / "index.sqlite")

    index = Index.open(tmp_path / "two")
    assert index._links.logid == journal.logid


def test_an_app_that_left_git_is_on_record_until_it_is_seen_again(journal: Journal, tmp_path: Path) -> None:
    put(journal, an_app(1))
    journal.note_many([payloads.left(each, REVISION) for each in (an_app(1), an_app(2))])
    index = Index.open(tmp_path)
    assert {ref: last.left for ref, last in index.last_applied().items()} == {an_app(1): True}
    journal.adopt([an_adoption(an_app(1))])
    assert not index.last_applied()[an_app(1)].left
    journal.note_many([payloads.left(an_app(1), REVISION)])
    put(journal, an_app(1))
    assert not index.last_applied()[an_app(1)].left


def test_an_index_ahead_of_its_journal_is_built_again(tmp_path: Path, journal: Journal) -> None:
    put(journal, an_app(1))
    short = files.segment(tmp_path).read_bytes()
    put(journal, an_app(2))
    index = Index.open(tmp_path)
    assert set(index.last_applied()) == {an_app(1), an_app(2)}
    journal.close()
    files.segment(tmp_path).write_bytes(short)

    assert set(index.last_applied()) == {an_app(1)}


def test_a_database_lost_while_in_use_is_built_again(tmp_path: Path, journal: Journal) -> None:
    put(journal, an_app(1))
    index = Index.open(tmp_path)
    index._database.execute("DROP TABLE applied")

    assert set(index.last_applied()) == {an_app(1)}


def test_closing_waits_for_who_is_at_work_and_nobody_comes_after(tmp_path: Path, journal: Journal) -> None:
    """A thread of a pass that was stopped goes on for a moment: a database closed under it would end the process."""
    put(journal, an_app(1))
    index = Index.open(tmp_path)
    at_work, go_on, order = threading.Event(), threading.Event(), []

    def work() -> None:
        at_work.set()
        assert go_on.wait(10)
        order.append(index._database.execute("SELECT count(*) FROM applied").fetchone()[0])

    def close() -> None:
        index.close()
        order.append("closed")

    with ThreadPoolExecutor() as pool:
        working = pool.submit(index._attempt, work)
        assert at_work.wait(10)
        closing = pool.submit(close)
        time.sleep(0.05)
        go_on.set()
        working.result(10)
        closing.result(10)
    assert order == [1, "closed"]

    (tmp_path / "index.sqlite").unlink()
    with pytest.raises(StoppedError):
        index.last_applied()
    assert not (tmp_path / "index.sqlite").exists()


def test_where_no_index_can_be_written_memory_answers(tmp_path: Path, journal: Journal) -> None:
    put(journal, an_app(1))
    (tmp_path / "index.sqlite").mkdir()

    index = Index.open(tmp_path)
    assert set(index.last_applied()) == {an_app(1)}
    index.record_seen([an_app(1)], START + timedelta(days=1))
    assert index.last_applied()[an_app(1)].seen_at == START + timedelta(days=1)


def test_without_a_journal_nothing_is_known(tmp_path: Path) -> None:
    index = Index.view(tmp_path)

    assert (index.last_applied(), index.open_intents(), index.approvals(Instant(START))) == ({}, (), ())
    assert list(tmp_path.iterdir()) == []


def test_an_index_made_before_the_first_record_goes_on_from_there(tmp_path: Path) -> None:
    Index.open(tmp_path).close()
    index = Index.open(tmp_path)
    journal = open_journal(tmp_path)
    put(journal, an_app(1))
    journal.close()

    assert set(index.last_applied()) == {an_app(1)}


def test_another_process_reads_while_the_writer_goes_on(tmp_path: Path, journal: Journal) -> None:
    index = Index.open(tmp_path)
    put(journal, an_app(1))
    index.last_applied()
    put(journal, an_app(2))
    program = (
        "import sys, pathlib; from syncer.audit.index import Index;"
        "print(sorted(map(str, Index.view(pathlib.Path(sys.argv[1])).last_applied())))"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "['cust_acme/app_1', 'cust_acme/app_2']"
    put(journal, an_app(3))
    assert len(index.last_applied()) == 3


def test_the_index_is_the_owners_alone(tmp_path: Path, journal: Journal) -> None:
    Index.open(tmp_path).last_applied()

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("index*")}
    assert set(modes.values()) == {0o600}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "adopt", "approve", "approved put", "hold", "leave open", "recover", "look"]),
        st.integers(1, 3),
        st.sampled_from(list(Verdict)),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_catching_up_gives_what_a_build_from_nothing_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, Verdict]]
) -> None:
    state = tmp_path_factory.mktemp("state")
    journal = open_journal(state)
    index = Index.open(state)
    for what, number, verdict in steps:
        _do(journal, index, what, number, verdict)
    journal.close()
    bit_by_bit = rows(index)
    index.close()
    (state / "index.sqlite").unlink()

    assert rows(Index.view(state)) == bit_by_bit
    assert json.dumps(sorted(map(str, bit_by_bit["place"])))


def _do(journal: Journal, index: Index, what: str, number: int, verdict: Verdict) -> None:
    ref = an_app(number)
    if what == "look":
        index.last_applied()
    elif what == "adopt":
        journal.adopt([an_adoption(ref)])
    elif what == "approve":
        journal.approve(an_approval(ref))
    elif what == "hold":
        journal.note(EventType.HOLD, {"rule": "window", "detail": ""}, ref)
    else:
        _put(journal, what, number, verdict)


def _put(journal: Journal, what: str, number: int, verdict: Verdict) -> None:
    ref = an_app(number)
    begun = {one.ref: one for one in journal.open_intents()}
    if ref in begun:
        intent = an_intent(ref, begun[ref].request_id)
        journal.recover(a_result(intent, verdict))
    elif what == "leave open":
        journal.intend(an_intent(ref))
    elif what == "approved put":
        intent = an_intent(ref, approval=an_approval(ref))
        journal.intend(intent)
        journal.conclude(a_result(intent, verdict))
    else:
        put(journal, ref, verdict)


def test_an_approval_of_a_commit_lasts_until_the_commit_is_in_force(tmp_path: Path, journal: Journal) -> None:
    approval = a_source_approval()
    with closing(Index.open(tmp_path)) as index:
        assert index.source_approvals(Instant(START)) == ()
        journal.approve_source(approval)
        assert index.source_approvals(Instant(START)) == (approval,)
        assert index.source_approvals(Instant(approval.expires)) == ()
        other = Revision(approval.was, REVISION.source)
        journal.note_many([payloads.source_changed("", other, apps=1)])
        assert index.source_approvals(Instant(START)) == (approval,)
        journal.note_many([payloads.source_changed(approval.was, REVISION, apps=1)])
        assert index.source_approvals(Instant(START)) == ()
