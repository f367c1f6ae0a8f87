"""Whatever the vendor has and however files are written: an import agrees with it, an edit moves one value alone."""

from __future__ import annotations

import difflib
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer.adoption import accepting, drafting, fitting, naming
from syncer.adoption.drafting import Sheet
from syncer.adoption.overlay import Overlay
from syncer.desired.loader import Loader
from syncer.errors import DesiredStateError, SyncerError
from syncer.model import url
from syncer.model.fields import UNDECLARED, Field, plain
from syncer.model.live import LiveApp
from syncer.plan import build
from tests.adoption import fleets
from tests.support.builders import digest
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp, DesiredState
    from syncer.model.fields import AppSettings
    from tests.soak.figures import Recorder

ROUNDS, SOAK = 150, 5_000
PATH = "new.yaml"
ALLOWED = (
    'apiVersion: syncer/v1\nkind: Defaults\npolicy: {allowed_hosts: {all: [hooks.example, "hooks.example:8443"]}}\n'
)


def imported(seed: int) -> None:
    """One fleet; every value is declared as it is live, or left out with a reason."""
    rng = random.Random(seed)
    listed, live = fleets.fleet(rng)
    names = naming.names(listed)
    base = {"_defaults.yaml": ALLOWED} if rng.random() < 0.3 else {}
    source = MemorySource(base)
    snapshot = source.fetch()

    def load(files: dict[str, bytes]) -> DesiredState:
        overlay = Overlay(source, snapshot, files)
        return Loader(FixedClock()).load(overlay, overlay.snapshot)

    drafts = tuple(fitting.draft(one, names[one.ref], with_queries=False) for one in live)
    sheets = fitting.fit(
        {PATH: Sheet("cust_1", ("file", "/tokens/{app_id}"), drafts)}, lambda files: load(dict(files)).problems
    )
    sheet = sheets[PATH]
    if not sheet.drafts:
        assert sheet.refused
        return
    text, _ = drafting.text(sheet, factored=True)
    state = load({PATH: text.encode()})
    assert not state.rejected
    pairs = [(app, one) for app in state.apps for one in live if one.ref == app.ref]
    plan = build.build(state.revision, pairs, {}, digest)
    assert plan.steps == ()
    assert {app.ref for app in state.apps} | {ref for ref, _ in sheet.refused} == {one.ref for one in live}
    assert fleets.CANARY not in text
    assert text.isprintable() or all(char == "\n" or char.isprintable() for char in text)
    for draft in sheet.drafts:
        assert set(draft.values) | set(draft.left) == set(Field)
        assert not set(draft.values) & set(draft.left)


def accepted(seed: int) -> bool:
    """One drift accepted into one source; whether it was (else it was refused, and nothing is made)."""
    rng = random.Random(seed)
    written = fleets.source(rng)
    source = MemorySource(written.files)
    snapshot = source.fetch()
    before = Loader(FixedClock()).load(source, snapshot)
    choices = [(app, name) for app in before.apps for name, _ in app.settings.declared()]
    if not choices:
        return False
    app, name = rng.choice(choices)
    value = rng.choice((None, "https://hooks.example/new", "https://hooks.example/n,e:w'q/x:", "http://bad.example/"))
    live = LiveApp(app.ref, _live(app).with_setting(name, url.parse(value) if value else None), fleets.AT)
    if not accepting.check(app, name, live, with_queries=False):
        return False

    def load(path: str, data: bytes) -> DesiredState:
        overlay = Overlay(source, snapshot, {path: data})
        return Loader(FixedClock()).load(overlay, overlay.snapshot)

    try:
        edit = accepting.edit(app, name, live, before, written.files)
        accepting.prove(app, name, live, before, lambda: load(edit.path, edit.after))
    except DesiredStateError:
        assert value == "http://bad.example/"
        return False
    _only_that_line(edit.before, edit.after)
    assert all(comment.encode() in edit.after for comment in written.comments if comment.encode() in edit.before)
    after = {one.ref: one for one in load(edit.path, edit.after).apps}
    for one in before.apps:
        expected = _said(one)
        if one.ref == app.ref:
            expected[name] = (plain(live.settings.get(name)),)
        assert _said(after.pop(one.ref)) == expected
    assert after == {}
    return True


def _live(app: DesiredApp) -> AppSettings:
    unset = {name: app.settings.get(name) for name in Field}
    return replace(app.settings, **{name.value: None for name, value in unset.items() if value is UNDECLARED})


def _said(app: DesiredApp) -> dict[Field, object]:
    return {name: (plain(value),) for name, value in app.settings.declared()}


def _only_that_line(before: bytes, after: bytes) -> None:
    old, new = before.split(b"\n"), after.split(b"\n")
    moves = [
        move for move in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if move[0] != "equal"
    ]
    [(kind, i1, i2, j1, j2)] = moves
    assert (kind, i2 - i1, j2 - j1) in {("replace", 1, 1), ("insert", 0, 1), ("insert", 0, 2)}


def test_random_fleets_come_out_as_they_are_live() -> None:
    for seed in range(ROUNDS):
        imported(seed)


def test_random_drifts_move_one_value_and_nothing_else() -> None:
    done = sum(accepted(seed) for seed in range(ROUNDS))
    assert done > ROUNDS / 3


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_fleets_come_out_as_they_are_live(figure: Recorder) -> None:
    for seed in range(SOAK):
        imported(seed)
    figure("imported-fleets", SOAK, seeds=f"0-{SOAK - 1}", result="each plan empty, no secret written")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_drifts_move_one_value_and_nothing_else(figure: Recorder) -> None:
    done = sum(accepted(seed) for seed in range(2 * SOAK))
    figure("accepted-drifts", done, seeds=f"0-{2 * SOAK - 1}", result="one line each, nothing else resolved otherwise")


def test_an_edit_that_can_not_be_made_is_refused() -> None:
    with pytest.raises(SyncerError):
        accepting.edit(*_folded())


def _folded() -> tuple[DesiredApp, Field, LiveApp, DesiredState, dict[str, bytes]]:
    """A value that goes on over two lines."""
    text = (
        b"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n  a:\n    settings:\n"
        b'      popup_url: "https://hooks.example/\\\n        x"\n'
    )
    source = MemorySource({"a.yaml": text})
    state = Loader(FixedClock()).load(source, source.fetch())
    [app] = state.apps
    live = LiveApp(app.ref, _live(app).with_setting(Field.POPUP_URL, None), fleets.AT)
    return app, Field.POPUP_URL, live, state, {"a.yaml": text}
