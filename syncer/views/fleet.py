"""The fleet: what needs a person, what goes by itself, and every app behind filters, a page at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from syncer.model.outcome import State
from syncer.phrasing import count
from syncer.report import instant
from syncer.turns import Turn
from syncer.views import asking, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncer.report import JSON
    from syncer.views.rows import Row
    from syncer.views.sentences import Appointments

SCHEMA: Final = "syncer.fleet/v1"
PAGE: Final = 40
"""Rows of the table at a time."""
NAMED: Final = 6
"""Stories told above the table, for each turn; apps with the same story are told once."""
LABELS: Final = 6
VALUES: Final = 8
"""Label keys, and values of each, that are offered as filters; any other can still be asked for."""
LISTED: Final = 30
"""Apps that git does not declare, told by name."""

OF_CHANGES: Final = frozenset({State.DRIFTED, State.PENDING, State.CONFLICT, State.HELD})
"""States whose story is told by the fields that differ; that of any other by its reason."""

TURNS: Final = {
    "you": Turn.YOURS,
    "itself": Turn.ITS_OWN,
    "again": Turn.AGAIN,
    "back": Turn.BACK,
    "chosen": Turn.CHOSEN,
}
"""Turns by the word that stands for them in an address."""
WORDS: Final = {turn: word for word, turn in TURNS.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the table is narrowed to; empty texts narrow nothing."""

    state: str = ""
    turn: str = ""
    cause: str = ""
    label: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """From the query of an address; what can't be meant is left out."""
        given = asking.texts(query, ("state", "turn", "cause", "label", "q"))
        return cls(
            given["state"], given["turn"], given["cause"], given["label"], given["q"], asking.page(query)
        )  # fmt: skip

    def document(self) -> JSON:
        """The same for pages and programs."""
        return {
            "state": self.state, "turn": self.turn, "cause": self.cause, "label": self.label, "q": self.text,
            "page": self.page,
        }  # fmt: skip

    def wants(self, row: Row) -> bool:
        """Whether an app is asked for."""
        return (
            self.state in {"", row.state.value}
            and (not self.turn or (row.turn is not None and WORDS[row.turn] == self.turn))
            and (not self.cause or self.cause in row.causes)
            and (not self.label or _has(row, self.label))
            and (not self.text or all(word in row.searched for word in self.text.casefold().split()))
        )


def _has(row: Row, label: str) -> bool:
    key, equals, value = label.partition("=")
    return row.labels.get(key) == value if equals else key in row.labels


@dataclass(frozen=True, slots=True)
class Fleet:
    """All rows in the order of the table, with what is counted of them once."""

    rows: tuple[Row, ...] = ()
    states: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)
    causes: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()


def of(rows: Iterable[Row]) -> Fleet:
    """The fleet of these rows: needs you, goes by itself, put back again and again, left alone, in sync."""
    order = {turn: number for number, turn in enumerate(Turn)}
    ranked = sorted(rows, key=lambda row: (order[row.turn] if row.turn else len(order), row.ref))
    turns = Counter(WORDS[row.turn] for row in ranked if row.turn)
    states = Counter(row.state for row in ranked)
    labels = Counter(pair for row in ranked for pair in row.labels.items())
    return Fleet(
        tuple(ranked),
        {state.value: states[state] for state in State if states[state]},
        {word: turns[word] for word in TURNS if turns[word]},
        dict(sorted(Counter(cause for row in ranked for cause in row.causes).items())),
        tuple(_offered(labels)),
    )


def _offered(labels: Counter[tuple[str, str]]) -> Iterable[tuple[str, tuple[tuple[str, int], ...]]]:
    """The label keys that most apps have, each with its most frequent values; a key with one value tells nothing."""
    by_key: dict[str, Counter[str]] = {}
    for (key, value), number in labels.items():
        by_key.setdefault(key, Counter())[value] += number
    telling = {key: values for key, values in by_key.items() if len(values) > 1}
    for key in sorted(telling, key=lambda key: (-telling[key].total(), key))[:LABELS]:
        yield key, tuple(sorted(telling[key].items(), key=lambda pair: (-pair[1], pair[0]))[:VALUES])


def page(fleet: Fleet, asked: Asked, now: datetime, at: Appointments, exact: Callable[[Row], Row]) -> JSON:
    """What the fleet's page shows; `exact` makes more of a row that is shown."""
    found = [row for row in fleet.rows if asked.wants(row)]
    pages = max(1, -(-len(found) // PAGE))
    number = min(asked.page, pages)
    shown = found[(number - 1) * PAGE : number * PAGE]
    return {
        "schema": SCHEMA,
        "summary": summary(fleet),
        "total": len(fleet.rows),
        "states": dict(fleet.states),
        "turns": dict(fleet.turns),
        "stories": {
            word: _stories(fleet, turn, lambda row: document(exact(row), now, at))
            for word, turn in TURNS.items()
            if turn is not Turn.CHOSEN
        },
        "facets": {
            "causes": dict(fleet.causes),
            "labels": [
                {"key": key, "values": [{"value": value, "count": number} for value, number in values]}
                for key, values in fleet.labels
            ],
        },
        "asked": {**asked.document(), "page": number},
        "found": len(found),
        "pages": pages,
        "apps": [document(exact(row), now, at) for row in shown],
    }


def unmanaged(report: Mapping[str, Any] | None) -> JSON | None:
    """Apps that the vendor lists and git does not declare: how many, and the first of them; None where nobody asked."""
    found = report.get("unmanaged") if report else None
    if not found:
        return None
    return {"count": len(found["apps"]), "apps": found["apps"][:LISTED], "unlisted": found["unlisted"][:LISTED]}


def summary(fleet: Fleet) -> str:
    """The whole fleet in one sentence."""
    total = len(fleet.rows)
    you, itself = fleet.turns.get("you", 0), fleet.turns.get("itself", 0)
    if not total:
        return "There are no apps yet."
    if fleet.states.get(State.IN_SYNC) == total:
        return f"Everything is as git declares it: {count(total, 'app')}."
    first = f"{you:,} of {count(total, 'app')} {'needs' if you == 1 else 'need'} you" if you else "Nothing needs you"
    rest = f"{itself:,} {'goes' if itself == 1 else 'go'} by {'itself' if itself == 1 else 'themselves'}"
    return f"{first}; {rest}." if itself else f"{first}."


def _stories(fleet: Fleet, turn: Turn, told_of: Callable[[Row], JSON]) -> JSON:
    """The stories of a turn, those that most apps share first; `more` are apps whose story is not told."""
    groups: dict[object, list[Row]] = {}
    for row in fleet.rows:
        if row.turn is turn:
            groups.setdefault(_story(row), []).append(row)
    ranked = sorted(groups.values(), key=lambda rows: -len(rows))
    told = [{**told_of(rows[0]), "others": len(rows) - 1} for rows in ranked[:NAMED]]
    return {"told": told, "more": sum(len(rows) for rows in ranked[NAMED:])}


def _story(row: Row) -> object:
    """What makes two apps' stories the same."""
    if row.state not in OF_CHANGES:
        return row.state, row.reason
    holds = tuple((hold["rule"], hold["release"]) for hold in row.holds)
    moves = tuple((change["field"], change["cause"]) for change in row.changes)
    return row.state, moves, holds


def document(row: Row, now: datetime, at: Appointments) -> JSON:
    """One app in a list."""
    return {
        "customer_id": row.ref.customer_id,
        "app_id": row.ref.app_id,
        "name": row.name,
        "labels": dict(row.labels),
        "state": row.state.value,
        "turn": WORDS[row.turn] if row.turn else None,
        "since": instant(row.since),
        "checked": instant(row.checked),
        "sentence": sentences.of(row, now, at).document(),
        "causes": list(row.causes),
        "fields": [change["field"] for change in row.changes],
        "way_out": list(row.way_out),
        "put_back": row.put_back,
        "token_ends": row.token_ends,
    }
