"""Results on stdout, everything else on stderr; readers that go away; colours; hostile text."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from syncer.cli import starter
from tests.support.site import site

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.running import Syncer

POPUP = "https://hooks.acme.example/popup"


def test_a_reader_that_went_away_ends_the_command_quietly(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            here.command("plan", "-o", "json"), env=here.environ(), stdout=writer, stderr=subprocess.PIPE, check=False
        )
        os.close(writer)
        assert (ended.returncode, ended.stderr) == (141, b"")


def test_colour_is_for_who_asks(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        assert "\x1b[" not in syncer("plan", config=here.config).out
        assert "\x1b[" in syncer("plan", "--color", "always", config=here.config).out
        assert "\x1b[" in syncer("plan", config=here.config, SYNCER_COLOR="always").out
        assert "\x1b[" in syncer("plan", config=here.config, FORCE_COLOR="1").out
        assert "\x1b[" not in syncer("plan", config=here.config, FORCE_COLOR="1", NO_COLOR="1").out
        syncer("plan", "--color", "blue", expect=64)


def test_an_interrupt_ends_with_130(syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(starter, "files", interrupted)
    syncer("init", expect=130)


def test_hostile_text_of_the_vendor_reaches_no_terminal(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        syncer("sync", config=here.config)
        here.change(1, popup_url="https://x.example/\x1b]52;c;ZXZpbA==\x07\u202e")
        for command in (("plan",), ("plan", "-o", "markdown"), ("explain", "app_0001"), ("sync",), ("status",)):
            told = syncer(*command, config=here.config)
            assert not {"\x1b", "\x07", "\u202e"} & set(told.out + told.err), command


def test_a_state_folder_that_can_not_be_used_is_told_without_a_traceback(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        (tmp_path / "file").write_text("")
        for command in (("sync",), ("approve", "0123456789", "--reason", "x"), ("status",), ("audit", "verify")):
            told = syncer(*command, "--state-dir", str(tmp_path / "file" / "state"), config=here.config, expect=1)
            assert told.err.startswith("syncer: ")
        syncer("plan", "--state-dir", str(tmp_path / "file" / "state"), config=here.config)


def test_a_state_folder_that_can_not_be_looked_into_is_told(tmp_path: Path, syncer: Syncer) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.state.symlink_to(here.state)  # a loop: not even root gets in
        assert "--state-dir" in syncer("plan", config=here.config, expect=1).err


def test_a_configuration_that_can_not_be_read_is_a_usage_error(tmp_path: Path, syncer: Syncer) -> None:
    assert "can't be read" in syncer("plan", "-c", str(tmp_path / "none.yaml"), expect=64).err
    syncer("plan", "-c", str(tmp_path), expect=64)


def test_no_source_at_all_is_told(tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = syncer("plan", "--state-dir", str(tmp_path / "s"), expect=1)
    assert "config/apps" in told.err
