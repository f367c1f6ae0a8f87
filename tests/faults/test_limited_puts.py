"""PUTs by the thousand under random faults with every limit in force: none gets past one without a person's word."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit.events import EventType
from syncer.model.desired import AppRef
from syncer.model.planned import Approval
from tests.faults import invariants
from tests.faults.fleet import Fleet, fleet, key, many, url
from tests.faults.test_many_puts import MEMORY

if TYPE_CHECKING:
    from syncer.model.outcome import SyncReport
    from syncer.wiring import Opened
    from tests.soak.figures import Recorder

APPS = 80
BUDGET, DRIFTED, SILENT = 20, 8, 24
"""What the limits below come to for that many apps."""
LIMITS = """\
  budget: {apps: 20, share: 100%, at_least: 3}
  mass_drift: {apps: 2, share: 10%}
  max_unreadable: 30%"""
PASSES_PER_SITE = 60
UNUSED = "unused"
FAULTS = (
    *(f"{method}:{fault}" for method in ("GET", "PUT") for fault in ("500_storm", "429(0)", "html_200", "cut_off")),
    *("PUT:500_storm(after)", "PUT:reset_before_commit", "PUT:reset_after_commit", "PUT:truncated_json"),
    *("GET:swap_apps", "GET:401_all", "GET:404_all", "PUT:empty_200", "PUT:accept_no_apply", "PUT:401_all"),
)
MASS = ("GET:404_all", "GET:401_all", "GET:swap_apps", "GET:500_storm", "GET:error_in_200")
PROTECTED = ("recording_url", "recording_enabled")
HELD, REPORTED, GUARDED = (
    "{on_commit: hold}",
    "{on_drift: report}",
    f"{{protected: [{', '.join(PROTECTED)}]}}",
)


def closed() -> tuple[str, str]:
    """An allowed window that is hours away, and a denied one that is under way."""
    far = datetime.now(UTC) + timedelta(hours=9)
    near = datetime.now(UTC) - timedelta(hours=1)
    return (
        f'{{windows: [{{allow: "{far.minute} {far.hour} * * *", for: 1h, zone: UTC}}]}}',
        f'{{windows: [{{deny: "{near.minute} {near.hour} * * *", for: 9h, zone: UTC}}]}}',
    )


class Trial:
    """One site with a policy of its own for many of its apps, and the people who commit, meddle and approve."""

    def __init__(self, here: Fleet, seed: int) -> None:
        self.here = here
        self.rng = random.Random(seed)
        self.versions = count(2)
        self.shut = ("{suspend: {reason: porting}}", *closed())
        kinds = (HELD, REPORTED, GUARDED, GUARDED, *self.shut)
        for ref in here.refs:
            if self.rng.random() < 0.5:
                here.policies[ref] = self.rng.choice(kinds)
        self.silent: set[str] = set()

    async def play(self, passes: int) -> None:
        """Processes one after the other; then peace, everything approved, and agreement."""
        while passes > 0:
            async with self.here.opened() as process:
                for _ in range(min(passes, self.rng.randint(1, 8))):
                    await self.one_pass(process)
                    passes -= 1
        self.here.emulator.clear_faults()
        self.here.declare(next(self.versions))
        async with self.here.opened() as process:
            for _ in range(3):
                self.approve(process, await self.watched(process), 1.0)

    async def one_pass(self, process: Opened) -> None:
        rng, here = self.rng, self.here
        version = next(self.versions)
        for ref in rng.sample(here.refs, rng.choice((0, 3, APPS // 2, APPS))):
            here.wish(ref, self.wished(version))
        here.write()
        for ref in rng.sample(here.refs, rng.choice((0, 2, 8, 9, 30))):
            here.change(ref, **{rng.choice(("popup_url", "callback_url", "recording_url")): url(f"hand/{version}")})
        here.emulator.clear_faults()
        for ref in rng.sample(here.refs, rng.randint(0, 15)):
            here.emulator.fault(rng.choice(FAULTS), app=key(ref), times=rng.randint(1, 3))
        if rng.random() < 0.1:
            for ref in rng.sample(here.refs, rng.choice((SILENT, SILENT + 1, APPS))):
                here.emulator.fault(rng.choice(MASS), app=key(ref))
        self.approve(process, await self.watched(process), rng.choice((0.0, 0.3, 1.0)))

    def wished(self, version: int) -> dict[str, Any]:
        recorded = self.rng.random() < 0.8
        return {
            "popup_url": url(f"popup/{version}"),
            "recording_enabled": recorded,
            "recording_url": self.rng.choice((url("rec"), url(f"rec/{version}"))) if recorded else None,
        }

    async def watched(self, process: Opened) -> SyncReport:
        report = await self.here.run(process)
        if len(report.decision.plan.unreadable) > SILENT:
            self.silent.add(report.run_id)
        self.here.reports.clear()
        return report

    def approve(self, process: Opened, report: SyncReport, share: float) -> None:
        """A person's word for a share of what is held."""
        assert process.journal is not None
        for step in report.decision.plan.steps:
            if report.decision.holds_of(step.ref) and self.rng.random() < share:
                ends = report.started + timedelta(hours=1)
                process.journal.approve(Approval(step.ref, step.digest, report.decision.plan.id, "ann", "so", ends))

    def check(self) -> None:
        """Every limit, by what the vendor stored and what the journal says of it."""
        stored = {entry.request_id: entry for entry in self.here.emulator.store.ledger()}
        granted: dict[tuple[str, str], str] = {}
        spent: set[str] = set()
        drift: defaultdict[str, int] = defaultdict(int)
        for event in invariants.records(self.here, EventType.APPROVE, EventType.PUT_INTENT):
            data, subject = event["data"], event["subject"]
            if event["type"] == EventType.APPROVE:
                granted[subject, data["digest"]] = UNUSED
                continue
            assert data["runid"] not in self.silent, "a PUT although too many were silent"
            approved = data["approval"] is not None
            if approved:
                assert data["approval"]["digest"] == data["digest"]
                run = granted.setdefault((subject, data["digest"]), "")
                assert run in {UNUSED, data["runid"]}, "an approval that nobody gave, or that another pass used up"
                granted[subject, data["digest"]] = data["runid"]
            self.judge(self.policy(subject), data, stored.get(data["reqid"]), approved=approved)
            if not approved and data["reqid"] in stored:
                spent.add(subject)
                drift[data["runid"]] += "drift" in data["reason"]["causes"]
        assert len(spent) <= BUDGET, f"{len(spent)} apps changed without approval"
        assert max(drift.values(), default=0) <= DRIFTED, drift

    def judge(self, policy: str, intent: dict[str, Any], entry: Any, *, approved: bool) -> None:
        """One intent against its app's own policy (invariant I4 among them)."""
        causes = set(intent["reason"]["causes"])
        assert policy not in self.shut, "a PUT while suspended or outside of its window"
        if approved:
            return
        assert policy != HELD or causes <= {"drift"}, causes
        assert policy != REPORTED or causes <= {"git"}, causes
        if policy == GUARDED and entry is not None:
            assert all(entry.before[name] == entry.body[name] for name in PROTECTED), "a protected field changed"

    def policy(self, subject: str) -> str:
        _, customer, _, app = subject.split("/")
        return self.here.policies.get(AppRef(customer, app), "")


def check_all(trial: Trial) -> None:
    here = trial.here
    trial.check()
    invariants.i1_intent_before_put(here)
    invariants.i2_one_end_each(here)
    invariants.i3_only_known_urls(here)
    invariants.i5_own_token_only(here)
    invariants.i6_unmanaged_untouched(here)
    invariants.i7_no_secret_told(here)
    shut = [ref for ref in here.refs if here.policies.get(ref) in trial.shut]
    invariants.i9_converged(here, except_for=shut)
    invariants.i10_no_overlap(here)


@pytest.mark.parametrize(
    ("passes", "seed"), [(15, 1), pytest.param(900, 2, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_no_put_gets_past_a_limit(figure: Recorder, passes: int, seed: int) -> None:
    stored = done = 0
    while done < passes:
        with tempfile.TemporaryDirectory(dir=MEMORY) as home:
            async with fleet(Path(home), refs=many(APPS)) as here:
                here.deadline, here.limits = timedelta(seconds=2), LIMITS
                trial = Trial(here, seed * 1_000 + done)
                await trial.play(min(PASSES_PER_SITE, passes - done))
                check_all(trial)
                stored += len(here.emulator.store.ledger())
                done += PASSES_PER_SITE
    figure("puts-under-faults", stored, seeds=str(seed), result="none past a limit without approval")
