"""The README's samples are what the commands print."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from syncer.cli.demo import stage
from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SAMPLE = re.compile(r"<!-- sample: [^>]*-->\n```console\n\$ syncer (?P<command>.*)\n(?P<output>[\s\S]*?)```")
CHANGING = (
    (re.compile(r"\b[0-9a-f]{12}\b"), "PLAN"),
    (re.compile(r"\b[0-9a-f]{7}\b"), "COMMIT"),
    (re.compile(r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?(?= and | UTC)"), "TIME"),  # seconds: within one minute
    (re.compile(r";\s+declared\s+at\s+"), "; declared at "),  # where the line breaks depends on how the time is told
)


def samples() -> Iterator[tuple[str, str]]:
    for found in SAMPLE.finditer((ROOT / "README.md").read_text("utf-8")):
        yield found["command"], found["output"]


def steady(text: str) -> str:
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return text.strip()


def printed(here: stage.Stage, command: str) -> str:
    ended = subprocess.run(
        here.command(*shlex.split(command)),
        capture_output=True,
        text=True,
        check=False,
        cwd=here.home,
        env=here.environ(),
    )
    return steady(ended.stdout.replace(f"{here.home}/", ""))


def test_every_sample_is_what_its_command_prints() -> None:
    [plan, caret] = samples()
    with TemporaryDirectory(prefix="s-") as short, Emulator.in_thread() as emulator:  # a long path would wrap lines
        here = stage.build(Path(short) / "demo", emulator)
        for command in ("approve", "sync"):
            arguments = [command, stage.plan_id(here), "--reason", "first"] if command == "approve" else [command]
            subprocess.run(here.command(*arguments), check=True, capture_output=True, cwd=here.home, env=here.environ())
        here.edit(
            "acme/telephony.yaml",
            "https://hooks.acme.example/support/calls",
            "https://hooks.acme.example/support/v2/calls",
        )
        here.commit("support-desk: calls go to the v2 endpoint")
        by_hand = {"popup_url": "https://hooks.acme.example/test-by-hand"}
        emulator.store.change(AppKey("cust_acme", "app_abc124"), by_hand, "somebody")
        assert printed(here, plan[0]) == steady(plan[1])
        here.edit("acme/telephony.yaml", "    missed_call_url: null #", "    mised_call_url: null #")
        assert printed(here, caret[0]) == steady(caret[1])
