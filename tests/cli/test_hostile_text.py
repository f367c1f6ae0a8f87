"""Text from outside, through whole commands: only printable characters, line ends and our own colours come out (F8).

The text stands wherever it can: commit author and subject, file name, reasons, what the vendor holds, and the text
around a mistake in YAML.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.repositories import Blob, Repository
from tests.support.site import CUSTOMER, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Ran
    from tests.cli.running import Syncer
    from tests.support.site import Site

ATTACK = "\x1b]52;c;ZWNobw==\x07\x1b[2J\x9b31m\u202e\u2066\u200b\ufeff\U000e0041\r\\|`<img src=x>&[a](b)@all*_\u2028#1"
VISIBLE = "\\|`<img src=x>&[a](b)@all*_#1"
"""What of it may stand in a file without being refused."""
OWN_COLOURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|1;31|1;33|1;34)m")
FORMS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("plan",): ("text", "brief", "markdown", "json", "jsonl"),
    ("plan", "--against", "before"): ("text", "markdown", "json", "jsonl"),
    ("explain", "app_0001"): ("",),
    ("explain", "app_0001", "popup_url"): ("",),
    ("sync",): ("text", "brief", "markdown", "json", "jsonl"),
    ("status",): ("text", "markdown", "json", "jsonl"),
    ("doctor",): ("text", "json"),
    ("config", "show", "--origin"): ("text", "json"),
    ("audit", "tail"): ("text", "jsonl"),
    ("audit", "verify"): ("text", "json"),
    ("run", "--once", "--log-format", "json"): ("",),
    ("run", "--once", "--log-format", "text"): ("",),
}
VALIDATED = ("text", "brief", "markdown", "json", "jsonl", "github", "gitlab", "sarif", "junit", "concise")
ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")
"""What GitHub's tables take for one character: a bar in it divides nothing, and one behind it does."""

Files = dict[str | bytes, bytes | Blob | None]


def apps(home: Path, number: int, extra: str = "") -> bytes:
    """A file with that app; `extra` are more of its keys."""
    return (
        f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: {CUSTOMER}\n"
        f'defaults: {{token: {{file: "{home}/tokens/{{app_id}}"}}, settings: {{popup_url: "https://h.example/x"}}}}\n'
        f"apps: {{app_000{number}: {{{extra}}}}}\n"
    ).encode()


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[tuple[Site, Repository]]:
    """Three apps in order with hostile text around them."""
    with site(tmp_path, 3) as here:
        repository = Repository.create(tmp_path / "settings.git")
        repository.commit({"a.yaml": apps(tmp_path, 1)}, branch="before")
        author = re.sub("[<>\r]", "", ATTACK)
        for number, extra in ((1, ""), (2, f"policy: {{suspend: {{reason: {json.dumps(VISIBLE)}}}}}"), (3, "")):
            files: Files = {f"{VISIBLE[:8]}-{number}.yaml": apps(tmp_path, number, extra)}
            repository.commit(files, author=f"{author} <{author}@b.example>", subject=ATTACK)
        here.config.write_text(
            f'apiVersion: syncer/v1\nkind: Config\nsource: {{url: "{repository.url}", ref: main, allow_file: true}}\n'
            f"vendor: {{base_url: {here.emulator.base_url}}}\nstate_dir: {here.state}\n"
        )
        yield here, repository


def judged(form: str, told: Ran) -> None:
    """What a reader of that form needs."""
    for stream in (told.out, told.err):
        shown = OWN_COLOURS.sub("", stream)
        assert [line for line in shown.split("\n") if not line.isprintable()] == []
    if form == "json":
        json.loads(told.out)
    elif form == "jsonl":
        assert all(json.loads(line) for line in told.out.splitlines())
    elif form == "markdown":
        assert "<img" not in told.out
        rows = [line for line in told.out.splitlines() if line.startswith("|")]
        bars = [ESCAPED.sub("", row).count("|") for row in rows]
        titles = [bars[number - 1] for number, row in enumerate(rows) if set(row) <= set("|- ")]
        assert set(bars) == set(titles), rows


def test_every_command_and_form_is_fit_for_a_terminal(hostile: tuple[Site, Repository], syncer: Syncer) -> None:
    here, _ = hostile
    for command, forms in FORMS.items():
        for form in forms:
            for number in (1, 2, 3):
                here.change(number, popup_url=f"https://h.example/{ATTACK}", recording_url=ATTACK)
            arguments = [*command, *(["-o", form] if form else [])]
            told = syncer(*arguments, config=here.config, expect=None, SYNCER_COLOR="always")
            assert told.out, arguments
            judged(form, told)


def test_a_mistake_is_shown_with_its_text_made_harmless(hostile: tuple[Site, Repository], syncer: Syncer) -> None:
    here, repository = hostile
    files: Files = {
        f"{VISIBLE[:8]}-1.yaml": apps(here.home, 1, f"{json.dumps(VISIBLE)}: {json.dumps(VISIBLE)}"),
        "hidden.yaml": apps(here.home, 2, f"# {ATTACK}"),
        "escaped.yaml": apps(here.home, 2, '"\\u202e\\e[2J": 1'),
        f"{ATTACK}.yaml".replace("/", "").encode(): apps(here.home, 3),
    }
    repository.commit(files)
    for form in VALIDATED:
        judged(form, syncer("validate", "-o", form, config=here.config, expect=65, SYNCER_COLOR="always"))


def test_a_terminal_gets_no_more_than_a_pipe(hostile: tuple[Site, Repository]) -> None:
    here, _ = hostile
    here.change(1, popup_url=ATTACK)
    for command in (["plan"], ["sync"], ["status"]):
        shown = OWN_COLOURS.sub("", on_terminal(here, command))
        for progress in ("\x1b[K", "\x1b[2K", "\r"):
            shown = shown.replace(progress, "\n")
        assert [line for line in shown.split("\n") if not line.isprintable()] == []


def on_terminal(here: Site, command: list[str]) -> str:
    """What a command writes to a terminal that is its stdout and stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        here.command(*command), env=here.environ(TERM="xterm"), stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        parts = []
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while part := os.read(ours, 65_536):
                parts.append(part)
        os.close(ours)
        process.wait()
    return b"".join(parts).decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_escaped_on_a_terminal_and_nowhere_else(hostile: tuple[Site, Repository], form: str) -> None:
    here, _ = hostile
    here.run("sync")
    piped, shown = here.run("audit", "export", "-o", form), on_terminal(here, ["audit", "export", "-o", form])
    assert not piped.replace("\n", "").isprintable()
    assert [line for line in shown.split("\r\n") if not line.isprintable()] == []
    if form == "jsonl":
        assert list(map(json.loads, shown.splitlines())) == list(map(json.loads, piped.split("\n")[:-1]))
