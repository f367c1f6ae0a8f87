"""What each hold says releases it, does: commands are pasted as they are shown, events are made to happen."""

from __future__ import annotations

import inspect
import json
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from syncer import wiring
from syncer.cli import main
from syncer.model.planned import Rule
from tests.support.site import CONFIG, CUSTOMER, Site, app_id, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
APPS = 4


@dataclass(frozen=True)
class Desk:
    """An installation that only options lead to, and the command line of this process."""

    site: Site
    capsys: pytest.CaptureFixture[str]

    def line(self, line: str) -> str:
        """A whole command line as a shell reads it; its stdout. It may end as held, failed or waiting."""
        program, *arguments = shlex.split(line)
        assert program == "syncer"
        self.capsys.readouterr()
        code = main.run(arguments)
        out, err = self.capsys.readouterr()
        assert code in {0, 1, 4}, f"{line}: {code}\n{out}\n{err}"
        return out

    def run(self, *arguments: str) -> str:
        return self.line(shlex.join(["syncer", *arguments, "-c", str(self.site.config)]))

    def configure(self, was: str = "", now: str = "", more: str = "") -> None:
        """The configuration with one text replaced and others behind it."""
        assert was in CONFIG
        self.site.configure((CONFIG.replace(was, now) if was else CONFIG) + more)

    def policy(self, text: str) -> None:
        """What every app says of itself."""
        file = self.site.source / "apps.yaml"
        file.write_text(file.read_text().replace("defaults:\n", f"defaults:\n  policy: {text}\n"))

    def release_of(self, rule: Rule, *selection: str) -> str:
        """What the plan says releases the first hold of a rule; the text says the same, a command in one line."""
        document = json.loads(self.run("plan", "-o", "json", *selection))
        holds = [*document["holds"], *(hold for app in document["apps"] for hold in app["holds"])]
        release = next((str(hold["release"]) for hold in holds if hold["rule"] == rule), "")
        text = self.run("plan", *selection)
        if release.startswith("syncer "):
            assert f"to release: {release}\n" in text
        else:  # a sentence may be wrapped, a long path in it anywhere
            assert "".join(f"to release: {release}".split()) in "".join(text.split())
        return release

    def held(self, rule: Rule) -> bool:
        document = json.loads(self.run("plan", "-o", "json"))
        return any(hold["rule"] == rule for app in document["apps"] for hold in (*app["holds"], *document["holds"]))

    def popups(self) -> set[str]:
        return {str(self.site.live(number)["popup_url"]) for number in range(1, APPS + 1)}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith("SYNCER_")]:
        monkeypatch.delenv(name)
    waits = wiring.Waits(read_back=(0.0,), backoff=0.0)
    monkeypatch.setitem(inspect.unwrap(wiring.opened).__kwdefaults__, "waits", waits)
    with site(tmp_path, APPS, seeded={"popup_url": OTHER}, popup_url=POPUP) as here:
        yield Desk(here, capsys)


def commit_held(desk: Desk) -> None:
    desk.policy("{on_commit: hold}")


def drift_reported(desk: Desk) -> None:
    desk.policy("{on_drift: report}")


def drift_ignored(desk: Desk) -> None:
    desk.policy("{on_drift: ignore}")


def protected(desk: Desk) -> None:
    desk.policy("{protected: [popup_url]}")


def over_budget(desk: Desk) -> None:
    desk.configure("{{apps: 100000, share: 100%, at_least: 100000}}", "{{apps: 1, at_least: 1}}")


def transition(desk: Desk) -> None:
    desk.configure("blank_url: {{apps: 9999}}", "blank_url: {{apps: 1}}")
    desk.site.declare(APPS, popup_url=None)


def mass_drift(desk: Desk) -> None:
    desk.run("sync")
    for number in range(1, APPS + 1):
        desk.site.change(number, popup_url=OTHER)
    desk.configure("mass_drift: {{apps: 100000}}", "mass_drift: {{apps: 2}}")


def fighting(desk: Desk) -> None:
    desk.run("sync")
    for round_ in range(5):
        desk.site.change(1, popup_url=f"{OTHER}/{round_}")
        desk.run("sync")


def not_converging(desk: Desk) -> None:
    desk.site.emulator.fault("PUT:accept_no_apply", app=(CUSTOMER, app_id(1)))
    for _ in range(3):
        desk.run("sync")
    desk.site.emulator.clear_faults()


def wave(desk: Desk) -> None:
    desk.configure(more="rollout: {{waves: [{{share: 25%, soak: 1h}}, {{share: 100%}}]}}\n")
    desk.run("sync")


def rollout_stopped(desk: Desk) -> None:
    desk.configure(more="rollout: {{waves: [{{share: 25%}}, {{share: 100%}}], stop_after_failures: 1}}\n")
    desk.site.emulator.fault("PUT:400")
    desk.run("sync")
    desk.site.emulator.clear_faults()


BY_COMMAND: dict[Rule, tuple[Callable[[Desk], None], str]] = {
    Rule.COMMIT_HELD: (commit_held, POPUP),
    Rule.DRIFT_REPORTED: (drift_reported, POPUP),
    Rule.DRIFT_IGNORED: (drift_ignored, POPUP),
    Rule.PROTECTED: (protected, POPUP),
    Rule.BUDGET: (over_budget, POPUP),
    Rule.TRANSITION: (transition, "None"),
    Rule.MASS_DRIFT: (mass_drift, POPUP),
    Rule.FIGHTING: (fighting, POPUP),
    Rule.NOT_CONVERGING: (not_converging, POPUP),
}
"""Rules that a person's word releases: how they come about, and what every app has once released."""


@pytest.mark.parametrize("rule", BY_COMMAND)
def test_the_command_that_a_hold_names_releases_it(desk: Desk, rule: Rule) -> None:
    prepare, wanted = BY_COMMAND[rule]
    prepare(desk)
    command = desk.release_of(rule)
    assert command.startswith("syncer approve ")
    assert "approved " in desk.line(command)
    desk.run("sync")
    assert not desk.held(rule)
    assert desk.popups() == {wanted}


def test_a_wave_begins_by_itself_and_an_approval_that_names_its_apps_passes_it(desk: Desk) -> None:
    wave(desk)
    assert desk.release_of(Rule.ROLLOUT_WAVE) == "nothing to do: the wave begins by itself"
    plan = str(json.loads(desk.run("plan", "-o", "json"))["id"])
    assert "nothing in this plan waits" in desk.run("approve", plan, "--reason", "all of it")
    assert "approved " in desk.run("approve", plan, "--reason", "these can't wait", "app_*")
    desk.run("sync")
    assert not desk.held(Rule.ROLLOUT_WAVE)
    assert desk.popups() == {POPUP}


def test_the_command_of_a_stopped_rollout_lets_the_other_apps_through(desk: Desk) -> None:
    rollout_stopped(desk)
    assert "approved " in desk.line(desk.release_of(Rule.ROLLOUT_STOPPED))
    desk.run("sync")
    assert not desk.held(Rule.ROLLOUT_STOPPED)
    assert sorted(str(desk.site.live(number)["popup_url"]) for number in range(1, APPS + 1)) == [OTHER, *[POPUP] * 3]


@pytest.mark.parametrize("rule", [Rule.PROTECTED, Rule.COMMIT_HELD])
def test_the_command_for_some_apps_names_them(desk: Desk, rule: Rule) -> None:
    BY_COMMAND[rule][0](desk)
    command = desk.release_of(rule, "app_000[12]", "cust_1/app_0004")
    assert desk.line(command).count("approved ") == 3
    desk.run("sync")
    assert [desk.site.live(number)["popup_url"] for number in range(1, 5)] == [POPUP, POPUP, OTHER, POPUP]


def test_status_names_the_apps_of_a_sync_of_some(desk: Desk) -> None:
    protected(desk)
    desk.run("sync", "app_0002")
    [row] = json.loads(desk.run("status", "-o", "json"))["apps"]
    assert desk.line(row["holds"][0]["release"]).count("approved ") == 1
    desk.run("sync")
    assert desk.site.live(2)["popup_url"] == POPUP


def resumed(desk: Desk) -> None:
    file = desk.site.source / "apps.yaml"
    file.write_text(file.read_text().replace("  policy: {suspend: {reason: porting}}\n", ""))


def corrected(desk: Desk) -> None:
    desk.site.declare(APPS, popup_url=f"{POPUP}/2")


def readable(desk: Desk) -> None:
    for number in range(1, APPS):
        (desk.site.home / "tokens" / app_id(number)).write_text(f"token-{app_id(number)}\n")


def nothing(desk: Desk) -> None:
    desk.site.emulator.clear_faults()


def suspended(desk: Desk) -> None:
    desk.policy("{suspend: {reason: porting}}")


def refused(desk: Desk) -> None:
    desk.site.emulator.fault("PUT:400", times=APPS)
    desk.run("sync")


def unreadable(desk: Desk) -> None:
    for number in range(1, APPS):
        (desk.site.home / "tokens" / app_id(number)).unlink()


def observing(desk: Desk) -> None:
    desk.configure("source:", "mode: observe\nsource:")


BY_EVENT: dict[Rule, tuple[Callable[[Desk], None], str, Callable[[Desk], None]]] = {
    Rule.SUSPENDED: (suspended, "remove suspend of app_0001 in git", resumed),
    Rule.REFUSED: (refused, "in git; an approval does not release it", corrected),
    Rule.TOO_MANY_UNREADABLE: (unreadable, "nothing to do when it passes; else `syncer doctor`", readable),
    Rule.OBSERVE: (observing, "set mode: apply", Desk.configure),
}
"""Rules that an event releases: how they come about, what they say, and the event."""


@pytest.mark.parametrize("rule", BY_EVENT)
def test_the_event_that_a_hold_names_releases_it(desk: Desk, rule: Rule) -> None:
    prepare, told, event = BY_EVENT[rule]
    prepare(desk)
    assert desk.release_of(rule).endswith(told)
    assert "nothing in this plan waits" in desk.run("approve", plan_id(desk), "--reason", "try")
    event(desk)
    desk.run("sync")
    assert not desk.held(rule)
    assert desk.popups() in ({POPUP}, {f"{POPUP}/2"})


def plan_id(desk: Desk) -> str:
    return str(json.loads(desk.run("plan", "-o", "json"))["id"])


def test_a_closed_window_says_to_wait_for_it(desk: Desk) -> None:
    desk.policy('{windows: [{allow: "0 0 1 1 *", for: 1m, zone: UTC}]}')
    assert desk.release_of(Rule.WINDOW) == "wait for the window"


BY_ITSELF: dict[Rule, str] = {
    Rule.WINDOW: "the test above",
    Rule.ROLLOUT_WAVE: "test_a_wave_begins_by_itself_and_an_approval_that_names_its_apps_passes_it",
    Rule.ROLLOUT_STOPPED: "a test of its own",
    Rule.PIN_LOST: "tests/cli/test_orders.py: the command that its hold names, on a real repository",
    Rule.OPEN_INTENT: "tests/faults: a PUT that lands after the deadline is resolved by the next read",
}


def test_every_rule_is_here() -> None:
    assert {*BY_COMMAND, *BY_EVENT, *BY_ITSELF} == set(Rule)
