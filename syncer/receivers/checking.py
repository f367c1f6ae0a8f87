"""Asks every URL once whether it answers, with HEAD: nothing that looks like a call is sent (ADR 0042)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from syncer.model import url as urls
from syncer.receivers import approach, targets, verdicts
from syncer.receivers.verdicts import OF_ORIGIN, Checked, Failure, Verdict
from syncer.receivers.wire import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syncer.clock import Clock
    from syncer.receivers.approach import Means
    from syncer.receivers.targets import Origin, Target
    from syncer.receivers.wire import Link

ORIGINS: Final = 16
"""Origins that are asked at once."""
SILENT: Final = 3
"""URLs of one origin without an answer, after which the rest of them is not asked."""


async def check(
    wanted: Sequence[Target], means: Means, clock: Clock, on_done: Callable[[Checked], None] = lambda _: None
) -> tuple[Checked, ...]:
    """Every target with its verdict, in the order given; never raises for what a receiver does."""
    found: dict[Target, Checked] = {}
    groups: dict[Origin | None, list[Target]] = {}
    for target in wanted:
        groups.setdefault(targets.origin(target.url), []).append(target)
    turns = iter(groups.items())

    def done(one: Checked) -> None:
        found[one.target] = one
        on_done(one)

    async def work() -> None:
        for origin, group in turns:
            await _Visit(means, clock, done).all(origin, group)

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(ORIGINS, len(groups))):
            workers.create_task(work())
    return tuple(found[target] for target in wanted)


class _Visit:
    """One origin: looked up once, the first URL alone, the others a few at a time over the same connections."""

    def __init__(self, means: Means, clock: Clock, done: Callable[[Checked], None]) -> None:
        self._means = means
        self._clock = clock
        self._done = done
        self._silent = 0

    async def all(self, origin: Origin | None, group: Sequence[Target]) -> None:
        """Every URL of the origin; None stands for text that is no URL."""
        if origin is None:
            return self._same(group, Failure(Verdict.NOT_A_URL, "this is no URL that a webhook can be sent to"))
        found = await approach.addresses(origin, self._means)
        if isinstance(found, Failure):
            return self._same(group, found)
        link = self._means.link(origin, found)
        try:
            first, *others = group
            failure = await self._one(link, first, found)
            if failure is not None and failure.verdict in OF_ORIGIN:
                return self._same(others, failure, found)
            turns = iter(others)
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(WIDTH, len(others))):
                    workers.create_task(self._some(link, turns, found))
        finally:
            await link.aclose()

    async def _some(self, link: Link, turns: Iterable[Target], addresses: tuple[str, ...]) -> None:
        for target in turns:
            if self._silent >= SILENT:
                given_up = Failure(Verdict.NO_ANSWER, f"not asked: {SILENT} URLs of this host gave no answer")
                self._same((target,), given_up, addresses)
            else:
                await self._one(link, target, addresses)

    async def _one(self, link: Link, target: Target, addresses: tuple[str, ...]) -> Failure | None:
        answer = await link.exchange("HEAD", targets.path(target.url), {})
        if isinstance(answer, Failure):
            self._silent += answer.verdict is Verdict.NO_ANSWER
            self._same((target,), answer, addresses)
            return answer
        self._done(
            Checked(
                target=target,
                verdict=verdicts.of_status(answer.status),
                detail=f"answers {answer.status} to HEAD",
                addresses=addresses,
                status=answer.status,
                location=urls.parse(answer.header("location")).shown,
                certificate_ends=answer.certificate_ends,
                warnings=(*_plain(target), *verdicts.ending(answer.certificate_ends, self._clock.now())),
            )
        )
        return None

    def _same(self, group: Iterable[Target], failure: Failure, addresses: tuple[str, ...] = ()) -> None:
        for target in group:
            self._done(Checked(target, failure.verdict, failure.detail, addresses, warnings=_plain(target)))


def _plain(target: Target) -> tuple[str, ...]:
    plain = target.url.scheme in {"http", "ws"}
    return ("without TLS: everybody on the way can read and change calls",) if plain else ()
