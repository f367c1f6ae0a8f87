"""All approved steps of a pass: a few workers over a queue; one app's failure never stops another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncer.apply import one
from syncer.model.outcome import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.apply.one import Run, Stop
    from syncer.model.planned import AppPlan, Approval

    Step = tuple[AppPlan, Approval | None]


async def carry_out(
    run: Run,
    steps: tuple[Step, ...],
    *,
    concurrency: int,
    asked_to_stop: Callable[[], bool],
    on_outcome: Callable[[Outcome], str | None],
) -> tuple[Outcome, ...]:
    """Applies every step, `concurrency` at a time, and returns one outcome for each, in the order given.

    A PUT in flight is always finished and recorded; apps whose turn has not come when asked to stop, or when the
    journal fails, are STOPPED. `on_outcome` is called as each app ends and may say why no other is to be begun; what it
    raises is raised when all have ended.
    """
    stop = one.Stop(asked_to_stop, run.closed)
    outcomes: list[Outcome | None] = [None] * len(steps)
    queue = iter(enumerate(steps))
    workers = [_worker(run, queue, stop, outcomes, on_outcome) for _ in range(min(concurrency, len(steps)))]
    for ended in await asyncio.gather(*workers, return_exceptions=True):
        if ended is not None:
            raise ended
    return tuple(outcome for outcome in outcomes if outcome is not None)


async def _worker(
    run: Run,
    queue: Iterator[tuple[int, Step]],
    stop: Stop,
    outcomes: list[Outcome | None],
    on_outcome: Callable[[Outcome], str | None],
) -> None:
    for position, (step, approval) in queue:
        if stop:
            outcome = Outcome(step.ref, step.app.name, Status.STOPPED, failure=stop.why)
        else:
            outcome = await _guarded(run, step, approval, stop)
        outcomes[position] = outcome
        if why := on_outcome(outcome):
            stop.halt(why)


async def _guarded(run: Run, step: AppPlan, approval: Approval | None, stop: Stop) -> Outcome:
    """The app's outcome, also where a bug ends it outside the stretch between intent and result."""
    try:
        return await one.apply(run, step, approval, stop)
    except Exception as fault:  # noqa: BLE001 -- a bug must not cost the other apps their results
        told = f"an unexpected {type(fault).__name__}; no PUT was under way"
        return Outcome(step.ref, step.app.name, Status.FAILED, failure=told, fault=fault)
