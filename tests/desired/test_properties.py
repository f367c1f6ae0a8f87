from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.desired.carry import carry_over
from syncer.desired.loader import Loader
from syncer.errors import DesiredStateError
from syncer.model.fields import Field, plain
from tests.support.documents_text import defaults, one_app
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from syncer.desired.snapshot import Entry
    from syncer.model.desired import AppRef, DesiredApp, DesiredState

UNHURRIED = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
"""Each example loads a whole source, twice or more: on a machine that is busy with other work that adds up."""
pytestmark = pytest.mark.timeout(600)

POLICY = "policy: {allowed_hosts: {all: [h.example]}}\n"
SOURCE: dict[str, str | bytes] = {
    "_defaults.yaml": defaults("labels: {company: acme}\nsettings: {recording_enabled: false}\n" + POLICY),
    "a/_defaults.yaml": defaults("labels: {team: a}\nlocked: [recording_enabled]\n"),
    "a/one.yaml": one_app("one"),
    "a/two.yaml": one_app("two", url="https://h.example/{labels.team}"),
    "a/deep/three.yaml": one_app("three"),
    "b/four.yaml": one_app("four", more="    labels: {team: b}\n"),
    "b/five.yaml": one_app("five", url="https://h.example/{app}"),
    "b/clash.yaml": one_app("clash", more="    app_id: five\n"),
    "broken.yaml": "kind: Apps\n{",
}
PATHS = sorted(SOURCE)
SPOILED: tuple[str | bytes, ...] = (
    "",
    "{",
    "kind: Defaults\n[",
    one_app("five"),
    b"\xff\xfe",
    "null\n",
    defaults("x: y\n"),
)


def load(files: Mapping[str, str | bytes], loader: Loader | None = None) -> DesiredState | None:
    source = MemorySource(files)
    try:
        return (loader or Loader(FixedClock())).load(source, source.fetch())
    except DesiredStateError:
        return None


def sent(state: DesiredState | None) -> dict[AppRef, dict[str, str | bool | None]]:
    return {app.ref: body(app) for app in (state.apps if state else ())}


def body(app: DesiredApp) -> dict[str, str | bool | None]:
    return {field.value: plain(value) for field, value in app.settings.declared()}


@given(st.sets(st.sampled_from(PATHS)))
@UNHURRIED
def test_no_subset_of_the_files_invents_an_app(kept: set[str]) -> None:
    everything = {f"acme/{name}" for name in ("one", "two", "three", "four", "five")}
    found = {str(ref) for ref in sent(load({path: SOURCE[path] for path in kept}))}
    assert found <= everything | {"acme/five"}


@given(st.dictionaries(st.sampled_from(PATHS), st.sampled_from(SPOILED), max_size=4))
@UNHURRIED
def test_spoiling_files_never_changes_what_is_sent_for_the_apps_that_remain(spoiled: dict[str, str | bytes]) -> None:
    spoiled = {path: text for path, text in spoiled.items() if "_defaults" not in path or text != SPOILED[3]}
    state = load({**SOURCE, **spoiled})
    untouched = sent(load(SOURCE))
    wanted = "https://h.example/five"  # the file of `five` may have been taken out of the clash, never rewritten
    for ref, values in sent(state).items():
        if ref in untouched:
            assert values == untouched[ref]
        else:
            assert values["popup_url"] in {wanted, "https://h.example/x"}


@given(st.dictionaries(st.sampled_from(PATHS), st.sampled_from(SPOILED), max_size=4), st.sampled_from(PATHS))
@UNHURRIED
def test_carrying_over_never_doubles_and_never_invents(spoiled: dict[str, str | bytes], removed: str) -> None:
    before = load(SOURCE)
    now = load({path: text for path, text in {**SOURCE, **spoiled}.items() if path != removed})
    assert before is not None
    if now is None:
        return
    carried = carry_over(before, now)
    refs = [app.ref for app in carried.apps]
    assert len(refs) == len(set(refs))
    assert refs == sorted(refs)
    assert set(refs) <= set(sent(before)) | set(sent(now))
    assert all(app.at.path != removed for app in carried.apps)
    assert all(bool(app.invalid) == (app.at.path in now.rejected) for app in carried.apps)


@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(PATHS), min_size=5))
@UNHURRIED
def test_the_order_of_entries_makes_no_difference(rng: random.Random, kept: set[str]) -> None:
    source = MemorySource({path: SOURCE[path] for path in kept})
    snapshot = source.fetch()
    shuffled = list(snapshot.entries)
    rng.shuffle(shuffled)

    def read(entries: tuple[Entry, ...]) -> DesiredState | None:
        try:
            return Loader(FixedClock()).load(source, replace(snapshot, entries=entries))
        except DesiredStateError:
            return None

    assert read(tuple(shuffled)) == read(snapshot.entries)


APPS_PATHS = [path for path in PATHS if "_defaults" not in path]
SAY_NOTHING_OF_DEFAULTS = [text for text in SPOILED if "Defaults" not in str(text)]


@given(
    st.lists(
        st.dictionaries(st.sampled_from(APPS_PATHS), st.sampled_from(SAY_NOTHING_OF_DEFAULTS), max_size=3),
        min_size=2,
        max_size=4,
    )
)
@UNHURRIED
def test_what_a_loader_remembers_makes_no_difference(history: list[dict[str, str | bytes]]) -> None:
    warm = Loader(FixedClock())
    for spoiled in history:
        files = {**SOURCE, **spoiled}
        assert load(files, warm) == load(files)


name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(lambda text: ".." not in text)


@given(app=name, app_id=name, customer=name, label=name)
@UNHURRIED
def test_placeholders_put_names_ids_and_labels_in_exactly_as_they_are(
    app: str, app_id: str, customer: str, label: str
) -> None:
    url = "https://h.example/{customer_id}/{app_id}/{app}/{labels.team}"
    text = one_app(f'"{app}"', f'"{customer}"', url, f'    app_id: "{app_id}"\n    labels: {{team: "{label}"}}\n')
    state = load({"x.yaml": text})
    assert sent(state)[state.apps[0].ref if state else None] == {  # type: ignore[index]  # a None fails as it should
        Field.POPUP_URL.value: f"https://h.example/{customer}/{app_id}/{app}/{label}"
    }
