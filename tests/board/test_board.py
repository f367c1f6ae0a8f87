"""What the daemon tells of its passes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import report as documents
from syncer.approvals import Word
from syncer.board import Board
from syncer.errors import UsageError
from syncer.metrics import Metrics
from tests.support.builders import NOW, AClock
from tests.support.shown_plans import app, last, live, report, view

if TYPE_CHECKING:
    from syncer.model.outcome import SyncReport

ONE = app("one")


def a_board() -> Board:
    clock = AClock()
    return Board(clock, timedelta(days=10_000), None, Metrics(clock, "1", "syncer"))


def a_pass() -> SyncReport:
    return report(view([(ONE, live(ONE, popup_url="https://x.example/"))], [last(ONE)]))


def publish(board: Board, ended: SyncReport) -> None:
    board.publish(ended, (ONE,), documents.of_report(ended))


async def test_before_the_first_pass_there_is_nothing() -> None:
    board = a_board()
    assert (board.judged, board.status(), board.app("c", "a"), await board.plan()) == (False, None, None, None)
    assert "none has ended yet" in board.last_pass().detail


async def test_a_report_of_an_earlier_process_is_shown_and_is_no_verdict_of_this_one() -> None:
    clock, ended = AClock(), a_pass()
    board = Board(clock, timedelta(days=10_000), documents.of_report(ended), Metrics(clock, "1", "syncer"))
    found = board.app(ONE.ref.customer_id, ONE.ref.app_id)
    assert found is not None
    assert (board.judged, found["plan"]) == (False, None)


async def test_a_pass_is_shown_whole_and_by_app() -> None:
    board, ended = a_board(), a_pass()
    publish(board, ended)
    assert board.status() == documents.of_report(ended)
    plan = await board.plan()
    assert plan == documents.of_plan((ONE,), ended.decision, NOW)
    assert await board.plan() is plan
    found = board.app(ONE.ref.customer_id, ONE.ref.app_id)
    assert found is not None
    assert (found["schema"], found["run_id"], found["plan"]) == ("syncer.app/v1", ended.run_id, plan["apps"][0])
    assert board.app(ONE.ref.customer_id, "another") is None


async def test_a_pass_that_ends_while_a_plan_is_made_takes_its_place() -> None:
    board, ended = a_board(), a_pass()
    publish(board, ended)
    asked = asyncio.create_task(board.plan())
    await asyncio.sleep(0)
    publish(board, replace(ended, run_id="run-8"))
    first = await asked
    assert await board.plan() is not first


async def test_passes_without_a_result_are_counted_until_one_has_a_result() -> None:
    board = a_board()
    board.failed()
    assert not board.last_pass().good
    publish(board, a_pass())
    assert board.last_pass().good


def test_a_word_has_a_reason() -> None:
    with pytest.raises(UsageError, match="reason"):
        Word("cli:ann", " \n")
