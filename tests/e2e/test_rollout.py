"""A commit reaches the fleet in waves, with real commands: canary first, stopped by failures, going on after a kill."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from syncer.audit import verify
from tests.support.site import CONFIG, CUSTOMER, Site, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
FLEET = 20
WAVES = "rollout: {{waves: [{{share: 10%, soak: SOAK}}, {{share: 50%}}, {{share: 100%}}], stop_after_failures: 1}}"
NO_SOAK = CONFIG + WAVES.replace(", soak: SOAK", "")


def writes(here: Site, *codes: int) -> set[str]:
    """The apps that one more sync writes; it ends with 0, or one of `codes`."""
    before = len(here.emulator.store.ledger())
    ended = here.ended("sync")
    assert ended.returncode in (codes or (0,)), ended.stdout + ended.stderr
    return {entry.app_id for entry in here.emulator.store.ledger()[before:]}


def intended(here: Site) -> list[str]:
    """The apps of all intents so far, in their order."""
    intents = (record for record in here.journal() if record["type"] == "syncer.put.intent.v1")
    return [record["subject"].rpartition("/")[2] for record in intents]


def planned(here: Site) -> dict[str, Any]:
    ended = here.ended("plan", "-o", "json")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def holds(here: Site) -> set[str]:
    apps: list[dict[str, Any]] = planned(here)["apps"]
    return {hold["rule"] for app in apps for hold in app["holds"]}


def number_of(app: str) -> int:
    return int(app.removeprefix("app_"))


def test_each_wave_is_verified_before_the_next(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(NO_SOAK)
        assert [len(writes(here)) for _ in range(4)] == [2, 8, 10, 0]
        assert holds(here) == set()
        here.declare(FLEET, popup_url=f"{POPUP}/v2")
        assert len(writes(here)) == 2


def test_the_next_wave_begins_after_the_soak_and_says_when(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(CONFIG + WAVES.replace("SOAK", "1h"))
        assert len(writes(here)) == 2
        assert writes(here) == set()
        assert "wave 2 of 3 has not begun: it opens at" in here.run("plan")
        here.configure(CONFIG + WAVES.replace("SOAK", "1s"))
        deadline = time.monotonic() + 20
        while not (wave := writes(here)):
            assert time.monotonic() < deadline
        assert len(wave) == 8


def test_an_app_that_somebody_changes_in_the_canary_keeps_the_others_safe(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(NO_SOAK)
        [first, _] = sorted(writes(here))
        here.change(number_of(first), popup_url=f"{POPUP}/by-hand")
        assert writes(here) == {first}  # put back, and looked at once more
        assert len(writes(here)) == 8


def test_a_failure_in_the_canary_stops_the_rollout_until_it_is_mended(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(NO_SOAK)
        here.emulator.fault("PUT:500_storm")
        assert writes(here, 1) == set()
        tried = {r["subject"] for r in here.journal() if r["type"] == "syncer.put.intent.v1"}
        assert len(tried) <= 2
        assert holds(here) == {"rollout-stopped"}
        here.emulator.clear_faults()
        recovered = writes(here, 4)  # those that were tried are tried again, the others still wait
        assert {f"customers/{CUSTOMER}/apps/{app}" for app in recovered} == tried
        while writes(here):
            pass
        assert {here.live(number)["popup_url"] for number in range(1, FLEET + 1)} == {POPUP}


def test_an_approval_passes_a_stopped_rollout(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(NO_SOAK)
        here.emulator.fault("PUT:400")
        writes(here, 1)
        here.emulator.clear_faults()
        assert holds(here) == {"refused-by-vendor", "rollout-stopped"}
        here.run("approve", planned(here)["id"], "--reason", "these two are known to be refused")
        assert len(writes(here, 1)) == FLEET - 2


def test_a_kill_in_the_second_wave_changes_no_answer(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.configure(NO_SOAK)
        first = writes(here)
        here.emulator.fault("PUT:latency(300)")
        process = subprocess.Popen(here.command("sync"), env=here.environ(), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while len({r["subject"] for r in here.journal() if r["type"] == "syncer.put.intent.v1"}) == len(first):
            assert time.monotonic() < deadline
        process.kill()
        process.wait()
        here.emulator.clear_faults()
        written: set[str] = set(first)
        while len(written) < 10:  # the app that was cut off counts as failed until it is written
            written |= writes(here, 0, 4) | {entry.app_id for entry in here.emulator.store.ledger()}
        assert len(written) == 10, "the second wave ends before the third begins"
        while writes(here):
            pass
        assert {here.live(number)["popup_url"] for number in range(1, FLEET + 1)} == {POPUP}
        assert verify.verify(here.state).good


def test_a_new_commit_after_a_stop_begins_afresh_and_one_that_comes_back_does_too(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        here.run("sync")
        here.configure(NO_SOAK)
        here.emulator.fault("PUT:400")
        here.declare(FLEET, popup_url=f"{POPUP}/v2")
        assert writes(here, 1) == set()
        refused = intended(here)[FLEET:]
        here.emulator.clear_faults()
        here.declare(FLEET, popup_url=f"{POPUP}/v3")
        written = writes(here)
        assert len(written) == 2
        here.emulator.fault("PUT:500_storm")
        here.declare(FLEET, popup_url=f"{POPUP}/v2")  # a folder has no history: this revision was there before
        still = {"refused-by-vendor"} if {*refused} - written else set()  # which apps go first hangs on the revision
        assert holds(here) == {"rollout-wave"} | still
        here.declare(FLEET, popup_url=POPUP)  # and for this one every app was written once
        assert writes(here, 1) == set()
        here.emulator.clear_faults()
        assert len(writes(here, 4)) <= 2


def test_releasing_the_budget_of_a_wave_releases_no_later_one_unless_it_is_named(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        everything = "budget: {{apps: 100000, share: 100%, at_least: 100000}}"
        here.configure(NO_SOAK.replace(everything, "budget: {{apps: 1, share: 100%, at_least: 1}}"))
        assert writes(here, 4) == set()
        told = here.run("approve", planned(here)["id"], "--reason", "the first wave")
        assert told.count("approved ") == 2
        first = writes(here)
        assert len(first) == 2
        late = next(
            app["app_id"] for app in planned(here)["apps"] if {h["rule"] for h in app["holds"]} == {"rollout-wave"}
        )
        here.run("approve", planned(here)["id"], late, "--reason", "an incident: this one can't wait")
        assert late in writes(here, 4)


def test_without_waves_the_first_failure_ends_the_pass(tmp_path: Path) -> None:
    with site(tmp_path, FLEET, popup_url=POPUP) as here:
        one_at_a_time = CONFIG.replace("rate: 5000/s", "rate: 5000/s, concurrency: 1")
        here.configure(one_at_a_time + "rollout: {{stop_after_failures: 1}}\n")
        here.emulator.fault("PUT:400")
        told = json.loads(here.run("sync", "-o", "json", expect=1))
        assert told["counts"]["failed"] == 1
        assert told["counts"]["stopped"] == FLEET - 1
        here.emulator.clear_faults()
        assert writes(here, 1) == set()
        assert here.emulator.store.ledger() == ()
        assert holds(here) == {"refused-by-vendor", "rollout-stopped"}


def test_a_wave_by_labels_is_watched_before_the_others_go(tmp_path: Path) -> None:
    with site(tmp_path, 5, popup_url=POPUP) as here:
        file = here.source / "apps.yaml"
        file.write_text(file.read_text().replace("app_0003: {}", "app_0003: {labels: {tier: canary}}"))
        waves = "rollout: {{waves: [{{labels: {{tier: canary}}, soak: SOAK}}, {{share: 100%}}]}}"
        here.configure(CONFIG + waves.replace("SOAK", "1h"))
        assert writes(here) == {"app_0003"}
        assert writes(here) == set()
        here.configure(CONFIG + waves.replace(", soak: SOAK", ""))
        here.change(3, popup_url=f"{POPUP}/by-hand")
        assert writes(here) == {"app_0003"}
        assert len(writes(here)) == 4
