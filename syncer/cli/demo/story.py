"""The demo's scenes, from the first plan to the verified audit."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import httpx

from syncer.audit import verify
from syncer.cli.demo import receiver, stage, teller
from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from syncer.errors import SyncerError

if TYPE_CHECKING:
    from syncer.cli.demo.receiver import Receiver
    from syncer.cli.demo.stage import Stage
    from syncer.cli.demo.teller import Teller, Watched

CUSTOMER: Final = "cust_acme"
APP_ID: Final = "app_abc123"
NAME: Final = "support-desk"
FILE: Final = "acme/telephony.yaml"
OLD: Final = "https://hooks.acme.example/support/calls"
NEW: Final = "https://hooks.acme.example/support/v2/calls"


def tell(*, keep: bool) -> int:
    """Plays every scene and returns 0; SyncerError where something is not as it must be."""
    with ExitStack() as stack:
        # Ended by SIGTERM it takes its daemon with it, as after Ctrl-C.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        home = Path(tempfile.mkdtemp(prefix="syncer-demo-"))
        if not keep:
            stack.callback(shutil.rmtree, home)
        emulator = stack.enter_context(Emulator.in_thread())
        hooks = stack.enter_context(receiver.listening())
        here = stage.build(home, emulator)
        voice = teller.Teller(here)
        _first_sync(here, voice)
        daemon = _commit(here, voice)
        stack.callback(daemon.stop)
        _drift(here, voice, daemon)
        _bad_commit(here, voice, daemon)
        _call(here, voice, hooks)
        if keep:
            _kept(here, daemon)
        _audit(here, voice, daemon)
    return 0


def _first_sync(here: Stage, voice: Teller) -> None:
    voice.scene("Check the files of the sample fleet: no configuration, tokens or network needed")
    voice.run("validate", "work")
    voice.scene("Plan: what differs between git and the vendor")
    voice.run("plan", "-o", "brief")
    plan_id = stage.plan_id(here)
    voice.say("A first sync is more than the budget allows unasked, so all of it waits for a person and a reason.")
    voice.run("approve", plan_id, "--reason", "first sync of the fleet, CHG-1001")
    voice.scene("First sync: for each app re-read, intent, PUT, read back, result")
    voice.run("sync")


def _commit(here: Stage, voice: Teller) -> Watched:
    voice.scene("A commit lands: pending until it is applied")
    here.edit(FILE, OLD, NEW)
    here.commit("support-desk: calls go to the v2 endpoint")
    voice.run("plan", NAME)
    voice.say("Now the daemon starts, polls git every second, and applies what is pending.")
    daemon = teller.Watched(here, here.home / "daemon.log")
    daemon.wait_for(lambda line: line["event"] == "app.applied" and line["name"] == NAME)
    _must(_live(here)["callback_url"] == NEW, "the commit reached the vendor")
    voice.say(f"daemon: applied; the vendor now says {NEW}")
    return daemon


def _drift(here: Stage, voice: Teller, daemon: Watched) -> None:
    voice.scene("Somebody changes a setting at the vendor")
    since = daemon.mark()
    wrong = "https://hooks.acme.example/test-by-hand"
    here.emulator.store.change(_key(), {"callback_url": wrong}, "somebody at the vendor")
    seen = daemon.wait_for(lambda line: _is_state(line, "Drifted"), since)
    voice.say(f"daemon: {NAME} is {seen['state']}: {seen['why']}")
    voice.run("plan", NAME)
    voice.scene("Put back: SIGHUP asks for a pass now instead of at the next scheduled one")
    since = daemon.mark()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for(lambda line: line["event"] == "app.applied" and line["name"] == NAME, since)
    _must(_live(here)["callback_url"] == NEW, "the drift was put back")
    voice.say(f"daemon: applied; the vendor says {NEW} again")


def _bad_commit(here: Stage, voice: Teller, daemon: Watched) -> None:
    voice.scene("A bad commit is rejected where it stands; the last good one stays in force")
    since = daemon.mark()
    here.edit(FILE, "    missed_call_url: null #", "    mised_call_url: null #")
    here.commit("support-night: a typo")
    voice.run("validate", "work", expect=65)
    found = daemon.wait_for(lambda line: line["event"] == "source.invalid", since)
    voice.say(f"daemon: {found['event']} {found['rule']} at {found['path']}:{found['line']}:{found['column']}")
    daemon.wait_for(lambda line: _is_state(line, "Invalid"), since)
    _must(_live(here)["callback_url"] == NEW, "the apps of the broken file keep their settings")
    voice.run("status")
    here.git("revert", "--no-edit", "HEAD")
    since = daemon.mark()
    here.git("push", "-q", "origin", "main")
    daemon.wait_for(lambda line: _is_state(line, "InSync"), since)
    voice.say("reverted; everything is in sync again")


def _call(here: Stage, voice: Teller, hooks: Receiver) -> None:
    voice.scene("A call comes in and is recorded: the vendor's webhooks go where git says")
    with httpx.Client(base_url=here.emulator.control_url, trust_env=False, timeout=10) as control:
        control.patch("/modes", json={"webhook_sink": hooks.url}).raise_for_status()
        for kind in ("incoming", "recorded"):
            call = {"customer_id": CUSTOMER, "app_id": APP_ID, "kind": kind, "wait": True}
            control.post("/calls", json=call).raise_for_status()
    for meant, payload in hooks.received:
        voice.say(f"{payload['event']:<15} -> {meant}")
    came = {str(payload["event"]) for _, payload in hooks.received}
    _must({"incoming_call", "recording_ready"} <= came, "popup and recording webhooks arrived")


def _audit(here: Stage, voice: Teller, daemon: Watched) -> None:
    voice.scene("Stop the daemon and verify the audit journal")
    _must(daemon.stop() == 0, "the daemon ends with 0 on SIGTERM")
    voice.run("audit", "tail", "-n", "4", "--app", f"{CUSTOMER}/{APP_ID}")
    voice.run("audit", "verify")
    unrecorded = len(here.emulator.store.ledger()) - _intents(here)
    _must(unrecorded <= 0, "every PUT in the vendor's ledger has an intent in the journal")
    click.secho("\nThat was all of it. The commands:", bold=True)
    for command in ("validate", "plan", "approve", "sync", "audit verify"):
        shown = next(each for each in voice.commands if each.startswith(f"syncer {command}"))
        click.echo(f"   {shown}")


def _kept(here: Stage, daemon: Watched) -> None:
    """Waits, with somebody's change at the vendor to look at: the daemon puts it back within the hour."""
    since = daemon.mark()
    here.emulator.store.change(_key(), {"callback_url": OLD}, "somebody at the vendor")
    daemon.wait_for(lambda line: _is_state(line, "Drifted"), since)
    click.secho("\nLeft running; Ctrl-C ends it.", bold=True)
    address = daemon.wait_for(lambda line: line["event"] == "serve.listening")["address"]
    variables = stage.handed_over(here, address)
    click.echo(f"   pages          {address}/")
    click.echo(f"   sign in with   the token in {here.token}")
    click.echo(f"   emulator       {here.emulator.control_url}/")
    click.echo(f"   files          {here.home}")
    click.echo(f"   try            . {variables}; {_program()} status")
    forever = threading.Event()
    try:
        forever.wait()
    except KeyboardInterrupt:
        click.echo()


def _program() -> str:
    """How this program is called from the same shell: it need not be on the path."""
    return "syncer" if shutil.which("syncer") else f"{shlex.quote(sys.executable)} -m syncer"


def _key() -> AppKey:
    return AppKey(CUSTOMER, APP_ID)


def _live(here: Stage) -> dict[str, Any]:
    return dict(here.emulator.store.settings(_key()))


def _intents(here: Stage) -> int:
    return verify.verify(here.state).intents


def _is_state(line: dict[str, Any], state: str) -> bool:
    return line["event"] == "app.state" and line.get("name") == NAME and line.get("state") == state


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise SyncerError(f"the demo went wrong: not so: {what}")
