"""The scenario table: one row for each fault, with what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING

from syncer.emulator.modes import PutSemantics
from tests.faults.fleet import FIRST, LAST, MIDDLE, REFS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.model.desired import AppRef


SHORT = 1.0
"""Seconds that a request may last where the fault is that it lasts: enough for all the others on a busy machine."""


class End(Enum):
    """What becomes of the apps concerned once the fault has gone."""

    CONVERGES = "converges within two passes"
    NOT_CONVERGING = "held: three PUTs were accepted and not shown"
    REFUSED = "held: the vendor said 400"


@dataclass(frozen=True)
class Row:
    """A fault on one method. `blind`: reads can't be trusted, so nothing may be written.

    `lies`: the vendor itself, or a third party inside the window (C10), changes unmanaged fields. `late`: a PUT that
    the client gave up goes on at the vendor, so a later one may overlap it. `slow`: it lasts as long as the deadline.
    """

    fault: str
    blind: bool = False
    end: End = End.CONVERGES
    lies: bool = False
    late: bool = False
    slow: bool = False


def _rows(method: str, faults: str, **expected: object) -> tuple[Row, ...]:
    return tuple(Row(f"{method}:{fault}", **expected) for fault in faults.split())  # type: ignore[arg-type]  # by name


_ANYHOW = (
    "400 401_all 401_after(1) 403 404_all 429(0) retry_after_huge 500_storm 503 redirect_302_cross_host"
    " redirect_307_cross_host redirect_302_same_host redirect_307_same_host truncated_json dup_key_json"
    " huge_body(300000) gzip_bomb(1000000) wrong_app_id missing_field wrong_type swap_apps cut_off header_bomb(65536)"
)
TABLE = (
    *_rows("GET", _ANYHOW, blind=True),
    *_rows("GET", "error_in_200 html_200 empty_200 reset_before_commit reset_after_commit", blind=True),
    *_rows("GET", "hang slow_drip(20)", blind=True, slow=True),
    *_rows("GET", "latency(20) wrong_ctype extra_field stale_replica(0.5) concurrent_writer normalise_url(host_case)"),
    *_rows("GET", "concurrent_writer(3) normalise_url(slash_added)", lies=True),
    *_rows("PUT", _ANYHOW.removeprefix("400 ")),
    *_rows("PUT", "400", end=End.REFUSED),
    *_rows("PUT", "500_storm(after) error_in_200(after) html_200(after) empty_200(after) wrong_ctype extra_field"),
    *_rows("PUT", "latency(20) latency(20,after) reset_before_commit reset_after_commit"),
    *_rows("PUT", "eventual(1) eventual(2) eventual(5) flapper(1) flapper(3) drop_unknown drop_field(callback_url)"),
    *_rows("PUT", "hang(before) hang(after) slow_drip(20)", slow=True),
    *_rows("PUT", "latency(1500)", slow=True, late=True),
    *_rows("PUT", "concurrent_writer", lies=True),
    *_rows("PUT", "error_in_200(before) html_200(before) empty_200(before)", end=End.NOT_CONVERGING),
    *_rows("PUT", "accept_no_apply flapper(0) drop_field(popup_url)", end=End.NOT_CONVERGING),
    *_rows("PUT", " ".join(f"normalise_url({rule})" for rule in (1, 2, 3, 4, 5, 6, 8, 9, 11))),
    *_rows("PUT", " ".join(f"normalise_url({rule})" for rule in (7, 10, 12)), lies=True, end=End.NOT_CONVERGING),
    *_rows("PUT", "put_replaces_all put_merges"),
)

TARGETS: dict[str, tuple[AppRef, ...]] = {"first": (FIRST,), "middle": (MIDDLE,), "last": (LAST,), "all": REFS}


@dataclass(frozen=True)
class Scenario:
    """A row on some apps of a vendor whose PUT replaces or merges; `restart`: another process comes after the fault."""

    row: Row
    target: str
    semantics: PutSemantics
    restart: bool

    @property
    def name(self) -> str:
        return f"{self.row.fault}-{self.target}-{self.semantics}"

    @property
    def concerned(self) -> tuple[AppRef, ...]:
        return TARGETS[self.target]


def scenarios(*, full: bool) -> Iterator[Scenario]:
    """In CI every row on each target, PUT semantics taking turns; in full both semantics for all."""
    turn = count()
    for row in TABLE:
        for target in TARGETS:
            number = next(turn)
            both = tuple(PutSemantics)
            for semantics in both if full else (both[(number + number // 4) % 2],):
                yield Scenario(row, target, semantics, number % 2 == 0 or "retry_after" in row.fault)
