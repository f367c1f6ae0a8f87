"""YAML made by hand: every word that some reader takes for something else, where four types are declared; and traps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from syncer import settings
from syncer.desired.loader import Loader
from syncer.errors import ConfigError, DesiredStateError
from syncer.model.fields import Field
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.desired import DesiredState
    from tests.soak.figures import Recorder

WORDS = (
    *(
        "true",
        "false",
        "True",
        "False",
        "TRUE",
        "FALSE",
        "yes",
        "no",
        "Yes",
        "No",
        "YES",
        "NO",
        "on",
        "off",
        "On",
        "OFF",
    ),
    *("y", "n", "Y", "N", "null", "Null", "NULL", "~", "", "nil", "none", "None", "undefined"),
    *("0", "1", "-1", "+1", "25", "007", "0o17", "0x1F", "0b11", "1_000", "1,000", "12:30", "1:30:00", "190:20:30"),
    *("1.0", "1.", ".5", "1e3", "1E3", "1.5e-3", ".inf", "-.inf", ".nan", ".NaN", "NaN", "Infinity"),
    *("2026-08-01", "2026-08-01T10:00:00Z", "2026-08-01 10:00", "10:00", "Mon"),
    *("a", "A1", "prod", "pre-prod", "v1.2", "1.2.3", "1e", "e1", "0x", "_a", "a_b", "-", ".", "..", "=", "<<"),
    *('"true"', "'25'", '"null"', "'no'", '"2026-08-01"', "'~'", '""', "''"),
)
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


def meaning(word: str) -> object:
    """The value of a plain or quoted word after YAML 1.2's core schema as this project has it, worked out by itself."""
    if word[:1] in {'"', "'"}:
        return word[1:-1]
    if word in {"true", "false"}:
        return word == "true"
    if word in {"null", "~", ""}:
        return None
    return int(word) if INTEGER.fullmatch(word) else word


def load(text: str | bytes) -> DesiredState | None:
    """The state of one file, None where nothing loads."""
    source = MemorySource({"a.yaml": text})
    try:
        return Loader(FixedClock(), None, ()).load(source, source.fetch())
    except DesiredStateError:
        return None


def rules(text: str | bytes) -> set[str]:
    source = MemorySource({"a.yaml": text})
    try:
        return {problem.rule for problem in Loader(FixedClock(), None, ()).load(source, source.fetch()).problems}
    except DesiredStateError as error:
        return {problem.rule for problem in error.problems}


def file(app: str) -> str:
    return f"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps:\n  desk:\n    token: {{env: T}}\n{app}"


@pytest.mark.parametrize("word", WORDS)
def test_a_flag_is_true_or_false_and_nothing_else(word: str) -> None:
    found = load(file(f"    settings:\n      recording_url: https://h.example/\n      recording_enabled: {word}\n"))
    value = meaning(word)
    if isinstance(value, bool):
        assert found is not None
        assert dict(found.apps[0].settings.declared())[Field.RECORDING_ENABLED] is value
    else:
        assert found is None or found.problems


@pytest.mark.parametrize("word", WORDS)
def test_a_label_is_the_text_that_stands_there_or_an_error(word: str) -> None:
    text = file(f"    labels:\n      env: {word}\n    settings: {{recording_enabled: false}}\n")
    value = meaning(word)
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        found = load(text)
        assert found is not None
        assert dict(found.apps[0].labels)["env"] == value
    elif isinstance(value, str):
        assert rules(text) & {"SY205", "SY206", "SY107", "SY104"}
    else:
        assert rules(text) == {"SY203"}


@pytest.mark.parametrize("word", WORDS)
def test_a_url_is_a_url_or_nothing(word: str) -> None:
    text = file(f"    settings:\n      popup_url: {word}\n")
    if meaning(word) is None:
        found = load(text)
        assert found is not None
        assert dict(found.apps[0].settings.declared()) == {Field.POPUP_URL: None}
    else:
        assert rules(text), word


@pytest.mark.parametrize("word", WORDS)
def test_a_number_is_a_plain_whole_number(tmp_path: Path, word: str) -> None:
    path = tmp_path / "syncer.yaml"
    path.write_text(f"apiVersion: syncer/v1\nkind: Config\npolicy:\n  budget:\n    apps: {word}\n")
    value = meaning(word)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        assert settings.load({}, {}, path).settings.policy.limits.apps == value
        return
    with pytest.raises(ConfigError) as caught:
        settings.load({}, {}, path)
    assert {problem.rule for problem in caught.value.problems} <= {"SY203", "SY207", "SY107", "SY104"}


HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\n"
APP = "apps: {desk: {token: {env: T}, settings: {recording_enabled: true}}}\n"
LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))
TRAPS: tuple[tuple[str, str | bytes, str], ...] = (
    ("billion laughs", f"a0: &a0 [lol]\n{LAUGHS}\n", "SY106"),
    ("anchor", HEAD + "apps: &x {desk: {}}\n", "SY106"),
    ("alias", HEAD + "apps: {desk: {settings: &s {recording_enabled: true}}, two: {settings: *s}}\n", "SY106"),
    ("merge key", HEAD + "apps: {desk: {<<: {settings: {recording_enabled: true}}}}\n", "SY107"),
    ("quoted merge key", HEAD + 'apps: {desk: {"<<": {a: 1}}}\n', "SY201"),
    ("python tag", HEAD + "apps: !!python/object/apply:os.system [id]\n", "SY108"),
    ("own tag", HEAD + "apps: {desk: {settings: !secret {recording_enabled: true}}}\n", "SY108"),
    ("str tag", HEAD + "apps: {desk: {labels: {env: !!str 25}}}\n", "SY108"),
    ("binary tag", HEAD + "apps: {desk: {labels: {env: !!binary aGk=}}}\n", "SY108"),
    ("set tag", HEAD + "apps: !!set {desk}\n", "SY108"),
    ("YAML 1.1 directive", "%YAML 1.1\n---\n" + HEAD + APP, "SY108"),
    ("YAML 1.2 directive", "%YAML 1.2\n---\n" + HEAD + APP, "SY108"),
    ("TAG directive", "%TAG ! tag:x,2000:\n---\n" + HEAD + APP, "SY108"),
    ("two documents", HEAD + APP + "---\n" + HEAD + APP, "SY111"),
    ("a document after the end", HEAD + APP + "...\n" + HEAD, "SY104"),
    ("same key, plain", HEAD + "apps: {desk: {settings: {popup_url: null, popup_url: null}}}\n", "SY112"),
    ("same key, quoted", HEAD + 'apps: {desk: {settings: {popup_url: null, "popup_url": null}}}\n', "SY112"),
    ("same key, escaped", HEAD + 'apps: {desk: {settings: {popup_url: null, "popup\\u005furl": null}}}\n', "SY112"),
    ("same key, folded", HEAD + "apps: {desk: {settings: {popup_url: null, 'popup_url' : null}}}\n", "SY112"),
    ("same key at the top", HEAD + APP + APP, "SY112"),
    ("same key, explicit", HEAD + "apps:\n  ? desk\n  : {}\n  desk: {}\n", "SY112"),
    ("a list as a key", HEAD + "apps: {[a, b]: {}}\n", "SY113"),
    ("a mapping as a key", HEAD + "apps: {{a: b}: {}}\n", "SY113"),
    ("a number as a key", HEAD + "apps: {desk: {labels: {1: x}}}\n", "SY113"),
    ("a boolean as a key", HEAD + "apps: {true: {}}\n", "SY113"),
    ("null as a key", HEAD + "apps: {~: {}}\n", "SY113"),
    ("nothing", "", "SY114"),
    ("a comment alone", "# nothing\n", "SY114"),
    ("three dashes alone", "---\n", "SY114"),
    ("null", "null\n", "SY114"),
    ("a list", "- apps\n", "SY203"),
    ("a text", "apps\n", "SY203"),
    ("an empty mapping", "{}\n", "SY202"),
    ("byte order mark", b"\xef\xbb\xbf" + (HEAD + APP).encode(), "SY101"),
    ("UTF-16 with a mark", (HEAD + APP).encode("utf-16"), "SY101"),
    ("UTF-16 without a mark", (HEAD + APP).encode("utf-16-le"), "SY103"),
    ("UTF-32", (HEAD + APP).encode("utf-32"), "SY101"),
    ("Latin-1", (HEAD + "# é\n" + APP).encode("latin-1"), "SY101"),
    ("a lone surrogate", HEAD.encode() + b"# \xed\xa0\x80\n" + APP.encode(), "SY101"),
    ("an overlong slash", HEAD.encode() + b"# \xc0\xaf\n" + APP.encode(), "SY101"),
    ("NUL", HEAD + "# \x00\n" + APP, "SY103"),
    ("escape", HEAD + "# \x1b[2J\n" + APP, "SY103"),
    ("backspace", HEAD + "# \x08\n" + APP, "SY103"),
    ("delete", HEAD + "# \x7f\n" + APP, "SY103"),
    ("C1", HEAD + "# \x9b2J\n" + APP, "SY103"),
    ("next line", HEAD + "# \x85" + APP, "SY103"),
    ("line separator", HEAD + "# \u2028" + APP, "SY103"),
    ("paragraph separator", HEAD + "# \u2029" + APP, "SY103"),
    ("right-to-left override", HEAD + "# \u202e\n" + APP, "SY103"),
    ("left-to-right isolate", HEAD + "# \u2066\n" + APP, "SY103"),
    ("a mark in the middle", HEAD + "# \ufeff\n" + APP, "SY103"),
    ("an escaped override", HEAD + 'apps: {desk: {labels: {env: "\\u202e"}}}\n', "SY205"),
    ("an escaped newline in an id", HEAD + 'apps: {desk: {app_id: "a\\nb"}}\n', "SY205"),
    ("a tab as indent", HEAD + "apps:\n\tdesk: {}\n", "SY105"),
    ("an open bracket", HEAD + "apps: [\n", "SY104"),
    ("an open quote", HEAD + 'apps: "desk\n', "SY104"),
    ("a stray closing brace", HEAD + APP + "}\n", "SY104"),
    ("a wrong indent", HEAD + "apps:\n  desk: {}\n two: {}\n", "SY104"),
    ("a bad escape", HEAD + 'apps: {desk: {labels: {env: "\\q"}}}\n', "SY104"),
    ("a key without a colon", HEAD + "apps:\n  desk\n  two: {}\n", "SY104"),
    ("a reserved letter", HEAD + "apps: {desk: {labels: {env: @x}}}\n", "SY104"),
    ("50,000 brackets", HEAD + "apps: " + "[" * 50_000, "SY109"),
    ("50,000 braces", HEAD + "apps: " + "{a: " * 50_000, "SY109"),
    ("thirteen levels", HEAD + "apps: " + "{a: " * 13 + "1" + "}" * 13 + "\n", "SY109"),
    ("a very long text", HEAD + f"apps: {{desk: {{labels: {{env: {'x' * 70_000}}}}}}}\n", "SY110"),
    ("an unknown key", HEAD + "apps: {desk: {settings: {popup_ulr: null}}}\n", "SY201"),
    ("a key in another case", HEAD + "apps: {desk: {settings: {Popup_url: null}}}\n", "SY201"),
    ("a full-width key", HEAD + "apps: {desk: {settings: {\uff50opup_url: null}}}\n", "SY201"),
    ("another kind", "apiVersion: syncer/v1\nkind: ConfigMap\n", "SY212"),
    ("another version", "apiVersion: v1\nkind: Apps\n", "SY204"),
    ("no apps", HEAD, "SY202"),
    ("empty apps", HEAD + "apps: {}\n", "SY208"),
    ("apps as a list", HEAD + "apps: [desk]\n", "SY203"),
    ("a very long id", HEAD + f"apps: {{desk: {{app_id: {'x' * 129}}}}}\n", "SY206"),
    ("dots as an id", HEAD + "apps: {desk: {app_id: ..}}\n", "SY205"),
    ("a slash in an id", HEAD + "apps: {desk: {app_id: a/b}}\n", "SY205"),
    ("a Cyrillic letter in an id", HEAD + "apps: {desk: {app_id: \u0430pp}}\n", "SY205"),
)


@pytest.mark.parametrize(
    ("text", "rule"), [(text, rule) for _, text, rule in TRAPS], ids=[name for name, _, _ in TRAPS]
)
def test_a_trap_has_its_rule(text: str | bytes, rule: str) -> None:
    assert rule in rules(text)


@pytest.mark.soak
def test_the_corpus_is_large_enough(figure: Recorder) -> None:
    count = 4 * len(WORDS) + len(TRAPS)
    assert count >= 300
    figure("yaml-corpus", count, seeds="none", result="each with its value or rule")
