"""All steps of a pass: bounded, in order, and no app's trouble is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.apply import run
from syncer.errors import VendorError, VendorKind
from syncer.model.outcome import Outcome, Status
from tests.support.builders import ListJournal, a_run, a_vendor, fails, full_disk, server_error, steps_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.builders import LedgerWriter

NAMES = tuple("abcdef")


async def carry_out(
    vendor: LedgerWriter,
    journal: ListJournal | None = None,
    *,
    names: tuple[str, ...] = NAMES,
    concurrency: int = 1,
    asked: Callable[[], bool] = bool,
    told: Callable[[Outcome], str | None] = lambda _: None,
) -> list[tuple[str, Status]]:
    outcomes = await run.carry_out(
        a_run(vendor, journal or ListJournal()),
        steps_for(*names),
        concurrency=concurrency,
        asked_to_stop=asked,
        on_outcome=told,
    )
    return [(outcome.name, outcome.status) for outcome in outcomes]


@pytest.mark.parametrize("concurrency", [1, 2, 5, 50])
async def test_every_step_has_an_outcome_in_the_order_given(concurrency: int) -> None:
    vendor = a_vendor(*NAMES)
    assert await carry_out(vendor, concurrency=concurrency) == [(name, Status.APPLIED) for name in NAMES]
    assert len(vendor.ledger) == len(NAMES)


@pytest.mark.parametrize(("concurrency", "busiest"), [(1, 1), (2, 2), (4, 4), (50, 6)])
async def test_no_more_than_the_given_number_are_under_way(concurrency: int, busiest: int) -> None:
    vendor = a_vendor(*NAMES)
    await carry_out(vendor, concurrency=concurrency)
    assert vendor.busiest == busiest


async def test_nothing_to_do_is_done_at_once() -> None:
    assert await carry_out(a_vendor(), names=()) == []


async def test_each_outcome_is_told_as_its_app_ends() -> None:
    vendor, told = a_vendor(*NAMES), []
    await carry_out(vendor, told=lambda outcome: told.append((outcome.name, len(vendor.ledger))))
    assert told == [(name, n + 1) for n, name in enumerate(NAMES)]


async def test_one_apps_failure_does_not_stop_the_others() -> None:
    vendor = a_vendor(*NAMES)
    vendor.puts = [fails(VendorError(VendorKind.BAD_REQUEST, "no", status=400))]
    assert await carry_out(vendor) == [("a", Status.FAILED), *((name, Status.APPLIED) for name in NAMES[1:])]


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_bug_in_one_app_costs_the_others_nothing(concurrency: int) -> None:
    vendor = a_vendor(*NAMES)
    vendor.reads = [RuntimeError("a bug")]
    found: list[Outcome] = []
    statuses = await carry_out(vendor, concurrency=concurrency, told=found.append)
    assert statuses == [("a", Status.FAILED), *((name, Status.APPLIED) for name in NAMES[1:])]
    (failed,) = [outcome for outcome in found if outcome.name == "a"]
    assert failed.failure == "an unexpected RuntimeError; no PUT was under way"
    assert isinstance(failed.fault, RuntimeError)


async def test_a_bug_in_the_backoff_leaves_nothing_open() -> None:
    class Hasty(type(a_vendor())):  # type: ignore[misc]  # the writer's own class
        async def backoff(self, attempt: int, error: VendorError) -> bool:
            raise KeyError(attempt)

    journal = ListJournal()
    vendor = Hasty(a_vendor("a", "b").apps)
    vendor.puts = [fails(server_error())]
    assert await carry_out(vendor, journal, names=("a", "b")) == [("a", Status.FAILED), ("b", Status.APPLIED)]
    assert {i.request_id for i in journal.intents} == {r.request_id for r in journal.results}


async def test_a_journal_that_cannot_record_an_intent_stops_everything_before_any_put() -> None:
    vendor = a_vendor(*NAMES)
    found: list[Outcome] = []
    statuses = await carry_out(vendor, ListJournal(intend_fails=full_disk()), told=found.append)
    assert statuses == [("a", Status.FAILED), *((name, Status.STOPPED) for name in NAMES[1:])]
    assert vendor.ledger == []
    assert {outcome.failure for outcome in found[1:]} == {"nothing more is written: the disk is full"}


async def test_a_journal_that_cannot_record_a_result_leaves_one_put_open_and_stops_the_rest() -> None:
    vendor = a_vendor(*NAMES)
    statuses = await carry_out(vendor, ListJournal(conclude_fails=full_disk()))
    assert statuses == [("a", Status.OPEN), *((name, Status.STOPPED) for name in NAMES[1:])]
    assert len(vendor.ledger) == 1


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_asked_to_stop_the_put_in_flight_is_finished_and_no_other_begun(after: int) -> None:
    vendor, journal = a_vendor(*NAMES), ListJournal()
    statuses = await carry_out(vendor, journal, asked=lambda: len(vendor.ledger) >= after)
    assert [status for _, status in statuses] == [Status.APPLIED] * after + [Status.STOPPED] * (len(NAMES) - after)
    assert len(journal.results) == after


async def test_a_listener_that_fails_is_heard_of_only_when_every_put_is_recorded() -> None:
    vendor, journal = a_vendor(*NAMES), ListJournal()

    def listen(outcome: Outcome) -> None:
        if outcome.name == "a":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await carry_out(vendor, journal, concurrency=3, told=listen)
    assert len(vendor.ledger) == len(journal.intents) == len(journal.results) == len(NAMES)
