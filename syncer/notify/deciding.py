"""Who is told what, from how things stand and what a receiver was told before. Pure.

A receiver hears of a state that it asked for once it has held long enough, and of the end of it. It never hears the
same of the same subject twice within five minutes, and ever more rarely where that comes and goes: the gap doubles each
time. What is not said now is not lost. A later look compares again with what the receiver knows, so that it always ends
up with the truth.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.notify import notice, seen
from syncer.notify.notice import FIRST, UNMANAGED, Change, Notice, What

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from syncer.notify.seen import Seen, Standing

GAP: Final = timedelta(minutes=5)
"""The same notice is sent at most once in this time."""
LONGEST_GAP: Final = timedelta(hours=6)
DOUBLINGS: Final = 7
CALM: Final = frozenset({State.IN_SYNC, State.PENDING, State.APPLYING, State.SUSPENDED})
"""States that end a trouble, unless the receiver asked for them."""
MANY: Final = "many"
"""Keys of notices about many apps begin with it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one receiver wants to hear of: states that held for `passes` and for `length`.

    More than `digest` apps that go the same way at once make one notice. With `labels` it hears of the apps that have
    all of them, and of nothing else.
    """

    on: frozenset[str]
    passes: int = 1
    length: timedelta = timedelta(0)
    digest: int = 5
    labels: tuple[tuple[str, str], ...] = ()
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """That something was told: when last, and how often before within its growing gap."""

    at: datetime
    before: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What stands about a subject: its state, for how many passes, since when, and the trouble that was told.

    `told` is empty while the receiver takes it for well. `said` is what was said of it lately, by state.
    """

    state: str = State.IN_SYNC.value
    was: str = State.IN_SYNC.value
    passes: int = 0
    since: datetime | None = None
    told: str = ""
    name: str = ""
    said: tuple[tuple[str, Said], ...] = ()


UNKNOWN: Final = Known()
Memory = dict[str, Known]


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be sent, and what to remember instead of what was known (None: nothing any more)."""

    notices: tuple[Notice, ...]
    memory: Mapping[str, Known | None]


@dataclass(frozen=True, slots=True)
class _Due:
    """A subject about which something is to be told: what is remembered before, and what after it was."""

    standing: Standing
    state: str
    change: Change
    before: Known
    after: Known


def decide(rules: Rules, now_seen: Seen, memory: Mapping[str, Known], *, counted: bool = True) -> Told:
    """What one receiver is told; `counted` False for a look that is no new pass."""
    now, changed, due = now_seen.at, dict[str, Known | None](), list[_Due]()
    for standing in (each for each in now_seen.all() if _concerns(rules, each)):
        before = memory.get(standing.key, UNKNOWN)
        after = _observed(rules, standing, before, now, counted=counted)
        if (wanted := _wanted(rules, standing, after, now)) != before.told and not too_soon(after, wanted, now):
            due.append(_due(standing, wanted, after, now))
        else:
            changed[standing.key] = after
    due += _gone(rules, now_seen, memory, changed)
    notices = tuple(_notices(rules, now_seen, due, memory, changed))
    return Told(notices, _remembered(memory, changed, now))


def _concerns(rules: Rules, standing: Standing) -> bool:
    return not rules.labels or (standing.what is What.APP and set(rules.labels) <= set(standing.labels))


def _observed(rules: Rules, standing: Standing, before: Known, now: datetime, *, counted: bool) -> Known:
    if standing.state != before.state or before.since is None:
        was = before.state if standing.state != before.state else before.was
        return replace(
            before, state=standing.state.value, was=was, passes=1, since=standing.since or now, name=standing.name
        )
    passes = min(before.passes + counted, rules.passes)  # no further: what does not change is not written
    return replace(before, passes=passes, name=standing.name)


def _wanted(rules: Rules, standing: Standing, known: Known, now: datetime) -> str:
    """What the receiver should believe now: the trouble by its state, or nothing."""
    if standing.state in rules.on:
        held = now - (known.since or now) >= rules.length and known.passes >= rules.passes
        return standing.state.value if held else known.told
    return "" if standing.state in CALM else known.told


def too_soon(known: Known, wanted: str, now: datetime) -> bool:
    """Whether the same was said a moment ago."""
    last = dict(known.said).get(wanted)
    return last is not None and last.at <= now < last.at + gap(last.before)


def gap(before: int) -> timedelta:
    """How long the same is not said again: five minutes, and twice that after each time it was."""
    return min(GAP * (1 << min(before, DOUBLINGS)), LONGEST_GAP)


def _due(standing: Standing, wanted: str, known: Known, now: datetime) -> _Due:
    change = Change.PROBLEM if wanted else Change.RECOVERY
    after = replace(known, told=wanted, said=said_now(known.said, wanted, now))
    return _Due(standing, wanted or standing.state.value, change, known, after)


def said_now(known: tuple[tuple[str, Said], ...], what: str, now: datetime) -> tuple[tuple[str, Said], ...]:
    """What was said lately with one more thing said. What was long ago does not count against it."""
    kept = {key: each for key, each in known if now - each.at < 2 * gap(each.before)}
    last = kept.get(what)
    return tuple(sorted({**kept, what: Said(now, last.before + 1 if last else 0)}.items()))


def _gone(
    rules: Rules, now_seen: Seen, memory: Mapping[str, Known], changed: dict[str, Known | None]
) -> Iterator[_Due]:
    """Apps that left git, or this receiver's labels, while it knows of trouble with them: nothing else would end it."""
    if now_seen.apps is None:
        return
    there = {standing.key: _concerns(rules, standing) for standing in now_seen.apps}
    for key, known in memory.items():
        if not key.startswith("app ") or there.get(key):
            continue
        changed[key] = None
        if known.told:
            customer, _, app = key.removeprefix("app ").partition("/")
            reason = "its labels are others now" if key in there else "git no longer declares it; it is left as it is"
            standing = seen.Standing(What.APP, State.IN_SYNC, reason, now_seen.at, AppRef(customer, app), known.name)
            yield _Due(standing, UNMANAGED, Change.RECOVERY, known, replace(known, state=State.IN_SYNC.value, told=""))


def _notices(
    rules: Rules, now_seen: Seen, due: list[_Due], memory: Mapping[str, Known], changed: dict[str, Known | None]
) -> Iterator[Notice]:
    """One notice each, or one for many; fills in what is remembered after it."""
    groups: dict[str, list[_Due]] = {}
    for each in due:
        key = f"{MANY} {each.change} {each.state}" if each.standing.what is What.APP else each.standing.key
        groups.setdefault(key, []).append(each)
    for key, group in sorted(groups.items()):
        known = memory.get(key, UNKNOWN)
        if key.startswith(MANY) and too_soon(known, "", now_seen.at):
            changed |= {each.standing.key: each.before for each in group}  # they come with the next one
        elif key.startswith(MANY) and len(group) > rules.digest:
            changed |= {each.standing.key: each.after for each in group}
            changed[key] = replace(known, said=(("", Said(now_seen.at)),))
            yield _of_many(rules, now_seen, group)
        else:
            changed |= {each.standing.key: each.after for each in group}
            yield from (_of_one(rules, now_seen, each) for each in group)


def _of_one(rules: Rules, now_seen: Seen, each: _Due) -> Notice:
    standing, known = each.standing, each.before
    return Notice(
        at=now_seen.at,
        change=each.change,
        what=standing.what,
        was=known.told if each.change is Change.RECOVERY else known.told or known.was,
        state=each.state,
        reason=standing.reason,
        since=known.since or now_seen.at,
        revision=now_seen.revision,
        ref=standing.ref,
        name=standing.name,
        labels=standing.labels,
        apps=int(standing.ref is not None),
        told_before=dict(each.after.said).get(each.after.told, Said(now_seen.at)).before,
        todo=standing.todo if each.change is Change.PROBLEM else "",
        link=seen.link(rules.public_url, standing),
    )


def _of_many(rules: Rules, now_seen: Seen, group: list[_Due]) -> Notice:
    """What they have in common; where they were before only if it was the same for all."""
    first = group[0]
    names = sorted(each.standing.name for each in group)
    shared = frozenset.intersection(*(frozenset(each.standing.labels) for each in group))
    before = {(each.before.told if first.change is Change.RECOVERY else each.before.was) for each in group}
    [(reason, count)] = Counter(each.standing.reason for each in group).most_common(1)
    more = "" if count == len(group) else f" ({count} of them; other reasons for the rest)"
    return Notice(
        at=now_seen.at,
        change=first.change,
        what=What.FLEET,
        was=before.pop() if len(before) == 1 else "",
        state=first.state,
        reason=notice.cut(reason, notice.LONGEST - len(more)) + more,
        since=min(each.before.since or now_seen.at for each in group),
        revision=now_seen.revision,
        labels=tuple(sorted(shared)),
        apps=len(group),
        first=tuple(names[:FIRST]),
        todo="syncer status" if first.change is Change.PROBLEM else "",
        link=rules.public_url,
    )


def _remembered(
    memory: Mapping[str, Known], changed: Mapping[str, Known | None], now: datetime
) -> Mapping[str, Known | None]:
    """Only what differs from what was known; what is well and was not spoken of lately is not worth a row."""
    found: dict[str, Known | None] = {}
    for key, known in changed.items():
        worth = known if known is not None and _worth(known, now) else None
        if worth != memory.get(key):
            found[key] = worth
    return found


def _worth(known: Known, now: datetime) -> bool:
    recent = any(now - said.at < 2 * gap(said.before) for _, said in known.said)
    return bool(known.told) or recent or known.state != State.IN_SYNC
