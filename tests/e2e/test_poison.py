"""One bad file harms its own app at most (hazards B6 and B7): the other 49 converge, and starting again is no loop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer import log, settings, statefile, wiring
from syncer.model.outcome import State, Trigger
from syncer.parts import Ask
from tests.desired.test_yaml_corpus import TRAPS
from tests.support.folder_tree import tree
from tests.support.nursery import nursery
from tests.support.site import CUSTOMER, app_id, site

if TYPE_CHECKING:
    from syncer.model.outcome import SyncReport
    from tests.soak.figures import Recorder
    from tests.support.site import Site

APPS, POISONED, TURNS = 50, 7, 16
WANTED = "https://hooks.acme.example/popup"
MOVED = "https://elsewhere.example/"
BROKEN = Path(__file__).parents[1] / "desired/broken"
ALONE: dict[str, str | bytes] = {
    **{name: text for name, text, _ in TRAPS if len(text) < 100_000},
    **{
        f"{case.name}: {name}": text
        for case in BROKEN.iterdir()
        for name, text in tree(case).items()
        if "defaults" not in name
    },
    "random bytes": bytes(range(256)),
    "half a file": "apiVersion: syncer/v1\nkind: App",
    "a folder's worth": b"\x00" * 99,
}
"""Texts of one file that are wrong by themselves, or would be in the folder that they come from."""
WAITS = wiring.Waits(read_back=(0.0, 0.01), backoff=0.01)


def file(home: Path, number: int, **app: object) -> str:
    return json.dumps(
        {
            "apiVersion": "syncer/v1",
            "kind": "Apps",
            "customer_id": CUSTOMER,
            "apps": {
                f"name-{number}": {
                    "app_id": app_id(number),
                    "token": {"file": f"{home}/tokens/{app_id(number)}"},
                    "settings": {"popup_url": WANTED},
                    **app,
                }
            },
        }
    )


def fleet(here: Site) -> None:
    """A file per app, and limits that leave room for what the tests move."""
    (here.source / "apps.yaml").unlink()
    for number in range(1, APPS + 1):
        (here.source / f"{number:02}.yaml").write_text(file(here.home, number) + "\n")


async def one_pass(here: Site) -> SyncReport:
    """A process's worth of objects, and one pass of theirs."""
    given = settings.load({}, {}, here.config).settings
    async with wiring.opened(given, write=True, log=log.silent(), principal="test", waits=WAITS) as made:
        report = await made.reconciler.run(Ask(Trigger.MANUAL, write=True))
        statefile.write(given.state_dir, report, (app.ref for app in made.tracker.apps))
    return report


def puts(here: Site, number: int) -> int:
    return sum(entry.app_id == app_id(number) for entry in here.emulator.store.ledger())


def others_converge(here: Site, *moved: int) -> SyncReport:
    """Somebody moves some apps beside the poisoned one; a pass puts them back and touches nothing else."""
    before = puts(here, POISONED)
    for number in moved:
        here.change(number, popup_url=MOVED)
    report = asyncio.run(one_pass(here))
    assert puts(here, POISONED) == before
    assert [n for n in range(1, APPS + 1) if n != POISONED and here.live(n)["popup_url"] != WANTED] == []
    in_sync = {app.ref.app_id for app in report.apps if app.state is State.IN_SYNC}
    assert in_sync >= {app_id(number) for number in range(1, APPS + 1)} - {app_id(POISONED)}
    return report


def beside(turn: int) -> tuple[int, int, int]:
    """Three other apps each turn: one that is put back too often counts as fought over."""
    others = [number for number in range(1, APPS + 1) if number != POISONED]
    return others[turn], others[turn + TURNS], others[turn + 2 * TURNS]


def poisoned(home: Path, names: list[str]) -> None:
    """Each of these texts in the place of one app's file, and the good one back behind it."""
    home.mkdir()
    with site(home, APPS) as here:
        fleet(here)
        asyncio.run(one_pass(here))
        target = here.source / f"{POISONED:02}.yaml"
        good = target.read_bytes()
        for turn, name in enumerate(names):
            text = ALONE[name]
            target.write_bytes(text if isinstance(text, bytes) else text.encode())
            others_converge(here, *beside(turn))
            target.write_bytes(good)
        assert all(app.state is State.IN_SYNC for app in asyncio.run(one_pass(here)).apps)


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_every_bad_file_leaves_the_other_apps_alone(tmp_path: Path, figure: Recorder, step: int) -> None:
    names = sorted(ALONE)[::step]
    for start in range(0, len(names), TURNS):
        poisoned(tmp_path / str(start), names[start : start + TURNS])
    figure("poison", len(names), seeds="none", result="49 of 50 apps converge beside each")


@pytest.mark.parametrize(
    "name",
    ["random bytes", *(pytest.param(n, marks=pytest.mark.soak) for n in ("50,000 brackets", "same key, escaped"))],
)
def test_starting_again_and_again_on_a_bad_file_is_no_loop(tmp_path: Path, name: str) -> None:
    (tmp_path / "site").mkdir()
    with nursery(tmp_path) as start, site(tmp_path / "site", 3, popup_url=WANTED) as here:
        start.run(here, "run", "--once")
        text = ALONE[name]
        (here.source / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        told = [start.run(here, "run", "--once", expect=1) for _ in range(5)]
        assert all("bad.yaml" in each and "Traceback" not in each for each in told)
        assert len(here.emulator.store.ledger()) == 3


SPELLINGS = {
    "as it is": f'"{app_id(POISONED)}"',
    "without quotes": app_id(POISONED),
    "in single quotes": f"'{app_id(POISONED)}'",
    "with an escape": '"' + app_id(POISONED).replace("a", "\\u0061") + '"',
    "folded": f'"{app_id(POISONED)[:4]}\\\n      {app_id(POISONED)[4:]}"',
    "as a block": f"|-\n      {app_id(POISONED)}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_two_files_with_one_id_write_to_neither(tmp_path: Path, spelling: str) -> None:
    with site(tmp_path, APPS) as here:
        fleet(here)
        asyncio.run(one_pass(here))
        (here.source / "zz.yaml").write_text(
            f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: {CUSTOMER}\napps:\n  other:\n"
            f"    app_id: {SPELLINGS[spelling]}\n    token: {{env: T}}\n    settings: {{popup_url: {MOVED}}}\n"
        )
        here.change(POISONED, popup_url="https://by-hand.example/")
        report = others_converge(here, 1, 2, APPS)
    assert "SY303" in {problem.rule for problem in report.problems}
