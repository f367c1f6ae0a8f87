"""A whole installation for end-to-end tests: source, tokens, state, configuration, and an emulator seeded to match."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from tests.support import nursery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUSTOMER = "cust_1"
ROOT = nursery.ROOT

CONFIG = """\
apiVersion: syncer/v1
kind: Config
source: {{path: {source}}}
vendor: {{base_url: {vendor}, rate: 5000/s}}
schedule: {{detect: 1h, apply: 1h, jitter: 0%}}
state_dir: {state}
policy:   # tests of the limits set their own
  budget: {{apps: 100000, share: 100%, at_least: 100000}}
  mass_drift: {{apps: 100000}}
  transitions: {{blank_url: {{apps: 9999}}, recording_off: {{apps: 9999}}, streaming_off: {{apps: 9999}}}}
"""


def app_id(number: int) -> str:
    """The id of the n-th app, from 1."""
    return f"app_{number:04d}"


@dataclass(frozen=True, slots=True)
class Site:
    """One installation below `home`."""

    home: Path
    emulator: Emulator

    @property
    def source(self) -> Path:
        return self.home / "apps"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def config(self) -> Path:
        return self.home / "syncer.yaml"

    def declare(self, count: int, **settings: object) -> None:
        """Writes one file with `count` apps, all with these settings."""
        rows = [f"  {name}: {orjson.dumps(value).decode()}" for name, value in settings.items()]
        body = "\n".join(
            [
                "apiVersion: syncer/v1",
                "kind: Apps",
                f"customer_id: {CUSTOMER}",
                "defaults:",
                f'  token: {{file: "{self.home}/tokens/{{app}}"}}',
                *(["  settings:", *(f"  {row}" for row in rows)] if rows else []),
                "apps:",
                *(f"  {app_id(n)}: {{}}" for n in range(1, count + 1)),
            ]
        )
        self.source.mkdir(exist_ok=True)
        (self.source / "apps.yaml").write_text(body + "\n")

    def configure(self, text: str = CONFIG) -> None:
        """Writes the configuration; `text` may use source, vendor and state."""
        self.config.write_text(
            text.format(source=self.source, vendor=self.emulator.base_url, state=self.state, home=self.home)
        )

    def run(self, *arguments: str, expect: int = 0, **environ: str) -> str:
        """A real `syncer` process; its stdout, after its exit code was checked."""
        ended = self.ended(*arguments, **environ)
        assert ended.returncode == expect, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def ended(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A real `syncer` process to its end, without the half second of its imports.

        Variables of others' may act before a program's first line: such a process does its imports itself.
        """
        around = self.environ(**environ)
        if all(name.startswith("SYNCER_") for name in environ):
            return nursery.shared().call(arguments, around)
        command = self.command(*arguments)
        return subprocess.run(command, env=around, capture_output=True, text=True, check=False, timeout=90)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "syncer", *arguments]

    def environ(self, **more: str) -> dict[str, str]:
        ambient = ("SYNCER_", "KUBERNETES_")  # a runner in a Pod has a disk that goes with it, too
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ambient)}
        kept["SYNCER_SERVE_LISTEN"] = "127.0.0.1:0"  # many daemons run at once
        return {**kept, "SYNCER_CONFIG": str(self.config), "PYTHONPATH": str(ROOT), **more}

    def live(self, number: int = 1) -> dict[str, Any]:
        """What the vendor holds for the n-th app."""
        return dict(self.emulator.store.settings(AppKey(CUSTOMER, app_id(number))))

    def change(self, number: int = 1, **values: Any) -> None:
        """Somebody changes settings at the vendor."""
        self.emulator.store.change(AppKey(CUSTOMER, app_id(number)), values, "somebody")

    def journal(self) -> list[dict[str, Any]]:
        """Every whole record; a line that is being written is left out."""
        texts = [path.read_bytes() for path in sorted((self.state / "journal").glob("*.jsonl"))]
        return [orjson.loads(line) for text in texts for line in text[: text.rfind(b"\n") + 1].splitlines()]


@contextmanager
def site(home: Path, count: int = 3, seeded: dict[str, Any] | None = None, **settings: object) -> Iterator[Site]:
    """An installation of `count` apps that declare `settings`; the vendor starts with `seeded` for each."""
    with Emulator.in_thread() as emulator:
        here = Site(home, emulator)
        (home / "tokens").mkdir()
        for number in range(1, count + 1):
            name = app_id(number)
            emulator.seed(Seed(CUSTOMER, name, name, f"token-{name}", f"secret-{name}", settings=seeded or {}))
            (home / "tokens" / name).write_text(f"token-{name}\n")
        here.declare(count, **settings)
        here.configure()
        yield here
