"""A power cut loses what was not synced (hazard E4): at no moment of a sync is that the intent of a PUT on its way.

No disk here can be made to forget. What it would hold is worked out from the trace of a real run instead.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from syncer.audit.verify import Finding, verify
from tests.process import strace
from tests.process.shadow import OPTIONS, Cut, Shadow
from tests.support.nursery import Nursery, nursery
from tests.support.site import CONFIG, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

APPS = 50
STATE = "deep/state"
"""The state folder, two levels below what is there at first."""
SOUND = frozenset({Finding.GOOD, Finding.OPEN_INTENTS, Finding.TORN_TAIL})
PUT = re.compile(rb"PUT .*\r\nx-request-id: ([^\r]+)", re.IGNORECASE | re.DOTALL)

pytestmark = pytest.mark.needs("strace")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


def traced(start: Nursery, here: Site, trace: Path) -> Shadow:
    """A whole sync of a fresh installation, with segments that fill up on the way, and the shadow of its folder."""
    here.configure(CONFIG.replace("{state}", "{home}/" + STATE) + "audit: {{rotate: 20KiB}}\n")
    child = start.start(here, "sync", stopped=True)
    with strace.attached(child, trace, *OPTIONS):
        assert child.wait() == 0, child.told()
    return Shadow(str(here.home / "deep"))


def laid_out(shadow: Shadow, cut: Cut, folder: Path) -> Path:
    """The state folder as it would be found after the cut."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in shadow.left(cut).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder.parent / folder.name / "state"


def kept(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((state / "journal").glob("*.jsonl")))


def puts(shadow: Shadow, trace: Path) -> Iterator[str]:
    """The request id of each PUT, just before it leaves."""
    for moment in shadow.replay(trace):
        if found := PUT.match(moment.sent):
            yield found[1].decode()


def test_the_shadow_of_an_undisturbed_run_is_the_folder_itself(start: Nursery, tmp_path: Path) -> None:
    with site(tmp_path, 3, popup_url="https://hooks.acme.example/popup") as here:
        shadow = traced(start, here, tmp_path / "trace")
        assert list(puts(shadow, tmp_path / "trace"))
        found = shadow.left(Cut.ALL)
        del found["state/ballast"]  # longer than strace tells
        assert "state/journal/00000001.jsonl" in found
        assert found == {name: (here.home / "deep" / name).read_bytes() for name in found}


def test_no_put_leaves_before_its_intent_would_survive_a_power_cut(
    start: Nursery, tmp_path: Path, figure: Recorder
) -> None:
    with site(tmp_path, APPS, popup_url="https://hooks.acme.example/popup") as here:
        shadow = traced(start, here, tmp_path / "trace")
        sent = 0
        for request in puts(shadow, tmp_path / "trace"):
            sent += 1
            for cut in Cut:
                state = laid_out(shadow, cut, tmp_path / "left")
                assert f'"reqid":"{request}"'.encode() in kept(state), cut
                assert verify(state).finding in SOUND, cut
                assert (state / "hmac.key").read_bytes() == (here.home / STATE / "hmac.key").read_bytes()
        assert sent == len(here.emulator.store.ledger()) == APPS
        figure("power-cut", sent * len(Cut), seeds="", result="each PUT's intent is there")


def test_at_no_moment_would_a_power_cut_leave_a_journal_that_does_not_verify(start: Nursery, tmp_path: Path) -> None:
    with site(tmp_path, 12, popup_url="https://hooks.acme.example/popup") as here:
        shadow = traced(start, here, tmp_path / "trace")
        moments = 0
        for _ in shadow.replay(tmp_path / "trace"):
            for cut in (Cut.NOTHING, Cut.NAMES):
                state = laid_out(shadow, cut, tmp_path / "left")
                if (state / "journal").exists():
                    moments += 1
                    assert verify(state).finding in SOUND, (moments, cut)
        assert moments > 60


@pytest.mark.parametrize("cut", list(Cut))
def test_a_run_after_a_power_cut_resolves_what_was_under_way(start: Nursery, tmp_path: Path, cut: Cut) -> None:
    with site(tmp_path, 6, popup_url="https://hooks.acme.example/popup") as here:
        shadow = traced(start, here, tmp_path / "trace")
        for _, _request in zip(range(3), puts(shadow, tmp_path / "trace"), strict=False):
            pass
        state = laid_out(shadow, cut, tmp_path / "left")
        assert verify(state).finding is Finding.OPEN_INTENTS
        shutil.rmtree(here.home / "deep")
        state.parent.rename(here.home / "deep")
        start.run(here, "sync")
        assert verify(here.home / STATE).good
