"""The wall clock of a running daemon set back and forward (hazard D4) by libfaketime; its monotonic one stays true."""

from __future__ import annotations

import os
import random
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.process import promise
from tests.support.daemon import Line, Running, running
from tests.support.site import CUSTOMER, ROOT, app_id
from tests.support.versioned import Versioned, versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
BUDGET = 3
PER = timedelta(hours=24)
TICK, LOOK, MARGIN = 1.0, 5.0, 5.0
"""Seconds from pass to pass; how often appointments are looked at; what a busy machine takes longer."""
PATCH = """\
import errno, time
sleep = time.sleep
def awake(seconds):
    try:
        sleep(seconds)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
time.sleep = awake
"""
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)

pytestmark = pytest.mark.needs("faketime")


@dataclass(frozen=True, slots=True)
class FakeClock:
    """A wall clock for other processes, off by what a file says."""

    file: Path

    def set(self, off: timedelta) -> None:
        """Replaced at once: libfaketime reads it at every look at the clock."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{off.total_seconds():+.0f}\n")
        new.rename(self.file)

    @property
    def patch(self) -> Path:
        """Python's sleep, where libfaketime answers EINVAL to one whose end has passed in the meantime."""
        self.file.with_name("patch").mkdir(exist_ok=True)
        self.file.with_name("patch").joinpath("sitecustomize.py").write_text(PATCH)
        return self.file.with_name("patch")

    def environ(self) -> dict[str, str]:
        """What makes a process look at it; git is started without any of it, as syncer starts it."""
        told = subprocess.run(["faketime", "-m", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout
        preload = next(line for line in told.splitlines() if line.startswith("LD_PRELOAD="))
        return {
            "LD_PRELOAD": preload.partition("=")[2],
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": f"{self.patch}{os.pathsep}{ROOT}",
        }


def a_clock(home: Path) -> FakeClock:
    clock = FakeClock(home / "clock")
    clock.set(timedelta())
    return clock


def until(year: int) -> timedelta:
    """How far the second day of a year is off."""
    return datetime(year, 1, 2, tzinfo=UTC) - datetime.now(UTC)


NAMED = {
    "an hour forward": HOUR,
    "an hour back": -HOUR,
    "a year back": -YEAR,
    "1970": until(1970),
    "right again": timedelta(),
    "a year forward": YEAR,
    "2038": until(2039),
    "2099": until(2099),
}


def configured(here: Versioned) -> None:
    here.configure(poll="1s", detect="1s")
    text = here.site.config.read_text().replace("apply: 1h", "apply: 1s")
    budget = f"budget: {{apps: {BUDGET}, share: 100%, at_least: {BUDGET}}}"
    here.site.config.write_text(text.replace("budget: {apps: 100000, share: 100%, at_least: 100000}", budget))


@dataclass(slots=True)
class Jumper:
    """A daemon with a clock, and what it has been through."""

    here: Versioned
    clock: FakeClock
    daemon: Running
    jumps: int = 0

    def written(self, since: int) -> Line:
        """The line of the pass that wrote; the time that it took is bounded by the tick, the look and a margin."""
        begun = time.monotonic()
        line = self.daemon.wait_for("app.applied", since)
        took = time.monotonic() - begun
        assert took < TICK + LOOK + MARGIN, (took, self.daemon.lines[since:])
        return line

    def ask_for_more(self) -> None:
        """A change of the fourth app; it is over the budget."""
        since = self.daemon.mark()
        self.here.commit(range(BUDGET + 1, BUDGET + 2), popup_url=POPUP)
        self.daemon.wait_for("pass.finished", since, held=1, trigger="schedule")
        assert self.here.site.live(BUDGET + 1)["popup_url"] is None

    def jump(self, off: timedelta) -> None:
        """The clock is set; somebody's change after that is put back, and passes come neither late nor in a rush."""
        number = self.jumps % BUDGET + 1
        self.jumps += 1
        begun = time.monotonic()
        since = self.daemon.mark()
        self.clock.set(off)
        self.here.site.change(number, popup_url=OTHER)
        line = self.written(since)
        assert line["app"] == f"{CUSTOMER}/{app_id(number)}", line
        assert self.here.site.live(number)["popup_url"] == POPUP
        passes = sum(each["event"] == "pass.finished" for each in self.daemon.lines[since:])
        assert passes <= 3 * ((time.monotonic() - begun) / TICK + 2)


def kept_the_budget(here: Versioned) -> None:
    """By the times in the journal, whatever clock made them: at no intent were more apps changed within the window."""
    past: list[tuple[datetime, str]] = []
    for record in here.site.journal():
        if record["type"] == "syncer.put.intent.v1":
            past.append((datetime.fromisoformat(record["time"]), record["subject"]))
            assert len({app for at, app in past if past[-1][0] - at < PER}) <= BUDGET


def jumped(home: Path) -> Iterator[Jumper]:
    """A daemon that has spent its budget on three of four apps; it ends with 0 in time, and all is recorded."""
    with versioned(home, BUDGET + 1) as here:
        configured(here)
        here.commit(range(1, BUDGET + 1), popup_url=POPUP)
        clock = a_clock(home)
        with running(here.site, list, **clock.environ()) as daemon:
            assert daemon.wait_for("pass.finished")["applied"] == BUDGET, daemon.lines
            yield Jumper(here, clock, daemon)
            begun = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - begun < MARGIN
        promise.kept(here.site)
        kept_the_budget(here)


def test_a_clock_set_back_keeps_passes_coming_and_opens_no_budget(tmp_path: Path, figure: Recorder) -> None:
    for jumper in jumped(tmp_path):
        for off in (HOUR, until(1970)):
            jumper.jump(off)
        jumper.ask_for_more()
        figure("clock-jumps", jumper.jumps, seeds="", result="passes went on, the budget stayed spent")


def test_set_far_forward_a_budget_is_whole_again_and_that_is_all(tmp_path: Path) -> None:
    for jumper in jumped(tmp_path):
        jumper.ask_for_more()
        since = jumper.daemon.mark()
        jumper.clock.set(until(2099))
        assert jumper.written(since)["app"] == f"{CUSTOMER}/{app_id(BUDGET + 1)}"


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("rounds", [15])
def test_any_row_of_jumps(tmp_path: Path, figure: Recorder, rounds: int) -> None:
    rng = random.Random(21)
    jumps = 0
    for number in range(rounds):
        (tmp_path / str(number)).mkdir()
        for jumper in jumped(tmp_path / str(number)):
            for name in rng.sample(sorted(NAMED), len(NAMED)):
                jumper.jump(NAMED[name])
                jumps += 1
    figure("clock-jumps", jumps, seeds="21", result="passes went on, every limit held by the journal's times")
