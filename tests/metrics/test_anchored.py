"""What metrics hear of the journal's anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.seals import Anchored
from tests.e2e.test_one_shot_metrics import value
from tests.metrics.test_exposition import Still
from tests.support.site import CONFIG, site

if TYPE_CHECKING:
    from pathlib import Path

ANCHORING = CONFIG + "audit: {{anchors: [stdout, {{file: {home}/kept/heads}}]}}\n"


def test_an_anchor_is_behind_until_it_has_the_newest_head() -> None:
    anchored = Anchored(Still(), ("stdout", "repository"))
    assert (anchored.behind, anchored.age) == (0, None)
    anchored.made(7)
    anchored.kept("stdout", 7)
    assert anchored.behind == 1
    anchored.kept("repository", 6)
    assert anchored.behind == 1
    anchored.kept("repository", 7)
    assert anchored.behind == 0


def test_the_age_is_that_of_the_anchor_that_has_waited_longest() -> None:
    clock = Still()
    anchored = Anchored(clock, ("stdout", "repository"))
    anchored.kept("repository", 1)
    clock.seconds += 20
    anchored.kept("stdout", 2)
    clock.seconds += 5
    assert anchored.age == 25


def test_a_run_tells_how_many_anchors_lag(tmp_path: Path) -> None:
    file = tmp_path / "syncer.prom"
    with site(tmp_path, 1, popup_url="https://hooks.acme.example/popup") as here:
        here.configure(ANCHORING)
        here.run("run", "--once", "--metrics-file", str(file))
        assert value(file.read_text(), "syncer_audit_anchors_behind") == 1
        (tmp_path / "kept").mkdir()
        here.run("run", "--once", "--metrics-file", str(file))
        assert value(file.read_text(), "syncer_audit_anchors_behind") == 0
        assert value(file.read_text(), "syncer_audit_unsealed_records") == 0
