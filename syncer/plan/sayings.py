"""Which of several things that people said counts, wherever each was said. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.orders import Saying

_NO_END: Final = datetime.min.replace(tzinfo=UTC)


def rank(saying: Saying) -> tuple[Any, ...]:
    """The greater one counts: the later; of two at once the one that holds more back.

    The rest only makes it the same one for everybody.
    """
    holds = (saying.until is not None, saying.until or _NO_END)
    rest = (saying.commit, saying.refused, saying.passing, saying.by, saying.reason, saying.log, saying.record)
    return (saying.at, *holds, *rest)


def merged(*sides: Iterable[Saying]) -> tuple[Saying, ...]:
    """The one that counts for each app and kind, in an order that depends on nothing else."""
    found: dict[tuple[str, str, bool], Saying] = {}
    for saying in (each for side in sides for each in side):
        known = found.get(saying.about)
        if known is None or rank(saying) > rank(known):
            found[saying.about] = saying
    return tuple(found[about] for about in sorted(found))


def news(theirs: Iterable[Saying], own: Iterable[Saying]) -> tuple[Saying, ...]:
    """Which of theirs count more than what is known."""
    known = {saying.about: rank(saying) for saying in own}
    return tuple(each for each in theirs if each.about not in known or rank(each) > known[each.about])


def behind(theirs: Iterable[Saying], own: Iterable[Saying]) -> bool:
    """Whether others could go by something else than what is known here.

    An end of something that they never heard of is nothing that they lack.
    """
    heard = {saying.about for saying in theirs}
    return any(each.until is not None or each.about in heard for each in news(own, theirs))
