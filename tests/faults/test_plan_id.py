"""The plan of the same inputs is the same plan, whatever order files, apps and answers come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from syncer.desired.loader import Loader
from syncer.model.live import LiveApp
from syncer.plan import build
from tests.support.builders import NOW, digest, live_settings
from tests.support.documents_text import one_app
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from syncer.model.planned import Plan

FILES = {f"team-{n % 3}/app-{n}.yaml": one_app(f"app-{n}", url=f"https://h.example/{n}") for n in range(8)}


def _plan(files: list[str], answers: list[int]) -> Plan:
    source = MemorySource({path: FILES[path] for path in files})
    desired = Loader(FixedClock()).load(source, source.fetch())
    pairs = [(app, LiveApp(app.ref, live_settings(), NOW)) for app in desired.apps]
    return build.build(desired.revision, [pairs[number] for number in answers], {}, digest)


@given(st.permutations(list(FILES)), st.permutations(range(len(FILES))))
def test_the_order_of_files_and_answers_changes_nothing(files: list[str], answers: list[int]) -> None:
    expected = _plan(list(FILES), list(range(len(FILES))))
    assert len(expected.steps) == len(FILES)
    assert _plan(files, answers) == expected
