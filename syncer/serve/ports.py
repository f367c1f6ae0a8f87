"""What the server shows and does, handed in by whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from structlog.typing import FilteringBoundLogger

    from syncer.clock import Clock
    from syncer.serve.keys import Keyring

JSON: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `?verbose`: `detail` holds neither secrets nor anything that a stranger wrote."""

    name: str
    good: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody approves: a plan (of some apps), or a commit where `commit` is given. `by` is the principal."""

    by: str
    reason: str
    plan: str = ""
    apps: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody orders, for apps or (`everybody`) for all of them. `by` is the principal.

    `until` is as the command line has it; without `to` a rollback is undone.
    """

    by: str
    reason: str
    apps: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    everybody: bool = False
    until: str = ""
    to: str = ""


class View(Protocol):
    """The last pass as JSON documents; None where there is none."""

    def status(self) -> JSON | None:
        """The report on the fleet, its verdicts aged."""

    def app(self, customer: str, app: str) -> JSON | None:
        """One app of both."""

    async def plan(self) -> JSON | None:
        """The last decision."""


class Past(Protocol):
    """What the journal tells."""

    async def history(self, customer: str, app: str, field: str, limit: int) -> JSON:
        """What happened to an app, or to one field of it; raises SyncerError."""


class Pages(Protocol):
    """What pages and their twins show."""

    async def page(self, name: str, asked: Mapping[str, str]) -> JSON | None:
        """The document of a page (fleet, app, revisions, drift, audit, system); None for an app that is not known.

        `asked` is the query; for an app also `customer` and `app`.
        """

    async def export(self, asked: Mapping[str, str], form: str) -> bytes:
        """The records of a search of the audit page as `jsonl` or `csv`; raises SyncerError."""


class Health(Protocol):
    """How the daemon fares."""

    @property
    def judged(self) -> bool:
        """Whether this process has come to a first verdict."""

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""

    def checks(self) -> tuple[Check, ...]:
        """What people look at first."""


class Actions(Protocol):
    """What may be asked of the daemon."""

    def reconcile(self) -> None:
        """A pass, soon."""

    def fetch(self) -> None:
        """A look at the source, soon; a pass only if it moved."""

    async def approve(self, wanted: Approval) -> JSON:
        """Records an approval once nothing else runs; raises SyncerError as the command does."""

    async def suspend(self, wanted: Order) -> JSON:
        """Records it, likewise; so do the others."""

    async def resume(self, wanted: Order) -> JSON:
        """Ends suspensions."""

    async def rollback(self, wanted: Order) -> JSON:
        """Pins apps to a commit, or ends that."""


@dataclass(frozen=True, slots=True)
class Behind:
    """All that stands behind the server. Without `tokens` there are no actions, without `secrets` no push triggers."""

    view: View
    past: Past
    pages: Pages
    health: Health
    actions: Actions
    tokens: Keyring
    secrets: Keyring
    clock: Clock
    log: FilteringBoundLogger
    exposition: Callable[[], bytes] | None = None
