"""All approved steps of a pass: a few workers over a queue; one app's failure never stops another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncer.apply import one
from syncer.errors import JournalError
from syncer.model.outcome import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.apply.one import Run
    from syncer.model.planned import AppPlan, Approval

    Step = tuple[AppPlan, Approval | None]


class Stop:
    """Says whether to take another app: asked to stop, or the journal can't be written."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked
        self.failure = ""

    def __bool__(self) -> bool:
        return bool(self.failure) or self._asked()


async def carry_out(
    run: Run,
    steps: tuple[Step, ...],
    *,
    concurrency: int,
    asked_to_stop: Callable[[], bool],
    on_outcome: Callable[[Outcome], None],
) -> tuple[Outcome, ...]:
    """Applies every step, `concurrency` at a time, and returns one outcome for each, in the order given.

    A PUT in flight is always finished and recorded; apps whose turn has not come when asked to stop, or when the
    journal fails, are STOPPED. `on_outcome` is called as each app ends.
    """
    stop = Stop(asked_to_stop)
    outcomes: list[Outcome | None] = [None] * len(steps)
    queue = iter(enumerate(steps))
    workers = [_worker(run, queue, stop, outcomes, on_outcome) for _ in range(min(concurrency, len(steps)))]
    await asyncio.gather(*workers)
    return tuple(outcome for outcome in outcomes if outcome is not None)


async def _worker(
    run: Run,
    queue: Iterator[tuple[int, Step]],
    stop: Stop,
    outcomes: list[Outcome | None],
    on_outcome: Callable[[Outcome], None],
) -> None:
    for position, (step, approval) in queue:
        if stop:
            outcome = Outcome(step.ref, step.app.name, Status.STOPPED, failure=stop.failure or "asked to stop")
        else:
            outcome = await _guarded(run, step, approval, stop)
        outcomes[position] = outcome
        on_outcome(outcome)


async def _guarded(run: Run, step: AppPlan, approval: Approval | None, stop: Stop) -> Outcome:
    try:
        return await one.apply(run, step, approval)
    except JournalError as error:
        stop.failure = f"nothing more is written: {error.message}"
        return Outcome(step.ref, step.app.name, Status.OPEN, failure=error.message, hint=error.hint)
