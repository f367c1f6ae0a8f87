"""Cases where "never a wrong write, never an unrecorded write" could have been too much said."""

from __future__ import annotations

import resource
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer import wiring
from syncer.audit import files
from syncer.audit.events import EventType, Identity
from syncer.audit.index import INDEX_NAME
from syncer.audit.journal import Journal
from syncer.clock import SystemBootClock, SystemClock
from syncer.errors import JournalError
from syncer.model.fields import Field
from syncer.model.outcome import State, Status, Trigger
from syncer.model.planned import Approval, Cause, Rule
from syncer.parts import Ask
from syncer.plan import gate
from tests.faults import invariants
from tests.faults.fleet import FIRST, LAST, MIDDLE, REFS, desired, fleet, key, url
from tests.support.emulated import until

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import AppRef
    from syncer.model.outcome import SyncReport
    from syncer.model.planned import Decision
    from syncer.wiring import Opened
    from tests.faults.fleet import Fleet


def _state(report: SyncReport, ref: AppRef) -> State:
    return next(app.state for app in report.apps if app.ref == ref)


def _sound(here: Fleet, *, still_open: tuple[AppRef, ...] = ()) -> None:
    invariants.i1_intent_before_put(here)
    invariants.i2_one_end_each(here, still_open=still_open)
    invariants.i3_only_known_urls(here)
    invariants.i6_unmanaged_untouched(here)
    invariants.i7_no_secret_told(here)


def _approve(here: Opened, report: SyncReport, ref: AppRef) -> None:
    [step] = (step for step in report.decision.plan.steps if step.ref == ref)
    assert here.journal is not None
    expires = report.started + timedelta(hours=1)
    here.journal.approve(Approval(ref, step.digest, report.decision.plan.id, "ann", "agreed", expires))


@pytest.mark.parametrize("on_drift", ["report", "ignore"])
async def test_a_held_drift_stays_held_after_another_field_of_the_app_was_written(
    tmp_path: Path, on_drift: str
) -> None:
    async with fleet(tmp_path) as here:
        await here.passes(1)
        here.policy = f"{{on_drift: {on_drift}}}"
        here.change(FIRST, recording_url=url("by-hand"))
        here.declare(2, FIRST)
        for _ in range(3):
            report = await here.passes(2)
            assert here.live(FIRST)["popup_url"] == desired(2)["popup_url"]
            assert here.live(FIRST)["recording_url"] == url("by-hand")
            [step] = report.decision.plan.steps
            assert {change.field: change.cause for change in step.changes} == {Field.RECORDING_URL: Cause.DRIFT}
            (here.state / INDEX_NAME).unlink()  # what is built again must say the same
        _sound(here)


async def test_a_field_that_both_moved_stays_with_the_person_who_holds_it(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.passes(1)
        here.policy = "{on_drift: report}"
        here.change(FIRST, popup_url=url("by-hand"))
        here.wish(FIRST, {**desired(2), "recording_enabled": False})
        here.write()
        report = await here.passes(3)
        assert here.live(FIRST)["recording_enabled"] is False
        assert here.live(FIRST)["popup_url"] == url("by-hand")
        assert [change.cause for change in report.decision.plan.steps[0].changes] == [Cause.BOTH]
        _sound(here)


async def test_a_put_that_lands_after_the_deadline_is_recorded_as_applied_and_not_sent_twice(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        here.deadline = timedelta(seconds=0.3)
        here.emulator.fault("PUT:latency(700)", app=key(FIRST), times=1)
        async with here.opened() as process:
            report = await here.run(process)
            assert [o.status for o in report.outcomes if o.ref == FIRST] == [Status.OPEN]
            invariants.i2_one_end_each(here, still_open=(FIRST,))
            await until(lambda: bool(invariants.written(here, FIRST)))
            report = await here.run(process)
        assert _state(report, FIRST) is State.IN_SYNC
        [recovered] = invariants.records(here, EventType.PUT_RECOVERED)
        assert recovered["data"]["verdict"] == "applied"
        assert len(invariants.written(here, FIRST)) == 1
        _sound(here)


async def test_a_put_that_lands_over_a_newer_one_is_put_right_and_told_as_drift(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        here.deadline = timedelta(seconds=0.5)
        here.emulator.fault("PUT:latency(2500)", app=key(FIRST), times=1)
        await here.passes(1)
        here.declare(2, FIRST)
        await here.passes(1)
        assert here.live(FIRST)["popup_url"] == desired(2)["popup_url"]
        await until(lambda: len(invariants.written(here, FIRST)) == 2)
        assert here.live(FIRST)["popup_url"] == desired(1)["popup_url"]
        report = await here.passes(1)
        assert [change.cause for step in report.decision.plan.steps for change in step.changes] == [Cause.DRIFT]
        invariants.i9_converged(here)
        _sound(here)


@pytest.mark.parametrize(("on_drift", "rule"), [("report", Rule.DRIFT_REPORTED), ("ignore", Rule.DRIFT_IGNORED)])
async def test_a_put_that_lands_over_a_newer_one_is_left_where_drift_is_not_corrected_and_told(
    tmp_path: Path, on_drift: str, rule: Rule
) -> None:
    async with fleet(tmp_path) as here:
        here.policies[FIRST] = f"{{on_drift: {on_drift}}}"
        here.write()
        async with here.opened() as process:
            _approve_all(process, await here.run(process))
            await here.run(process)
        here.declare(2, FIRST)
        here.deadline = timedelta(seconds=0.5)
        here.emulator.fault("PUT:latency(2500)", app=key(FIRST), times=1)
        await here.passes(1)
        here.declare(3, FIRST)
        async with here.opened() as process:
            _approve_all(process, await here.run(process))
            await here.run(process)
        assert here.live(FIRST)["popup_url"] == desired(3)["popup_url"]
        await until(lambda: here.live(FIRST)["popup_url"] == desired(2)["popup_url"])
        before = len(here.emulator.store.ledger())
        report = await here.passes(2)
        assert {hold.rule for hold in report.decision.holds_of(FIRST)} == {rule}
        assert _state(report, FIRST) is State.DRIFTED
        assert len(here.emulator.store.ledger()) == before
        _sound(here)


async def test_an_app_that_left_git_with_an_open_intent_blocks_only_itself_and_is_told_each_pass(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path) as here:
        here.deadline = timedelta(seconds=0.2)
        here.emulator.fault("PUT:hang(before)", app=key(FIRST), times=1)
        await here.passes(1)
        del here.wishes[FIRST]
        here.declare(2, *REFS[1:])
        said = here.log.getvalue().count("intent.open")
        await here.passes(2)
        assert here.log.getvalue().count("intent.open") == said + 2
        invariants.i9_converged(here)
        assert not invariants.written(here, FIRST)
        invariants.i2_one_end_each(here, still_open=(FIRST,))
        here.declare(3, FIRST)
        await here.passes(2)
        invariants.i9_converged(here)
        _sound(here)


async def test_an_approval_is_used_up_by_a_put_that_failed(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.passes(1)
        here.policy = "{on_commit: hold}"
        here.declare(2, FIRST)
        here.emulator.fault("PUT:500_storm", app=key(FIRST))
        async with here.opened() as process:
            _approve(process, await here.run(process), FIRST)
            assert [outcome.status for outcome in (await here.run(process)).outcomes] == [Status.FAILED]
            here.emulator.clear_faults()
            report = await here.run(process)
            assert report.outcomes == ()
            assert _state(report, FIRST) is State.HELD
            _approve(process, report, FIRST)
            assert [outcome.status for outcome in (await here.run(process)).outcomes] == [Status.APPLIED]
        _sound(here)


async def test_an_approval_buys_an_app_that_does_not_converge_one_put(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        here.emulator.fault("PUT:accept_no_apply", app=key(FIRST))
        async with here.opened() as process:
            for _ in range(5):
                report = await here.run(process)
            before = len(invariants.records(here, EventType.PUT_INTENT))
            _approve(process, report, FIRST)
            for _ in range(3):
                report = await here.run(process)
            assert _state(report, FIRST) is State.NOT_CONVERGING
            assert len(invariants.records(here, EventType.PUT_INTENT)) == before + 1
            here.emulator.clear_faults()
            _approve(process, report, FIRST)
            await here.run(process)
        invariants.i9_converged(here)
        _sound(here)


async def test_swapped_tokens_write_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        first, last = (tmp_path / "tokens" / f"{ref.customer_id}.{ref.app_id}" for ref in (FIRST, LAST))
        mine, yours = first.read_text(), last.read_text()
        first.write_text(yours)
        last.write_text(mine)
        report = await here.passes(2)
        assert {_state(report, ref) for ref in (FIRST, LAST)} == {State.AUTH_FAILED}
        invariants.no_put_because_of(here, (FIRST, LAST))
        invariants.i9_converged(here, except_for=(FIRST, LAST))
        first.write_text(mine)
        last.write_text(yours)
        await here.passes(1)
        invariants.i9_converged(here)
        _sound(here)


async def test_an_app_that_moves_to_another_file_or_folder_is_not_written_again(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.passes(1)
        before = len(here.emulator.store.ledger())
        (tmp_path / "apps" / "deep").mkdir()
        (tmp_path / "apps" / "acme.yaml").rename(tmp_path / "apps" / "deep" / "other.yaml")
        report = await here.passes(2)
        assert not report.decision.plan.steps
        assert len(here.emulator.store.ledger()) == before


async def test_an_app_declared_under_another_customer_is_another_app(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.passes(1)
        untouched = here.live(FIRST)
        moved = here.wishes.pop(FIRST)
        here.wish(MIDDLE, {**moved, "recording_enabled": False})
        here.write()
        await here.passes(1)
        assert here.live(FIRST) == untouched
        invariants.i9_converged(here)
        _sound(here)


@pytest.mark.parametrize("lost", [INDEX_NAME, "status.json", "last-good.json"])
async def test_a_file_that_is_deleted_or_spoilt_between_passes_costs_nothing(tmp_path: Path, lost: str) -> None:
    async with fleet(tmp_path) as here:
        here.policy = "{on_drift: report}"
        here.write()
        async with here.opened() as process:
            _approve_all(process, await here.run(process))
            await here.run(process)
        here.change(FIRST, popup_url=url("by-hand"))
        for spoil in (_delete, _overwrite):
            spoil(here.state / lost)
            async with here.opened() as process:
                for _ in range(2):
                    report = await here.run(process)
                    assert {hold.rule for hold in report.decision.holds} == {Rule.DRIFT_REPORTED}
                    spoil(here.state / lost)
        assert here.live(FIRST)["popup_url"] == url("by-hand")
        invariants.i9_converged(here, except_for=(FIRST,))
        _sound(here)


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"\0nonsense")


def _approve_all(here: Opened, report: SyncReport) -> None:
    for step in report.decision.plan.steps:
        _approve(here, report, step.ref)


async def test_a_state_folder_that_can_not_be_written_ends_before_anything_is_sent(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        (tmp_path / "state").write_text("not a folder")
        with pytest.raises(JournalError):
            await here.passes(1)
        assert here.emulator.store.arrived() == 0


@pytest.mark.parametrize("room", [0, 100, 3000, 9000, 20000])
async def test_a_disk_that_fills_up_in_mid_pass_loses_no_record_and_recovers(tmp_path: Path, room: int) -> None:
    async with fleet(tmp_path) as here:
        async with here.opened() as process:
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            size = files.segment(here.state).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, before[1]))
            try:
                for _ in range(2):
                    await process.reconciler.run(Ask(Trigger.MANUAL, write=True))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            invariants.i1_intent_before_put(here)
            await here.run(process)
            await here.run(process)
        invariants.i9_converged(here)
        _sound(here)


async def test_a_put_follows_its_re_read_at_once_however_slow_the_pace(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        slow = here.resolved()
        slow = replace(slow, vendor=replace(slow.vendor, rate=8.0))
        async with here.opened(given=slow) as process:
            await here.run(process)
        requests = here.emulator.store.requests()
        for ref in REFS:
            mine = [request for request in requests if (request.customer_id, request.app_id) == key(ref)]
            [put] = (request for request in mine if request.method == "PUT")
            read = max(request.ended_ns for request in mine if request.ended_ns <= put.started_ns)
            assert put.started_ns - read < 100_000_000
        invariants.i9_converged(here)


@pytest.mark.parametrize("kept", [True, False], ids=["one process", "restarts"])
async def test_what_moved_while_git_did_not_declare_it_is_no_drift_when_a_commit_brings_it_back(
    tmp_path: Path, *, kept: bool
) -> None:
    async with fleet(tmp_path) as here, AsyncExitStack() as stack:
        here.policy = "{on_commit: hold}"
        async with here.opened() as first:
            for ref in REFS:
                here.change(ref, **desired(1))
            here.write()
            await here.run(first)
        wish, process = here.wishes.pop(FIRST), await stack.enter_async_context(here.opened()) if kept else None

        async def one() -> SyncReport:
            here.write()
            return await here.run(process) if process else await here.passes(1)

        await one()
        here.change(FIRST, popup_url=url("by-hand"))
        here.wishes[FIRST] = wish
        for _ in range(2):
            report = await one()
            assert [(hold.rule, hold.ref) for hold in report.decision.holds] == [(Rule.COMMIT_HELD, FIRST)]
        assert here.emulator.store.ledger() == ()
        here.change(FIRST, popup_url=wish["popup_url"])
        await one()
        here.change(FIRST, popup_url=url("by-hand"))
        report = await one()
        assert [(step.ref, step.causes) for step in report.decision.approved] == [(FIRST, frozenset({Cause.DRIFT}))]
        assert len(invariants.records(here, EventType.APP_LEFT)) == 1


class Later(SystemClock):
    """A clock that can be told to show a later time."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Later:
    """The clock of every pass, which goes on by 25 hours once a plan was decided, as in a very slow pass."""
    clock, decide = Later(), gate.decide

    def decided(*given: Any) -> Decision:
        decision = decide(*given)
        clock.ahead += timedelta(hours=25 if decision.approved else 0)
        return decision

    monkeypatch.setattr(wiring, "CLOCK", clock)
    monkeypatch.setattr(gate, "decide", decided)
    return clock


@pytest.mark.usefixtures("late")
async def test_a_write_that_an_approval_let_pass_names_it_though_it_ended_meanwhile(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        here.policy = "{protected: [popup_url, recording_url, recording_enabled]}"
        here.write()
        async with here.opened() as opened:
            _approve(opened, await here.run(opened), FIRST)
            report = await here.run(opened)
        [intent] = invariants.records(here, EventType.PUT_INTENT)
        assert (intent["data"]["approval"]["by"], report.outcomes[0].status) == ("ann", Status.APPLIED)


async def test_a_window_that_closes_in_mid_pass_is_closed_for_the_apps_that_wait(tmp_path: Path, late: Later) -> None:
    async with fleet(tmp_path) as here:
        begins = late.now() - timedelta(minutes=1)
        here.policy = f'{{windows: [{{allow: "{begins:%M %H %d %m} *", for: 2h}}]}}'
        here.write()
        report = await here.passes(1)
        assert {outcome.status for outcome in report.outcomes} == {Status.STOPPED}
        assert here.emulator.store.ledger() == ()


async def test_a_wall_clock_set_back_a_year_changes_neither_order_nor_causes(tmp_path: Path) -> None:
    class Yesteryear(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(days=365)

    async with fleet(tmp_path) as here:
        await here.passes(1)
        boot = SystemBootClock()
        identity = Identity("/syncer/test", "test", "0")
        with closing(
            Journal.open(here.state, clock=Yesteryear(), boot=boot, identity=identity, new_id=lambda: "01")
        ) as journal:
            journal.note(EventType.HOLD, {})
        here.declare(2, FIRST)
        here.change(LAST, popup_url=url("by-hand"))
        report = await here.passes(1)
        causes = {step.ref: {change.cause for change in step.changes} for step in report.decision.plan.steps}
        assert causes == {FIRST: {Cause.GIT}, LAST: {Cause.DRIFT}}
        invariants.i9_converged(here)
        _sound(here)


async def test_a_token_path_that_no_system_takes_stops_only_its_own_app(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        broken = here.document("acme").replace("app_1: {", 'app_1: {token: {file: "/tokens/\\0"}, ')
        (tmp_path / "apps" / "acme.yaml").write_text(broken)
        await here.passes(1)
        invariants.no_put_because_of(here, (FIRST,))
        invariants.i9_converged(here, except_for=[ref for ref in REFS if ref.customer_id == "acme"])


async def _accepted_and_never_read_back(here: Fleet, fault: str, *, restart: bool) -> int:
    """Six passes in which the first app takes a PUT, shows nothing of it, and can't be read right after it.

    How many PUTs syncer made of it.
    """

    async def one_pass(process: Opened) -> SyncReport:
        here.emulator.clear_faults()
        here.emulator.fault(fault, app=key(FIRST))
        here.emulator.fault("GET:500_storm", app=key(FIRST), after=2)  # the sweep and the re-read pass
        return await here.run(process)

    for _ in range(6 if restart else 1):
        async with here.opened() as process:
            for _ in range(1 if restart else 6):
                report = await one_pass(process)
    assert _state(report, FIRST) is State.NOT_CONVERGING
    subject = f"customers/{FIRST.customer_id}/apps/{FIRST.app_id}"
    return sum(event["subject"] == subject for event in invariants.records(here, EventType.PUT_INTENT))


@pytest.mark.parametrize("restart", [False, True], ids=["one process", "a process each"])
@pytest.mark.parametrize("fault", ["PUT:accept_no_apply", "PUT:html_200", "PUT:empty_200(before)"])
async def test_what_is_accepted_and_never_read_back_is_put_three_times(
    tmp_path: Path, fault: str, restart: bool
) -> None:
    async with fleet(tmp_path) as here:
        assert await _accepted_and_never_read_back(here, fault, restart=restart) == 3
        here.emulator.clear_faults()
        invariants.i9_converged(here, except_for=(FIRST,))
        _sound(here)


@pytest.mark.parametrize("fault", ["PUT:html_200", "PUT:empty_200(before)", "PUT:error_in_200", "PUT:truncated_json"])
async def test_an_answer_200_that_nobody_can_read_counts_as_accepted(tmp_path: Path, fault: str) -> None:
    async with fleet(tmp_path) as here:
        here.emulator.fault("PUT:accept_no_apply", app=key(FIRST))
        here.emulator.fault(fault, app=key(FIRST))
        report = await here.passes(6)
        assert _state(report, FIRST) is State.NOT_CONVERGING
        subject = f"customers/{FIRST.customer_id}/apps/{FIRST.app_id}"
        assert sum(event["subject"] == subject for event in invariants.records(here, EventType.PUT_INTENT)) == 3
        _sound(here)
