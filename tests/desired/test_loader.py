from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.desired.loader import Loader
from syncer.errors import DesiredStateError, SourceError
from syncer.model.desired import (
    AllowedHosts,
    DesiredState,
    Layer,
    OnCommit,
    OnDrift,
    Policy,
    Suspend,
    Window,
    WindowKind,
)
from syncer.model.fields import FLAG_FIELDS, UNDECLARED, Field
from syncer.model.problems import Place, Problem, Severity
from syncer.model.url import Url
from tests.support.documents_text import defaults, one_app
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model.desired import DesiredApp


def load(files: Mapping[str, str | bytes], policy: Policy | None = None, locked: tuple[str, ...] = ()) -> DesiredState:
    source = MemorySource(files)
    return Loader(FixedClock(), policy, locked).load(source, source.fetch())


def only(state: DesiredState) -> DesiredApp:
    assert state.problems == ()
    (app,) = state.apps
    return app


def rules(state: DesiredState) -> list[str]:
    return [problem.rule for problem in state.problems]


def names(state: DesiredState) -> list[str]:
    return [app.name for app in state.apps]


# Layers


def test_the_nearest_layer_wins_and_each_value_knows_its_layer() -> None:
    app = only(
        load(
            {
                "_defaults.yaml": defaults("labels: {a: root, b: root, c: root}\nsettings: {recording_enabled: false}"),
                "t/_defaults.yaml": defaults("labels: {b: folder, c: folder}\nsettings: {streaming_enabled: false}"),
                "t/x.yaml": one_app(more="    labels: {d: app}\n").replace(
                    "apps:", "defaults: {labels: {c: file}}\napps:"
                ),
            }
        )
    )
    assert dict(app.labels) == {"a": "root", "b": "folder", "c": "file", "d": "app"}
    layers = {key: (origin.path, origin.layer) for key, origin in app.more_origins if key.startswith("labels")}
    assert layers == {
        "labels.a": ("_defaults.yaml", Layer.FOLDER),
        "labels.b": ("t/_defaults.yaml", Layer.FOLDER),
        "labels.c": ("t/x.yaml", Layer.FILE),
        "labels.d": ("t/x.yaml", Layer.APP),
    }
    assert app.origin(Field.POPUP_URL).layer is Layer.APP
    assert app.origin(Field.STREAMING_ENABLED).path == "t/_defaults.yaml"


def test_a_defaults_file_reaches_its_folder_and_below_and_nothing_beside() -> None:
    state = load(
        {
            "a/_defaults.yaml": defaults("labels: {in: a}"),
            "a/b/c/x.yaml": one_app("deep"),
            "ab/x.yaml": one_app("beside"),
            "x.yaml": one_app("above"),
        }
    )
    assert {app.name: dict(app.labels) for app in state.apps} == {"deep": {"in": "a"}, "beside": {}, "above": {}}


def test_layering_starts_at_the_root_of_the_snapshot() -> None:
    source = MemorySource(
        {"conf/apps/_defaults.yaml": defaults("labels: {a: b}"), "conf/apps/x.yaml": one_app()}, "conf/apps"
    )
    assert dict(only(Loader(FixedClock()).load(source, source.fetch())).labels) == {"a": "b"}


def test_lists_replace_and_a_token_replaces_as_a_whole() -> None:
    windows = "windows: [{deny: 0 0 * * *, for: 1h}]"
    below = f"token: {{file: /run/t}}\npolicy: {{protected: [recording_enabled, popup_url], {windows}}}"
    app = only(
        load(
            {
                "_defaults.yaml": defaults(below),
                "x.yaml": one_app(more="    policy: {protected: [recording_url], windows: []}\n"),
            }
        )
    )
    assert app.policy.protected == (Field.RECORDING_URL,)
    assert app.policy.windows == ()
    assert str(app.token) == "EnvToken(name='TOKEN')"


def test_null_lifts_a_suspension_and_a_nearer_one_replaces_it_whole() -> None:
    below = defaults("policy: {suspend: {reason: move, until: 2030-01-31}}")
    lifted = load({"_defaults.yaml": below, "x.yaml": one_app(more="    policy: {suspend: null}\n")})
    assert only(lifted).policy.suspend is None
    nearer = load({"_defaults.yaml": below, "x.yaml": one_app(more="    policy: {suspend: {reason: mine}}\n")})
    assert only(nearer).policy.suspend == Suspend("mine")
    far = load({"_defaults.yaml": below, "x.yaml": one_app()})
    assert only(far).policy.suspend == Suspend("move", datetime(2030, 2, 1, tzinfo=UTC))


def test_the_operators_policy_is_the_weakest_layer() -> None:
    night = Window(WindowKind.DENY, "0 0 * * *", timedelta(hours=6), "UTC")
    policy = Policy(
        on_commit=OnCommit.HOLD,
        on_drift=OnDrift.REPORT,
        protected=(Field.POPUP_URL,),
        allowed_hosts=(AllowedHosts(None, ("h.example",)),),
        windows=(night,),
        suspend=Suspend("all of it"),
    )
    app = only(load({"x.yaml": one_app()}, policy))
    narrowed = tuple(AllowedHosts(field, ("h.example",)) for field in Field if field not in FLAG_FIELDS)
    assert app.policy == replace(policy, allowed_hosts=narrowed)
    assert dict(app.more_origins)["policy.on_commit"].layer is Layer.POLICY
    nearer = only(load({"x.yaml": one_app(more="    policy: {on_commit: apply, on_drift: ignore}\n")}, policy))
    assert (nearer.policy.on_commit, nearer.policy.on_drift) == (OnCommit.APPLY, OnDrift.IGNORE)


def test_the_name_is_the_id_when_none_is_given_and_an_app_may_be_empty() -> None:
    head = one_app().partition("apps:")[0]
    state = load(
        {
            "_defaults.yaml": defaults("token: {env: T}\nsettings: {popup_url: null}"),
            "x.yaml": head + "apps:\n  desk: {}\n",
        }
    )
    assert str(only(state).ref) == "acme/desk"


def test_undeclared_null_and_false_stay_apart() -> None:
    app = only(
        load({"x.yaml": one_app().replace("popup_url:", "missed_call_url: null, recording_enabled: false, popup_url:")})
    )
    assert app.settings.missed_call_url is None
    assert app.settings.recording_enabled is False
    assert app.settings.callback_url is UNDECLARED


def test_a_folder_lock_may_be_on_nothing_at_all() -> None:
    state = load({"_defaults.yaml": defaults("locked: [popup_url]"), "t/x.yaml": one_app()})
    assert (rules(state), state.rejected, state.apps) == (["SY305"], ("t/x.yaml",), ())


def test_saying_a_locked_value_again_is_no_change() -> None:
    below = defaults("locked: [recording_enabled]\nsettings: {recording_enabled: false}")
    state = load(
        {"_defaults.yaml": below, "t/x.yaml": one_app().replace("popup_url:", "recording_enabled: false, popup_url:")}
    )
    assert only(state).settings.recording_enabled is False


def test_a_lock_is_not_lifted_by_another_list_of_locks() -> None:
    state = load(
        {
            "_defaults.yaml": defaults("locked: [popup_url]"),
            "t/_defaults.yaml": defaults("locked: []"),
            "t/x.yaml": one_app(),
        }
    )
    assert rules(state) == ["SY305"]


def test_a_defaults_file_that_changes_what_is_locked_above_rejects_its_folder() -> None:
    state = load(
        {
            "_defaults.yaml": defaults("settings: {recording_enabled: false}\nlocked: [recording_enabled]"),
            "t/_defaults.yaml": defaults("settings: {recording_enabled: true, recording_url: https://h.example}"),
            "t/x.yaml": one_app("in"),
            "u/x.yaml": one_app("out"),
        }
    )
    assert state.rejected == ("t/_defaults.yaml", "t/x.yaml")
    assert names(state) == ["out"]


def test_the_operator_may_lock_fields_and_policy_keys() -> None:
    state = load({"x.yaml": one_app(more="    policy: {on_drift: ignore}\n")}, Policy(), ("on_drift", "popup_url"))
    assert rules(state) == ["SY305", "SY305"]
    assert all(problem.other is None and "operator" in problem.message for problem in state.problems)


def test_allowed_hosts_narrow_from_layer_to_layer() -> None:
    files = {
        "_defaults.yaml": defaults(
            "policy: {allowed_hosts: {all: [a.example, b.example], callback_url: [b.example, c.example]}}"
        ),
        "t/_defaults.yaml": defaults("policy: {allowed_hosts: {popup_url: [a.example]}}"),
        "t/x.yaml": one_app(url="https://a.example/x"),
    }
    found = {entry.field: entry.hosts for entry in only(load(files)).policy.allowed_hosts}
    assert found[Field.POPUP_URL] == ("a.example",)
    assert found[Field.CALLBACK_URL] == ("b.example", "c.example")
    assert found[Field.RECORDING_URL] == ("a.example", "b.example")
    assert rules(load({**files, "t/x.yaml": one_app(url="https://b.example/x")})) == ["SY330"]


def test_a_list_can_not_go_beyond_the_operators() -> None:
    policy = Policy(
        allowed_hosts=(AllowedHosts(None, ("h.example", "i.example")), AllowedHosts(Field.POPUP_URL, ("h.example",)))
    )
    wider = load(
        {"_defaults.yaml": defaults("policy: {allowed_hosts: {popup_url: [i.example]}}"), "x.yaml": one_app()}, policy
    )
    assert rules(wider) == ["SY306"]
    assert wider.problems[0].other is None
    everywhere = load(
        {"_defaults.yaml": defaults("policy: {allowed_hosts: {all: [i.example, h.example]}}"), "x.yaml": one_app()},
        policy,
    )
    assert only(everywhere).policy.allowed_hosts[0] == AllowedHosts(Field.POPUP_URL, ("h.example",))


def test_a_value_of_a_folder_is_measured_against_the_hosts_of_the_app() -> None:
    state = load(
        {
            "_defaults.yaml": defaults("settings: {callback_url: https://old.example/x}"),
            "t/_defaults.yaml": defaults("policy: {allowed_hosts: {callback_url: [new.example]}}"),
            "t/x.yaml": one_app(),
        }
    )
    (problem,) = state.problems
    assert (problem.rule, problem.at.path, problem.other and problem.other.path) == (
        "SY330",
        "t/x.yaml",
        "_defaults.yaml",
    )


# What is sent


@pytest.mark.parametrize(
    "text", ["https://h.example/~a%7E/%2F?x=1&y=+", "https://H.example:443", "https://h.example/a/../b"]
)
def test_the_text_in_the_file_is_the_text_that_is_sent(text: str) -> None:
    state = load({"x.yaml": one_app(url=text)})
    (app,) = state.apps
    assert isinstance(app.settings.popup_url, Url)
    assert app.settings.popup_url.text == text


def test_placeholders_are_filled_in_and_what_comes_out_is_checked() -> None:
    good = load(
        {"x.yaml": one_app(url="https://{labels.host}.example/{customer_id}/{app_id}", more="    labels: {host: h}\n")}
    )
    assert str(only(good).settings.popup_url) == "https://h.example/acme/desk"
    bad = load({"x.yaml": one_app(url="https://{labels.host}/", more="    labels: {host: '127.1'}\n")})
    assert rules(bad) == ["SY327"]
    outside = load({"x.yaml": one_app(url="https://{labels.host}.example/", more="    labels: {host: evil}\n")},
                   Policy(allowed_hosts=(AllowedHosts(None, ("h.example",)),)))  # fmt: skip
    assert rules(outside) == ["SY330"]


def test_a_url_grown_too_long_by_its_placeholders_is_an_error() -> None:
    assert rules(load({"x.yaml": one_app("n" * 100, url="https://h.example/" + "{app}" * 25)})) == ["SY325"]


def test_one_fault_of_a_defaults_file_is_reported_once() -> None:
    state = load(
        {
            "_defaults.yaml": defaults("settings: {callback_url: 'http://h.example'}\ntoken: {file: '/run/{ap}'}"),
            "a.yaml": one_app("a"),
            "b/b.yaml": one_app("b"),
        }
    )
    assert [(problem.rule, problem.at.path) for problem in state.problems] == [
        ("SY321", "_defaults.yaml"),
        ("SY310", "_defaults.yaml"),
    ]
    assert state.rejected == ("_defaults.yaml", "a.yaml", "b/b.yaml")


def test_a_wrong_recording_url_is_one_problem_and_not_two() -> None:
    text = one_app().replace("popup_url", "recording_enabled: true, recording_url: 'http://h.example', popup_url")
    assert rules(load({"x.yaml": text})) == ["SY321"]


def test_two_folders_that_disagree_are_told_at_the_app_that_suffers() -> None:
    state = load(
        {
            "_defaults.yaml": defaults("settings: {recording_enabled: true, recording_url: 'https://h.example/{app}'}"),
            "t/_defaults.yaml": defaults("settings: {recording_url: null}"),
            "t/x.yaml": one_app(),
        }
    )
    (problem,) = state.problems
    assert (problem.rule, str(problem.at), str(problem.other)) == ("SY301", "t/x.yaml:5:3", "t/_defaults.yaml:3:27")


# Isolation

POISON: dict[str, str | bytes] = {
    "empty": "",
    "comment": "# nothing\n",
    "null": "null\n",
    "braces": "{}\n",
    "list": "- a\n",
    "binary": bytes(range(256)),
    "utf-16": "kind: Apps".encode("utf-16"),
    "tab": "\tkind: Apps\n",
    "open bracket": "kind: Apps\napps: [",
    "deep": "[" * 50_000,
    "alias": "a: &a [x]\nb: *a\n",
    "another kind": "apiVersion: v1\nkind: ConfigMap\n",
    "no version": "kind: Apps\n",
    "wrong version": one_app("p").replace("syncer/v1", "syncer/v2"),
    "no apps": one_app().partition("  desk")[0] + "  {}\n",
    "two documents": one_app("p") + "---\n" + one_app("q"),
    "duplicate name": one_app("p") + one_app("p").partition("apps:\n")[2],
    "bad id": one_app("..", more=""),
    "surrogate": one_app("p", url="\\ud800"),
    "same app as a good file": one_app("good-1"),
}


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_file_stops_nobody_else(poison: str) -> None:
    good = {f"t/{number}.yaml": one_app(f"good-{number}") for number in range(5)}
    state = load({**good, "t/poison.yaml": POISON[poison]})
    hit = {"t/1.yaml"} if poison == "same app as a good file" else set()
    assert set(state.rejected) == {"t/poison.yaml", *hit}
    assert set(names(state)) == {f"good-{n}" for n in range(5) if f"t/{n}.yaml" not in hit}
    assert any(problem.severity is Severity.ERROR for problem in state.problems)


@pytest.mark.parametrize("broken", ["", "{", "kind: Defaults\nx: 1\n", b"\xff"])
def test_a_broken_defaults_file_rejects_its_folder_and_below_and_nothing_else(broken: str | bytes) -> None:
    state = load(
        {
            "t/_defaults.yaml": broken,
            "t/x.yaml": one_app("in"),
            "t/u/x.yaml": one_app("below"),
            "v/x.yaml": one_app("out"),
        }
    )
    assert state.rejected == ("t/_defaults.yaml", "t/u/x.yaml", "t/x.yaml")
    assert names(state) == ["out"]


def test_a_file_that_once_was_defaults_still_governs_when_it_breaks() -> None:
    source = MemorySource(
        {"t/common.yaml": defaults("labels: {a: b}"), "t/x.yaml": one_app("in"), "x.yaml": one_app("out")}
    )
    loader = Loader(FixedClock())
    loader.load(source, source.fetch())
    source.change({"t/common.yaml": ""})
    assert loader.load(source, source.fetch()).rejected == ("t/common.yaml", "t/x.yaml")


def test_a_broken_file_that_says_it_is_defaults_governs_whatever_its_name() -> None:
    state = load({"t/common.yaml": "kind: 'Default\n", "t/x.yaml": one_app("in"), "x.yaml": one_app("out")})
    assert state.rejected == ("t/common.yaml", "t/x.yaml")


def test_a_broken_apps_file_under_the_name_of_defaults_governs_nothing() -> None:
    state = load({"t/_defaults.yaml": "kind: Apps\n{", "t/x.yaml": one_app()})
    assert state.rejected == ("t/_defaults.yaml",)


def refused(path: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem("SY150", "a symlink is not followed", Place(path), severity=severity)


def test_a_refused_entry_is_rejected_and_a_refused_defaults_file_takes_its_folder_along() -> None:
    source = MemorySource({"t/x.yaml": one_app("in"), "u/x.yaml": one_app("out")})
    source.refused = (refused("t/_defaults.yaml"), refused("u/link.yaml"), refused("sub", Severity.WARNING))
    state = Loader(FixedClock()).load(source, source.fetch())
    assert state.rejected == ("t/_defaults.yaml", "t/x.yaml", "u/link.yaml")
    assert names(state) == ["out"]
    assert len(state.problems) == 3


def test_a_warning_rejects_nothing() -> None:
    state = load({"x.yaml": one_app(url="https://H.example")})
    assert (rules(state), state.rejected, names(state)) == (["SY502"], (), ["desk"])


def test_problems_outside_of_the_apps_leave_no_app_to_look_at() -> None:
    text = one_app(url="http://h.example").replace("customer_id: acme", "customer_id: [acme]")
    assert rules(load({"x.yaml": text})) == ["SY203"]
    after = one_app(url="http://h.example") + "defaults: {labels: {a: 1}}\n"
    assert rules(load({"x.yaml": after})) == ["SY203"]


def test_apps_in_one_line_with_a_broken_one_are_not_looked_at() -> None:
    text = one_app().partition("apps:")[0] + "apps: {a: {x: 1}, b: {settings: {popup_url: 'http://h.example'}}}\n"
    assert rules(load({"x.yaml": text})) == ["SY201"]


def test_two_customers_may_use_the_same_names_and_ids() -> None:
    assert len(load({"a.yaml": one_app(customer="acme"), "b.yaml": one_app(customer="globex")}).apps) == 2


def test_a_duplicate_of_an_app_in_a_file_that_is_rejected_anyway_is_a_duplicate() -> None:
    state = load({"a.yaml": one_app(), "b.yaml": one_app(url="http://h.example")})
    assert state.rejected == ("a.yaml", "b.yaml")


def test_an_id_that_is_wrong_for_all_apps_of_a_file_is_told_once() -> None:
    text = one_app("a", customer="ac..me") + one_app("b").partition("apps:\n")[2]
    (problem,) = load({"x.yaml": text}).problems
    assert (problem.rule, str(problem.at), problem.label) == ("SY307", "x.yaml:3:14", "")


def test_a_file_cut_off_anywhere_is_rejected_or_still_sends_only_to_allowed_hosts() -> None:
    policy = Policy(allowed_hosts=(AllowedHosts(None, ("hooks.acme.example",)),))
    text = one_app("a", url="https://hooks.acme.example/popup") + "    policy: {on_drift: report}\n"
    for length in range(len(text)):
        state = load({"x.yaml": text[:length], "y.yaml": one_app("y", url="https://hooks.acme.example/y")}, policy)
        for app in state.apps:
            url = app.settings.popup_url
            assert url is UNDECLARED or (isinstance(url, Url) and url.host == "hooks.acme.example")


# Empty sources


@pytest.mark.parametrize("files", [{}, {"_defaults.yaml": defaults()}, {"x.yaml": ""}, {"x.yaml": "kind: ConfigMap\n"}])
def test_a_source_without_apps_is_an_error(files: dict[str, str]) -> None:
    with pytest.raises(DesiredStateError, match="no apps in memory") as caught:
        load(files)
    assert caught.value.problems[0].rule == "SY309"
    assert caught.value.exit_code == 65


def test_an_empty_source_tells_what_was_refused() -> None:
    source = MemorySource({}, "apps")
    source.refused = (refused("apps/x.yaml"),)
    with pytest.raises(DesiredStateError) as caught:
        Loader(FixedClock()).load(source, source.fetch())
    assert [str(problem.at) for problem in caught.value.problems] == ["apps:1:1", "apps/x.yaml:1:1"]


def test_a_file_that_vanishes_between_listing_and_reading_is_a_source_error() -> None:
    source = MemorySource({"x.yaml": one_app(), "y.yaml": one_app("y")})
    snapshot = source.fetch()
    del source.revisions[snapshot.revision.id]["y.yaml"]
    with pytest.raises(SourceError, match=r"y\.yaml was listed"):
        Loader(FixedClock()).load(source, snapshot)


# What is kept


def test_only_what_changed_is_read_again() -> None:
    source = MemorySource({f"t/{n}.yaml": one_app(f"app-{n}") for n in range(20)})
    loader = Loader(FixedClock())
    loader.load(source, source.fetch())
    source.change(
        {"t/3.yaml": one_app("app-3", url="https://h.example/new"), "t/4.yaml": None, "u.yaml": one_app("new")}
    )
    state = loader.load(source, source.fetch())
    assert source.asked[1:] == [["t/3.yaml", "u.yaml"]]
    assert len(state.apps) == 20
    assert {app.revision.id for app in state.apps} == {f"{2:040x}"}
    assert {app.name: str(app.settings.popup_url) for app in state.apps}["app-3"] == "https://h.example/new"
    assert loader.load(source, source.fetch()) == state
    assert len(source.asked) == 2


def test_a_changed_defaults_file_reaches_files_that_did_not_change() -> None:
    source = MemorySource({"_defaults.yaml": defaults("labels: {a: old}"), "t/x.yaml": one_app()})
    loader = Loader(FixedClock())
    loader.load(source, source.fetch())
    source.change({"_defaults.yaml": defaults("labels: {a: new}")})
    assert dict(only(loader.load(source, source.fetch())).labels) == {"a": "new"}
    source.change({"_defaults.yaml": None})
    assert dict(only(loader.load(source, source.fetch())).labels) == {}


def test_a_file_that_moves_is_the_same_as_one_read_afresh() -> None:
    source = MemorySource({"a/_defaults.yaml": defaults("labels: {in: a}"), "a/x.yaml": one_app()})
    loader = Loader(FixedClock())
    loader.load(source, source.fetch())
    source.change({"a/x.yaml": None, "b/x.yaml": one_app()})
    app = only(loader.load(source, source.fetch()))
    assert (app.at.path, app.labels) == ("b/x.yaml", ())


def test_a_suspension_runs_out_without_any_change_of_files() -> None:
    source = MemorySource({"x.yaml": one_app(more="    policy: {suspend: {reason: move, until: 2025-06-30}}\n")})
    clock = FixedClock()
    loader = Loader(clock)
    assert loader.load(source, source.fetch()).problems == ()
    clock.time = datetime(2025, 7, 1, tzinfo=UTC)
    assert rules(loader.load(source, source.fetch())) == ["SY504"]


def test_a_suspension_of_the_operator_that_is_over_is_told_too() -> None:
    policy = Policy(suspend=Suspend("move", datetime(2020, 1, 1, tzinfo=UTC)))
    state = load({"x.yaml": one_app(), "y.yaml": one_app("y")}, policy)
    assert [(problem.rule, problem.at.path) for problem in state.problems] == [("SY504", "operator policy")]
