"""wait: what each look at the status means, and with which code it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncer.cli import awaiting
from syncer.cli.awaiting import Goal, Patience, Verdict
from syncer.errors import SyncerError, UsageError
from syncer.model.outcome import State
from tests.support.builders import NOW

HELD = {"rule": "budget", "detail": "over", "fields": [], "release": "syncer approve 3f2a --reason '…'"}
WINDOW = {"rule": "window", "detail": "closed", "fields": [], "release": "wait for the window"}
REFUSED = {"rule": "refused-by-vendor", "detail": "400", "fields": [], "release": "change it in git"}
REVISION = "1a2b3c4" + "0" * 33


def row(name: str, state: str, *holds: dict[str, Any], ago: float = 0.0) -> dict[str, Any]:
    at = (NOW - timedelta(seconds=ago)).isoformat()
    return {
        "customer_id": "acme",
        "app_id": name,
        "name": name,
        "labels": {"env": "prod"},
        "state": state,
        "reason": "why",
        "since": at,
        "checked": at,
        "holds": list(holds),
        "outcome": None,
    }


def report(*rows: dict[str, Any], revision: str = REVISION, ago: float = 0.0) -> dict[str, Any]:
    started = (NOW - timedelta(seconds=ago)).isoformat()
    return {"schema": "syncer.report/v1", "revision": {"id": revision}, "started": started, "apps": list(rows)}


@dataclass
class Looks:
    """Gives one document after the other, the last one for ever; time passes with each pause."""

    documents: list[Any]
    time: float = 0.0
    told: list[str] = field(default_factory=list)

    def __call__(self) -> Any:
        found = self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]
        if isinstance(found, Exception):
            raise found
        return found

    def pause(self, seconds: float) -> None:
        self.time += max(seconds, 0.01)


def ended(goal: Goal, *documents: Any, seconds: float = 10.0) -> tuple[int, list[str], Looks]:
    looks = Looks(list(documents))
    patience = Patience(seconds, lambda: looks.time, looks.pause)
    found = awaiting.ended(goal, looks, patience, looks.told.append)
    return found.code, awaiting.told(found, goal), looks


def goal(state: State | None = State.IN_SYNC, since: float = 0.0, **more: Any) -> Goal:
    return Goal(state, NOW - timedelta(seconds=since), **more)


def test_a_suspended_app_is_in_order_after_a_pass_whatever_else_holds_it() -> None:
    assert ended(goal(None), report(row("a", "Suspended", HELD)))[0] == 0
    assert ended(goal(), report(row("a", "Suspended", HELD)))[0] == 4


def test_it_ends_with_0_once_all_are_there() -> None:
    code, told, looks = ended(goal(), report(row("a", "Pending"), row("b", "InSync")), report(row("a", "InSync")))
    assert (code, told, looks.time) == (0, ["1 of 1 app InSync"], 1.0)
    assert looks.told == ["1 of 2 InSync, 0.0 s"]


def test_what_is_there_already_needs_no_further_pass() -> None:
    assert ended(goal(since=-60), report(row("a", "InSync", ago=300)))[0] == 0


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (row("a", "Held", HELD), 4),
        (row("a", "Pending", HELD), 4),
        (row("a", "Suspended"), 4),
        (row("a", "Fighting", HELD), 4),
        (row("a", "NotConverging", HELD), 4),
        (row("a", "Failing", REFUSED), 1),
        (row("a", "Invalid"), 1),
    ],
)
def test_what_waits_for_a_person_or_a_commit_ends_it_at_once(found: dict[str, Any], code: int) -> None:
    ends, told, looks = ended(goal(), report(found))
    assert (ends, looks.time) == (code, 0.0)
    assert told[0] == f"{found['state']}  acme/a  why"
    assert told[-1] == "0 of 1 app InSync"


@pytest.mark.parametrize(
    "found", [row("a", "Failing"), row("a", "Pending", WINDOW), row("a", "Unreadable"), row("a", "Stale")]
)
def test_what_may_pass_is_waited_for(found: dict[str, Any]) -> None:
    code, told, looks = ended(goal(), report(found))
    assert (code, looks.time) == (1, 10.0)
    assert told[-1] == "0 of 1 app InSync when the time was over"


def test_bad_news_from_before_the_question_counts_only_at_the_end_of_the_time() -> None:
    old = row("a", "Held", HELD, ago=5)
    assert ended(goal(), report(old), report(row("a", "InSync")))[0] == 0
    code, _, looks = ended(goal(), report(old))
    assert (code, looks.time) == (4, 10.0)


def test_a_failure_weighs_more_than_a_hold() -> None:
    assert ended(goal(), report(row("a", "Held", HELD), row("b", "Invalid")))[0] == 1


def test_only_verdicts_over_the_revision_count() -> None:
    wanted = goal(revision="1a2b3c4")
    other = report(row("a", "InSync"), revision="5f" * 20)
    assert ended(wanted, other, report(row("a", "InSync")))[0] == 0
    code, told, _ = ended(wanted, other)
    assert (code, told) == (1, ["5f5f5f5f5f5f is in force", "0 of 0 apps InSync when the time was over"])
    older = report(row("a", "InSync", ago=60))  # the pass over this revision looked at other apps
    assert ended(wanted, older)[0] == 1


def test_an_app_that_comes_with_the_revision_is_waited_for() -> None:
    wanted = goal(revision="1a2b3c4", names=("new",))
    assert ended(wanted, report(row("a", "InSync"), revision="5f" * 20), report(row("new", "InSync")))[0] == 0


def test_an_app_that_nobody_knows_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no app is called"):
        ended(goal(names=("b",)), report(row("a", "InSync")))
    with pytest.raises(UsageError, match="no such address"):
        ended(goal(), UsageError("no such address"))
    with pytest.raises(UsageError, match="no app fits"):
        ended(goal(labels=("env=dev",)), report(row("a", "InSync")))


def test_a_daemon_that_restarts_is_asked_again() -> None:
    down = SyncerError("no answer")
    code, _, looks = ended(goal(), down, None, report(row("a", "InSync")))
    assert code == 0
    assert looks.told == ["no answer, 0.0 s", "no pass has been made yet, 1.0 s"]
    assert ended(goal(), down)[1] == ["no answer", "0 of 0 apps InSync when the time was over"]


def test_another_state_can_be_waited_for() -> None:
    assert ended(goal(State.SUSPENDED), report(row("a", "Suspended")))[0] == 0


def test_many_apps_are_named_up_to_a_number() -> None:
    _, told, _ = ended(goal(), report(*(row(f"n{n}", "Held", HELD) for n in range(30))))
    assert told[-2:] == ["and 10 more", "0 of 30 apps InSync"]
    assert told[1] == "  release: syncer approve 3f2a --reason '…'"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (row("a", "InSync"), 0),
        (row("a", "Pending", WINDOW), 0),
        (row("a", "Suspended"), 0),
        (row("a", "Held", HELD), 4),
        (row("a", "Failing"), 1),
        (row("a", "Unreadable"), 1),
    ],
)
def test_a_pass_that_was_asked_for_ends_as_a_sync_would(found: dict[str, Any], code: int) -> None:
    before = report(row("a", "InSync"), ago=60)
    ends, told, looks = ended(goal(None), before, report(found))
    assert (ends, looks.told) == (code, ["the pass has not ended yet, 0.0 s"])
    assert told[-1].endswith("in order after the pass")


def test_states_revisions_and_times_are_checked() -> None:
    assert awaiting.goal("in-sync", "", (), (), NOW).state is State.IN_SYNC
    assert awaiting.goal("AuthFailed", "sha256:" + "0a" * 32, (), (), NOW).revision == "0a" * 32
    with pytest.raises(UsageError, match="no state"):
        awaiting.goal("synced", "", (), (), NOW)
    for revision in ("1a2b3c", "main", "1a2b3c4;"):
        with pytest.raises(UsageError, match="no commit"):
            awaiting.goal("in-sync", revision, (), (), NOW)
    assert awaiting.seconds("5m") == 300
    with pytest.raises(UsageError, match="--timeout"):
        awaiting.seconds("long")


def test_every_verdict_has_its_meaning() -> None:
    assert {verdict.value for verdict in Verdict} == {"reached", "waiting", "held", "failed"}
