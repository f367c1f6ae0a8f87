"""A daemon over the sample fleet in which something of everything is going on, for the pages and their pictures."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from syncer.cli.demo import stage, teller
from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from tests.support.quiet import quietly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.cli.demo.stage import Stage
    from syncer.cli.demo.teller import Watched

TOKEN: Final = "asha-0123456789abcdef"
SCHEDULE: Final = "schedule: {detect: 2s, apply: 1h, jitter: 0%}"


@dataclass(frozen=True, slots=True)
class Showcase:
    """A daemon that serves at `url`, and what it stands on."""

    here: Stage
    daemon: Watched
    url: str

    def change(self, app_id: str, customer: str = "cust_acme", **values: Any) -> None:
        """Somebody changes settings at the vendor."""
        self.here.emulator.store.change(AppKey(customer, app_id), values, "somebody")

    def pass_now(self) -> None:
        """One pass, to its end."""
        since = self.daemon.mark()
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for(lambda line: line["event"] == "pass.finished" and line["trigger"] == "signal", since)

    def look(self) -> None:
        """One pass that only looks, to its end."""
        since = self.daemon.mark()
        self.daemon.wait_for(lambda line: line["event"] == "pass.finished" and line["trigger"] == "detect", since)


@contextmanager
def showcase(home: Path) -> Iterator[Showcase]:
    """In sync, drifted, held, refused, invalid and suspended apps, with a past of writes and an approval."""
    with Emulator.in_thread() as emulator:
        here = stage.build(home, emulator)
        (home / "serve.token").write_text(f"asha {TOKEN}\n")
        text = here.config.read_text()
        text = text.replace('serve: {listen: "127.0.0.1:0"}', _serve(home)).replace(_demo_schedule(text), SCHEDULE)
        here.config.write_text(text)
        with quietly():
            voice = teller.Teller(here)
            voice.run("approve", stage.plan_id(here), "--reason", "first sync of the fleet, CHG-1001")
            voice.run("sync")
        daemon = teller.Watched(here, home / "daemon.log")
        try:
            served = daemon.wait_for(lambda line: line["event"] == "serve.listening")
            made = Showcase(here, daemon, served["address"])
            daemon.wait_for(lambda line: line["event"] == "pass.finished")
            _past(made)
            _present(made)
            yield made
        finally:
            daemon.stop()


def _serve(home: Path) -> str:
    return f'serve: {{listen: "127.0.0.1:0", token: {{file: {home}/serve.token}}}}'


def _demo_schedule(text: str) -> str:
    return next(line for line in text.split("\n") if line.startswith("schedule:"))


def _past(made: Showcase) -> None:
    """A commit that was applied, and a drift that was put back."""
    since = made.daemon.mark()
    made.here.edit(
        "acme/telephony.yaml", "https://hooks.acme.example/support/calls", "https://hooks.acme.example/support/v2/calls"
    )
    made.here.commit("support-desk: calls go to the v2 endpoint")
    made.daemon.wait_for(lambda line: line["event"] == "app.applied" and line.get("name") == "support-desk", since)
    made.change("app_abc125", missed_call_url="https://hooks.acme.example/by-hand")
    made.look()
    made.pass_now()


def _present(made: Showcase) -> None:
    """What needs somebody, and what goes by itself."""
    made.here.edit("globex/care.yaml", "recording_enabled: true", "recording_enabled: false")  # protected
    made.here.edit(
        "acme/sales/lines.yaml",
        "https://hooks.acme.example/partners/{app_id}",
        "https://hooks.acme.example/partners/v2/{app_id}",
    )
    made.here.commit("Stop recording returns; partners move to v2")
    made.pass_now()
    made.here.edit("acme/telephony.yaml", "    missed_call_url: null #", "    mised_call_url: null #")
    made.here.commit("support-night: a typo")
    made.pass_now()
    made.change("app_ghi790", "cust_globex", streaming_enabled=False)
    made.change("app_ghi789", "cust_globex", callback_url="https://hooks.globex.example/test")
    made.look()
    made.look()
