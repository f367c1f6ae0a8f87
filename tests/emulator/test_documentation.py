"""docs/emulator.md says what the code does, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from syncer.emulator.control import Control
from syncer.emulator.delivery import Deliverer
from syncer.emulator.faults.board import FaultBoard
from syncer.emulator.faults.table import FAULTS
from syncer.emulator.faults.urls import RULES
from syncer.emulator.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
HAZARD_MODES = {
    *("500_storm", "latency", "reset_before_commit", "reset_after_commit", "accept_no_apply", "eventual"),
    *("normalise_url", "drop_unknown", "put_replaces_all", "error_in_200", "html_200", "empty_200", "truncated_json"),
    *("dup_key_json", "wrong_ctype", "huge_body", "gzip_bomb", "slow_drip", "redirect_302_cross_host"),
    *("redirect_307_cross_host", "401_after", "401_all", "404_one", "404_all", "swap_apps", "stale_replica"),
    *("flapper", "retry_after_huge", "header_bomb", "hang", "concurrent_writer"),
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_fault_is_documented_with_its_arguments_and_defaults() -> None:
    documented = {cells[0].strip("` "): cells[1] for cells in rows("Faults")}
    expected = {
        name: ", ".join(f"`{key}` {value}".strip() for key, value in fault.arguments.items())
        for name, fault in FAULTS.items()
    }
    assert documented == expected


def test_every_endpoint_is_documented() -> None:
    documented = {cells[0].strip("` ") for cells in rows("Control")}
    control = Control(Store(), FaultBoard(), Deliverer(Store()))
    assert documented == {f"{method} {path}" for method, path in control.endpoints()}


def test_every_rewriting_rule_is_documented_with_its_number() -> None:
    documented = re.findall(r"^(\d+)\. `(\w+)`", PAGE, re.MULTILINE)
    assert documented == [(str(number), name) for number, name in enumerate(RULES, start=1)]


def test_every_hazard_mode_exists() -> None:
    assert set(FAULTS) >= HAZARD_MODES
