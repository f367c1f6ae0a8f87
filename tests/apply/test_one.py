"""One app from re-read to recorded result, under every way a vendor and a journal can fail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from syncer.apply import one
from syncer.apply.one import READ_BACK_DELAYS, Stop
from syncer.errors import VendorError, VendorKind
from syncer.model.fields import Field
from syncer.model.live import LiveApp
from syncer.model.outcome import Status, Verdict
from syncer.plan import build
from tests.support.builders import (
    NOW,
    ListJournal,
    a_live,
    a_ref,
    a_run,
    a_step,
    a_vendor,
    an_app,
    an_approval,
    fails,
    full_disk,
    live_settings,
    lost,
    rewritten,
    server_error,
    settings,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.model.fields import AppSettings
    from syncer.model.live import Live
    from syncer.model.outcome import Outcome
    from syncer.model.planned import AppPlan
    from tests.support.builders import LedgerWriter

OLD = live_settings(popup_url="https://old.example/popup")
NEW = live_settings(popup_url="https://new.example/popup")


@dataclass(slots=True)
class Trial:
    """One apply and all that it left behind."""

    vendor: LedgerWriter = field(default_factory=a_vendor)
    journal: ListJournal = field(default_factory=ListJournal)
    waits: list[float] = field(default_factory=list)
    asked: Callable[[], bool] = bool
    stop: Stop = field(init=False)

    async def apply(self, step: AppPlan | None = None) -> Outcome:
        self.stop = Stop(self.asked)
        return await one.apply(a_run(self.vendor, self.journal, waits=self.waits), step or a_step(), None, self.stop)

    @property
    def verdicts(self) -> list[Verdict]:
        return [result.verdict for result in self.journal.results]


def shows(*found: AppSettings) -> list[Live | Exception | None]:
    """Scripted reads of an app that shows these settings, one after the other."""
    return [LiveApp(a_ref(), each, NOW) for each in found]


async def test_an_apply_rereads_records_puts_reads_back_and_records_in_this_order() -> None:
    trial = Trial()
    outcome = await trial.apply()
    assert trial.vendor.told == ["read desk", "intent desk id1", "put desk id1", "read desk", "result id1 applied"]
    assert (outcome.status, outcome.verdict, outcome.attempts, outcome.failure) == (
        Status.APPLIED,
        Verdict.APPLIED,
        1,
        "",
    )
    assert outcome.elapsed > 0


async def test_the_body_is_sent_as_planned() -> None:
    trial, step = Trial(), a_step()
    await trial.apply(step)
    assert [body for _, body, _ in trial.vendor.ledger] == [step.body]
    assert step.body.complete


async def test_the_records_hold_what_an_auditor_asks_for() -> None:
    trial = Trial()
    step = a_step()
    approval = an_approval(step)
    await one.apply(a_run(trial.vendor, trial.journal), step, approval, Stop(bool))
    (intent,), (result,) = trial.journal.intents, trial.journal.results
    assert (intent.approval, intent.step, intent.run_id, intent.attempt) == (approval, step, "run-1", 1)
    assert (result.request_id, result.status, result.body_sha256) == (intent.request_id, 200, "5a" * 32)
    assert (result.elapsed > 0, result.window > 0, result.live) == (True, True, LiveApp(a_ref(), NEW, NOW))


async def test_an_app_that_moved_since_the_plan_is_not_written() -> None:
    trial = Trial(a_vendor(shows=live_settings(popup_url="https://somebody.example/")))
    outcome = await trial.apply()
    assert (outcome.status, trial.vendor.told) == (Status.MOVED, ["read desk"])
    assert "moved after the plan was made" in outcome.failure


async def test_an_undeclared_field_that_moved_is_not_overwritten_either() -> None:
    trial = Trial(a_vendor(shows=replace(OLD, recording_enabled=True)))
    assert (await trial.apply()).status is Status.MOVED
    assert trial.vendor.ledger == []


async def test_an_app_that_cannot_be_reread_is_not_written() -> None:
    trial = Trial()
    trial.vendor.reads = [unreadable()]
    outcome = await trial.apply()
    assert (outcome.status, outcome.hint, trial.vendor.told) == (Status.FAILED, "look there", ["read desk"])
    assert outcome.failure == "re-read before the PUT: the vendor answered server"


@pytest.mark.parametrize(
    ("kind", "status"), [(VendorKind.BAD_REQUEST, 400), (VendorKind.AUTH, 401), (VendorKind.NOT_FOUND, 404)]
)
async def test_a_refusal_is_recorded_and_not_tried_again(kind: VendorKind, status: int) -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(kind, "refused", status=status, hint="mend it"))]
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict, outcome.failure, outcome.hint) == (
        Status.FAILED,
        Verdict.REJECTED,
        "refused",
        "mend it",
    )
    assert trial.vendor.told == ["read desk", "intent desk id1", "put desk id1", "result id1 rejected"]
    assert trial.journal.results[0].status == status


async def test_a_failure_that_did_nothing_is_tried_again_from_the_reread_under_a_new_intent() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(server_error())]
    outcome = await trial.apply()
    assert trial.vendor.told == [
        "read desk",
        "intent desk id1",
        "put desk id1",
        "read desk",
        "read desk",
        "result id1 not-applied",
        "backoff 1 server",
        "read desk",
        "intent desk id2",
        "put desk id2",
        "read desk",
        "result id2 applied",
    ]
    assert (outcome.status, outcome.attempts) == (Status.APPLIED, 2)
    assert [intent.attempt for intent in trial.journal.intents] == [1, 2]


async def test_a_retry_stops_at_an_app_that_moved_meanwhile() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(server_error())]
    trial.vendor.reads = shows(OLD, OLD, OLD, live_settings(popup_url="https://somebody.example/"))
    assert (await trial.apply()).status is Status.MOVED
    assert trial.verdicts == [Verdict.NOT_APPLIED]


async def test_attempts_end() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(server_error())] * 9
    outcome = await trial.apply()
    assert (outcome.status, outcome.attempts, outcome.failure) == (Status.FAILED, 3, "the vendor failed")
    assert trial.verdicts == [Verdict.NOT_APPLIED] * 3


async def test_the_vendors_budget_may_end_them_sooner() -> None:
    trial = Trial()
    trial.vendor.patience = 0
    trial.vendor.puts = [fails(server_error())] * 9
    assert (await trial.apply()).attempts == 1


async def test_an_error_that_is_not_worth_a_retry_is_not_retried() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(VendorKind.REDIRECT, "redirected to x", status=302))]
    outcome = await trial.apply()
    assert (outcome.verdict, outcome.attempts, outcome.failure) == (Verdict.NOT_APPLIED, 1, "redirected to x")


@pytest.mark.parametrize("kind", [VendorKind.SERVER, VendorKind.TIMEOUT, VendorKind.GARBLED, VendorKind.REDIRECT])
async def test_a_put_that_landed_in_spite_of_an_error_is_applied_and_not_sent_again(kind: VendorKind) -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(kind, "failed", retryable=True), landed=True)]
    outcome = await trial.apply()
    assert (outcome.status, outcome.attempts, outcome.failure) == (Status.APPLIED, 1, "")
    assert len(trial.vendor.ledger) == 1


async def test_a_put_that_lands_between_the_reads_is_found() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(server_error(), landed=True)]
    trial.vendor.reads = shows(OLD, OLD)
    assert (await trial.apply()).status is Status.APPLIED
    assert trial.waits == [1.0]


async def test_what_was_never_sent_is_not_applied_without_a_read() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(VendorKind.CONNECT, "no route", retryable=False, sent=False))]
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict, outcome.failure) == (Status.FAILED, Verdict.NOT_APPLIED, "no route")
    assert trial.vendor.told[-2:] == ["put desk id1", "result id1 not-applied"]


async def test_a_put_that_timed_out_and_does_not_show_stays_open_and_is_not_sent_again() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(VendorKind.TIMEOUT, "too slow", retryable=True))]
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict, outcome.attempts) == (Status.OPEN, None, 1)
    assert outcome.failure == "too slow; the fate of the PUT is unknown until the app is read again"
    assert (len(trial.journal.intents), trial.journal.results) == (1, [])


@pytest.mark.parametrize("put", [[fails(VendorError(VendorKind.TIMEOUT, "too slow", retryable=True))], []])
async def test_a_put_whose_fate_nobody_can_read_stays_open(put: list[object]) -> None:
    trial, accepted = Trial(), not put
    trial.vendor.puts = put  # type: ignore[assignment]  # a list of scripted PUTs
    trial.vendor.reads = [None, *[unreadable()] * 9]
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict, outcome.attempts) == (Status.OPEN, None, 1)
    assert "the fate of the PUT is unknown" in outcome.failure
    assert (len(trial.journal.intents), trial.journal.results) == (1, [])
    assert ("accepted id1 app_desk 200" in trial.vendor.told) is accepted


async def test_an_answer_that_can_not_be_told_apart_from_an_acceptance_is_recorded_as_one() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(VendorError(VendorKind.GARBLED, "not JSON", status=200))]
    trial.vendor.reads = [None, *[unreadable()] * 9]
    assert (await trial.apply()).status is Status.OPEN
    assert trial.vendor.told[-1] == "accepted id1 app_desk 200"


async def test_an_acceptance_that_can_not_be_recorded_ends_the_writing() -> None:
    trial = Trial()
    trial.journal.accept_fails = full_disk()
    trial.vendor.reads = [None, *[unreadable()] * 9]
    outcome = await trial.apply()
    assert (outcome.status, bool(trial.stop)) == (Status.OPEN, True)
    assert outcome.failure == "the PUT's result is not recorded: the disk is full"


async def test_a_value_that_the_vendor_rewrites_is_superseded_with_both_values_masked() -> None:
    trial = Trial()
    trial.vendor.puts = [rewritten(settings(popup_url="https://new.example/popup/?key=live-secret"))]
    outcome = await trial.apply(a_step(an_app(declared=settings(popup_url="https://new.example/popup?k=git-secret"))))
    assert (outcome.status, outcome.verdict, outcome.attempts) == (Status.FAILED, Verdict.SUPERSEDED, 1)
    assert outcome.failure == (
        "the vendor shows neither the old nor the new value: popup_url was sent as "
        "'https://new.example/popup?k=***', reads 'https://new.example/popup/?key=***'"
    )


async def test_after_an_error_a_third_value_is_told_with_the_error_and_not_written_over() -> None:
    trial = Trial()
    third = live_settings(popup_url="https://third.example/")
    trial.vendor.puts = [fails(server_error())]
    trial.vendor.reads = shows(OLD, third, third)
    outcome = await trial.apply()
    assert (outcome.verdict, outcome.attempts) == (Verdict.SUPERSEDED, 1)
    assert outcome.failure.startswith("the vendor failed; the vendor shows neither")


async def test_a_spelling_that_rfc_3986_calls_equal_is_applied() -> None:
    trial = Trial()
    trial.vendor.puts = [rewritten(settings(popup_url="HTTPS://NEW.example:443/popup"))]
    assert (await trial.apply()).status is Status.APPLIED


@pytest.mark.parametrize("late", range(4))
async def test_a_vendor_that_is_slow_to_show_a_put_is_waited_for(late: int) -> None:
    trial = Trial()
    trial.vendor.reads = shows(*[OLD] * (late + 1))
    assert (await trial.apply()).status is Status.APPLIED
    assert trial.waits == list(READ_BACK_DELAYS[1 : late + 1])
    assert len(trial.vendor.ledger) == 1


async def test_a_put_that_never_shows_is_not_applied_and_not_repeated_in_this_pass() -> None:
    trial = Trial()
    trial.vendor.puts = [lost]
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict, outcome.attempts) == (Status.FAILED, Verdict.NOT_APPLIED, 1)
    assert outcome.failure == "the vendor accepted the request but still shows the old popup_url"
    assert sum(trial.waits) == 13


async def test_a_read_that_fails_once_during_the_read_back_costs_nothing() -> None:
    trial = Trial()
    trial.vendor.reads = [None, unreadable(), None]
    assert (await trial.apply()).status is Status.APPLIED


async def test_somebody_elses_change_to_an_undeclared_field_does_not_make_ours_fail() -> None:
    trial = Trial()
    trial.vendor.reads = shows(OLD, replace(NEW, recording_enabled=True))
    assert (await trial.apply()).status is Status.APPLIED
    assert trial.journal.results[0].message == "changed by somebody else during the write: recording_enabled"


async def test_a_narrowed_step_is_judged_by_what_it_sent() -> None:
    app = an_app(declared=settings(popup_url="https://new.example/popup", recording_enabled=False))
    live = replace(OLD, recording_enabled=True)
    step = build.narrowed(a_step(app, a_live(shows=live)), lambda name: name is Field.POPUP_URL)
    trial = Trial(a_vendor(shows=live))
    assert (await trial.apply(step)).status is Status.APPLIED
    assert trial.vendor.apps[a_ref()] == replace(NEW, recording_enabled=True)


async def test_without_a_recorded_intent_nothing_is_sent() -> None:
    trial = Trial(journal=ListJournal(intend_fails=full_disk()))
    outcome = await trial.apply()
    assert (outcome.status, outcome.failure, outcome.hint) == (
        Status.FAILED,
        "nothing written: the disk is full",
        "make room",
    )
    assert trial.vendor.told == ["read desk"]
    assert trial.stop.why == "nothing more is written: the disk is full"


async def test_a_result_that_cannot_be_recorded_leaves_the_put_open() -> None:
    trial = Trial(journal=ListJournal(conclude_fails=full_disk()))
    outcome = await trial.apply()
    assert (outcome.status, outcome.verdict) == (Status.OPEN, None)
    assert outcome.failure == "the PUT's result is not recorded: the disk is full"
    assert trial.stop


@pytest.mark.parametrize("where", ["put", "read back", "conclude"])
async def test_a_bug_between_intent_and_result_leaves_the_put_open_and_tells_its_type_only(where: str) -> None:
    bug = RuntimeError("Bearer canary7f3")
    trial = Trial(journal=ListJournal(conclude_fails=bug if where == "conclude" else None))
    trial.vendor.puts = [fails(bug)] if where == "put" else []
    trial.vendor.reads = [None, bug] if where == "read back" else []
    outcome = await trial.apply()
    assert (outcome.status, outcome.fault, trial.journal.results) == (Status.OPEN, bug, [])
    assert "RuntimeError" in outcome.failure
    assert "canary7f3" not in repr(outcome)
    assert not trial.stop


async def test_a_stop_during_the_reread_begins_nothing() -> None:
    trial = Trial()
    trial.asked = lambda: bool(trial.vendor.told)
    outcome = await trial.apply()
    assert (outcome.status, outcome.failure, trial.vendor.told) == (Status.STOPPED, "asked to stop", ["read desk"])


async def test_a_step_whose_window_closed_meanwhile_is_not_begun_nor_tried_again() -> None:
    trial = Trial()
    looks: list[str] = []

    def barred(step: AppPlan) -> str:
        looks.append(step.app.name)
        return "closed" if len(looks) > 1 else ""

    trial.vendor.puts = [fails(server_error())]
    run = replace(a_run(trial.vendor, trial.journal), barred=barred)
    outcome = await one.apply(run, a_step(), None, Stop(bool))
    assert (outcome.status, outcome.failure, outcome.attempts) == (Status.STOPPED, "closed", 2)
    assert (len(trial.journal.intents), len(trial.journal.results), trial.vendor.ledger) == (1, 1, [])


async def test_a_stop_during_the_put_still_reads_back_and_records() -> None:
    trial = Trial()
    trial.asked = lambda: "put desk id1" in trial.vendor.told
    assert (await trial.apply()).status is Status.APPLIED
    assert trial.vendor.told[-1] == "result id1 applied"


async def test_after_a_stop_nothing_is_tried_again() -> None:
    trial = Trial()
    trial.vendor.puts = [fails(server_error())]
    trial.asked = lambda: "put desk id1" in trial.vendor.told
    outcome = await trial.apply()
    assert (outcome.status, outcome.attempts, trial.vendor.told[-1]) == (Status.FAILED, 1, "result id1 not-applied")
