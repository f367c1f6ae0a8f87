"""Whatever a vendor does, the journal and the ledger agree about it."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.apply import run
from syncer.errors import VendorError, VendorKind
from syncer.model.outcome import Status, Verdict
from syncer.plan import digests
from tests.support.builders import (
    ListJournal,
    a_run,
    a_vendor,
    fails,
    lands,
    live_settings,
    lost,
    rewritten,
    steps_for,
    unreadable,
)
from tests.support.builders import settings as setting

ERRORS = st.builds(
    VendorError,
    st.sampled_from(VendorKind),
    st.just("it failed"),
    retryable=st.booleans(),
)
PUTS = st.one_of(
    st.just(lands),
    st.just(lost),
    st.just(rewritten(setting(popup_url="https://rewritten.example/"))),
    st.builds(fails, ERRORS),
    st.builds(fails, ERRORS.filter(lambda e: e.kind not in {"bad-request", "auth", "not-found"}), landed=st.just(True)),
    st.builds(fails, st.builds(VendorError, st.just(VendorKind.CONNECT), st.just("x"), sent=st.just(False))),
    st.builds(fails, st.just(RuntimeError("a bug"))),
)
READS = st.one_of(
    st.none(), st.none(), st.none(), st.sampled_from("abcd").map(unreadable), st.just(RuntimeError("a bug"))
)
NAMES = tuple("abcd")


@settings(max_examples=100, deadline=None)
@given(st.lists(PUTS, max_size=12), st.lists(READS, max_size=30), st.integers(1, 4), st.none() | st.integers(0, 20))
def test_no_put_is_unrecorded_and_no_intent_is_forgotten(
    puts: list[object], reads: list[object], concurrency: int, stop_after: int | None
) -> None:
    vendor, journal = a_vendor(*NAMES), ListJournal()
    vendor.puts, vendor.reads = puts, reads  # type: ignore[assignment]  # scripts
    this, steps = a_run(vendor, journal), steps_for(*NAMES)
    outcomes = asyncio.run(
        run.carry_out(
            this,
            steps,
            concurrency=concurrency,
            asked_to_stop=lambda: stop_after is not None and len(vendor.told) > stop_after,
            on_outcome=lambda _: None,
        )
    )
    assert [outcome.name for outcome in outcomes] == list(NAMES)
    told = vendor.told
    for ref, _, request_id in vendor.ledger:  # I1: an intent of the same id, earlier
        name = ref.app_id.removeprefix("app_")
        assert told.index(f"intent {name} {request_id}") < told.index(f"put {name} {request_id}")
    ended = [result.request_id for result in journal.results]
    assert len(ended) == len(set(ended))
    unresolved = [intent for intent in journal.intents if intent.request_id not in set(ended)]  # I2: but for open ones
    assert sorted(i.step.app.name for i in unresolved) == [o.name for o in outcomes if o.status is Status.OPEN]
    for (found, body), put in zip(vendor.bases, [line for line in told if line.startswith("put ")], strict=True):
        step = next(step for step, _ in steps if step.app.name == put.split()[1])
        assert digests.base(found) == step.base  # written only over what the plan was made from
        assert body == step.body  # and only what was planned
    for name in NAMES:
        assert sum(line.startswith(f"put {name} ") for line in told) <= this.attempts
    applied = {o.name for o in outcomes if o.status is Status.APPLIED}
    verified = {r.ref.app_id.removeprefix("app_") for r in journal.results if r.verdict is Verdict.APPLIED}
    assert applied == verified
    wanted = live_settings(popup_url="https://new.example/popup")
    assert all(vendor.apps[step.ref] == wanted for step, _ in steps if step.app.name in applied)
