"""Orders from journal to lease to journal: who knows what, who must not lead, and whose word counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from syncer import leasetext
from syncer.audit.index import Index
from syncer.errors import JournalError, UsageError
from syncer.leaseanchor import LeaseAnchor, key_of
from syncer.leaseorders import KEY, Carriage
from syncer.model.orders import Lift, Pin, Suspension
from tests.support.recording import START, Ticks, an_app, open_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.audit.journal import Journal
    from syncer.model.orders import Order

END = START + timedelta(hours=4)
ORDER = Suspension(an_app(1), "api:asha", "INC-7", START, END)
FLEET = replace(ORDER, ref=None, reason="fair")
PIN = Pin(an_app(1), "5f" * 20, "0a" * 32, "4e" * 20, "api:asha", "INC-9", START, END)


@dataclass
class Replica:
    """A journal, its index, and what it carries; `said` is its log."""

    journal: Journal
    index: Index
    carriage: Carriage
    said: list[dict[str, Any]] = field(default_factory=list)

    def suspend(self, *orders: Order) -> None:
        self.journal.order(orders or [ORDER])

    def resume(self, *orders: Order) -> None:
        self.journal.lift(Lift(order, "api:ravi", "over") for order in orders or [ORDER])

    def leads(self, lease: dict[str, str], *, leads: bool = False) -> str:
        """As the elector does it; why not, or an empty text."""
        if why := self.carriage.objection(lease, leads=leads):
            return why
        for key, value in self.carriage.wanted(lease).items():
            lease.pop(key, None)
            lease |= {} if value is None else {key: value}
        self.carriage.saw(lease)
        return ""

    def orders(self) -> list[tuple[str, str]]:
        return [(order.by, order.reason) for order in self.index.orders()]

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.said]

    def close(self) -> None:
        self.index.close()
        self.journal.close()


@dataclass
class Field:
    home: Path
    made: list[Replica] = field(default_factory=list)

    def replica(self, name: str, *, ahead: timedelta = timedelta(0)) -> Replica:
        said: list[dict[str, Any]] = []

        def remember(_logger: object, _name: str, event: Any) -> str:
            said.append(dict(event))
            raise structlog.DropEvent

        log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[remember])
        journal = open_journal(self.home / name, clock=Ticks(START + ahead))
        one = Replica(journal, Index.open(self.home / name), Carriage("syncer", log, None), said)
        one.carriage.orders.attach(one.index, journal)
        self.made.append(one)
        return one


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Field]:
    made = Field(tmp_path)
    yield made
    for each in made.made:
        each.close()


def test_a_new_journal_takes_in_every_order_with_who_gave_it_and_where(here: Field) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend(ORDER, FLEET, PIN)
    assert old.leads(lease) == ""
    assert new.leads(lease) == ""
    assert new.index.sayings() == old.index.sayings()
    assert {order for order in new.index.orders() if not isinstance(order, Pin)} == {
        order for order in old.index.orders() if not isinstance(order, Pin)
    }
    (pin,) = (order for order in new.index.orders() if isinstance(order, Pin))
    assert (pin.by, pin.commit, pin.carried) == ("api:asha", "5f" * 20, True)
    assert new.said[-1] | {"lease": ""} == {"event": "orders.carried", "orders": 3, "ends": 0, "lease": ""}


def test_it_is_taken_in_once(here: Field) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)
    before = dict(lease)
    for _ in range(3):
        new.leads(lease)
        old.leads(lease)
    assert (lease, new.events(), old.events()) == (before, ["orders.carried"], [])


def test_an_old_journal_does_not_bring_back_what_was_ended_elsewhere(here: Field) -> None:
    old, new, lease = here.replica("old"), here.replica("new", ahead=timedelta(hours=1)), dict[str, str]()
    old.suspend(ORDER, PIN)
    old.leads(lease)
    new.leads(lease)
    new.resume(ORDER, PIN)
    new.leads(lease, leads=True)
    assert old.leads(lease) == ""
    assert old.orders() == []
    assert here.replica("newest").leads(lease) == ""
    assert here.made[-1].orders() == []


def test_an_order_in_an_old_journal_that_nobody_heard_of_counts_when_it_leads(here: Field) -> None:
    """A command beside a CronJob records one without asking the lease."""
    one, other, lease = here.replica("one"), here.replica("other"), dict[str, str]()
    other.suspend(FLEET)
    other.leads(lease)
    one.suspend()
    one.leads(lease)
    assert one.orders() == [("api:asha", "INC-7"), ("api:asha", "fair")]
    other.leads(lease)
    assert sorted(other.orders()) == sorted(one.orders())


def test_who_is_told_of_an_order_can_end_it_though_the_clock_of_whoever_gave_it_is_ahead(here: Field) -> None:
    ahead, right, lease = here.replica("ahead", ahead=timedelta(days=300)), here.replica("right"), dict[str, str]()
    ahead.suspend()
    ahead.leads(lease)
    right.leads(lease)
    right.resume()
    assert right.orders() == []
    right.leads(lease, leads=True)
    ahead.leads(lease)
    assert ahead.orders() == []
    right.suspend()
    right.leads(lease, leads=True)
    ahead.leads(lease)
    assert ahead.orders() == [("api:asha", "INC-7")]


def test_what_was_carried_takes_no_later_ones_place(here: Field) -> None:
    old, new = here.replica("old"), here.replica("new", ahead=timedelta(hours=1))
    old.suspend(replace(ORDER, reason="earlier"))
    new.suspend()
    new.journal.carry(old.index.sayings())
    assert new.orders() == [("api:asha", "INC-7")]


@pytest.mark.parametrize("text", ["what is this", "1.", "1.%%%", "2.eJw="])
def test_who_can_not_read_it_does_not_lead_and_a_leader_puts_it_right(here: Field, text: str) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)
    right, lease[KEY] = dict(lease), text
    for _ in range(2):
        assert new.leads(lease).startswith("what people ordered can't be read in the lease: it is")
    assert new.events() == ["orders.refused"]
    assert old.leads(lease, leads=True) == ""
    assert (lease, old.events()) == (right, ["orders.refused"])
    assert new.leads(lease) == ""
    assert new.orders() == [("api:asha", "INC-7")]


def test_what_was_seen_counts_where_the_annotation_or_the_whole_lease_was_taken_away(here: Field) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)
    new.carriage.saw(lease)
    new.carriage.saw({KEY: "garbage"})
    new.carriage.saw({})
    lease.clear()
    assert new.leads(lease) == ""
    assert leasetext.decoded(lease[KEY]) == old.index.sayings()
    assert new.orders() == [("api:asha", "INC-7")]


def test_what_can_not_be_recorded_keeps_from_leading(here: Field) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)

    class Full:
        def carry(self, _: object) -> None:
            raise JournalError("no space left")

    new.carriage.orders.attach(new.index, Full())
    assert new.leads(lease) == "what people ordered can't be recorded: no space left"
    assert new.events() == ["orders.refused"]


def test_others_are_behind_until_the_lease_has_it(here: Field) -> None:
    one, lease = here.replica("one"), dict[str, str]()
    assert not one.carriage.orders.behind()
    one.suspend()
    assert one.carriage.orders.behind()
    one.leads(lease)
    assert not one.carriage.orders.behind()
    one.resume()
    assert one.carriage.orders.behind()
    one.leads(lease, leads=True)
    assert not one.carriage.orders.behind()


def test_a_process_that_ends_still_says_what_it_knew(here: Field) -> None:
    one, other, lease = here.replica("one"), here.replica("other"), dict[str, str]()
    one.suspend()
    assert one.carriage.orders.behind()
    one.close()
    assert one.leads(lease, leads=True) == ""
    assert [each.reason for each in leasetext.decoded(lease[KEY])] == ["INC-7"]
    other.suspend(FLEET)
    other.leads(lease)
    assert one.leads(dict(lease)) != ""


def test_a_journal_that_can_not_be_read_changes_nothing_in_the_lease(here: Field) -> None:
    class Broken:
        def sayings(self) -> tuple[Any, ...]:
            raise JournalError("damaged")

    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)
    new.carriage.orders.attach(Broken(), new.journal)
    assert new.leads(lease) == "what people ordered can't be recorded: damaged"
    assert new.carriage.wanted(lease) == {}
    assert new.carriage.orders.behind()


def test_orders_that_the_lease_could_not_carry_are_refused(here: Field) -> None:
    one = here.replica("one")
    few = [replace(ORDER, ref=an_app(n)) for n in range(1000)]
    one.carriage.orders.room(few)
    one.carriage.orders.room([replace(PIN, ref=an_app(n)) for n in range(1000)])
    with pytest.raises(
        UsageError, match="nothing was ordered: 6000 orders are more than the lease can carry"
    ) as caught:
        one.carriage.orders.room([replace(ORDER, ref=an_app(n)) for n in range(6000)])
    assert "suspend --all" in caught.value.hint


def test_nobody_has_said_anything_is_no_annotation(here: Field) -> None:
    lease: dict[str, str] = {}
    assert here.replica("one").leads(lease) == ""
    assert lease == {}


def test_a_journal_that_is_not_the_one_it_should_be_takes_nothing_in(here: Field, tmp_path: Path) -> None:
    old, new, lease = here.replica("old"), here.replica("new"), dict[str, str]()
    old.suspend()
    old.leads(lease)
    log = new.carriage.orders._log
    new.carriage = Carriage("syncer", log, LeaseAnchor("acme/prod", tmp_path / "new", "syncer", log))
    new.carriage.orders.attach(new.index, new.journal)
    lease[key_of("acme/prod")] = "another's"
    assert "is not of this journal" in new.leads(lease)
    assert new.orders() == []
    del lease[key_of("acme/prod")]
    assert new.leads(lease) == ""
    assert new.orders() == [("api:asha", "INC-7")]
