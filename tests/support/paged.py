"""The documents of the pages over passes that tests make up, with a real journal behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncer import report as documents
from syncer.board import Board
from syncer.metrics import Metrics
from syncer.views.gauges import Gauges
from syncer.views.pages import Around, Views
from syncer.views.trail import Trail
from tests.support import shown_plans
from tests.support.shown_plans import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from syncer.cli.render.view import PlanView
    from syncer.errors import SyncerError
    from syncer.model.outcome import Outcome, SyncReport, Trigger


@dataclass
class Still:
    """A clock that a test sets."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOW).total_seconds()


@dataclass
class Desk:
    """A board, a trail over a state folder, and the views of both."""

    state_dir: Path
    clock: Still = field(default_factory=Still)
    failure: SyncerError | None = None
    appointments: dict[Trigger, datetime] = field(default_factory=dict)
    slowed: dict[str, tuple[float, float]] = field(default_factory=dict)
    origins: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.board = Board(self.clock, timedelta(minutes=5), None, Metrics(self.clock, "1", "syncer"))
        self.trail = Trail(self.state_dir)
        self.gauges = Gauges(self.clock)
        around = Around(
            clock=self.clock,
            interval=timedelta(minutes=5),
            appointments=lambda: self.appointments,
            failure=lambda: self.failure,
            slowed=lambda: self.slowed,
            unsealed=lambda: 3,
            gauges=self.gauges,
            origins=self.origins,
            facts={"version": "1.2.3", "mode": "apply", "rate": 50.0},
        )
        self.views = Views(self.board, self.trail, around)

    def publish(self, shown: PlanView, outcomes: Iterable[Outcome] = ()) -> SyncReport:
        """A pass ended."""
        made = shown_plans.report(shown, outcomes)
        self.board.publish(made, shown.apps, documents.of_report(made))
        return made

    def catch_up(self) -> None:
        """The trail takes in the whole journal."""
        while self.trail.step():
            pass

    async def page(self, name: str, **asked: str) -> dict[str, Any]:
        """The document of a page."""
        self.catch_up()
        found = await self.views.page(name, asked)
        assert found is not None
        return found


def texts(apps: Iterable[Mapping[str, Any]]) -> list[str]:
    """What lists of apps say, a sentence each."""
    return [app["sentence"]["text"] for app in apps]
