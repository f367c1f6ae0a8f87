from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.documents import building, events, loading
from syncer.documents.loading import Parsed, parse

if TYPE_CHECKING:
    from syncer.model.problems import Problem

BOTH = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])


def read(text: str, *, pure: bool = False) -> Parsed:
    return parse("a.yaml", text.encode(), pure=pure)


def only(parsed: Parsed) -> Problem:
    (problem,) = parsed.problems
    return problem


@BOTH
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("25", 25),
        ("-7", -7),
        ("no", "no"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("off", "off"),
        ("True", "True"),
        ("FALSE", "FALSE"),
        ("Null", "Null"),
        ("NULL", "NULL"),
        ("y", "y"),
        ("n", "n"),
        ("012", "012"),
        ("0o14", "0o14"),
        ("0x1F", "0x1F"),
        ("+5", "+5"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1:30:00", "1:30:00"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-08-01", "2026-08-01"),
        ("2026-08-01T10:00:00Z", "2026-08-01T10:00:00Z"),
        ("9999999999999999", "9999999999999999"),
        ("=", "="),
        ('"true"', "true"),
        ("'12'", "12"),
        ('""', ""),
        ('"null"', "null"),
        ("https://hooks.acme.example/{app}/x", "https://hooks.acme.example/{app}/x"),
    ],
)
def test_scalars_have_the_types_of_yaml_1_2_and_no_others(written: str, value: object, *, pure: bool) -> None:
    parsed = read(f"key: {written}\n", pure=pure)
    assert (parsed.value, parsed.problems) == ({"key": value}, ())
    assert type(parsed.value["key"]) is type(value)  # type: ignore[index, call-overload]  # it is that mapping


@BOTH
def test_mappings_and_lists_nest(*, pure: bool) -> None:
    text = "a:\n  b: [1, {c: x}]\n  d:\n    - e\n    - f: g\n"
    assert read(text, pure=pure).value == {"a": {"b": [1, {"c": "x"}], "d": ["e", {"f": "g"}]}}


@BOTH
def test_a_block_text_keeps_its_lines(*, pure: bool) -> None:
    assert read("a: |\n  one\n  two\n", pure=pure).value == {"a": "one\ntwo\n"}


@BOTH
@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: &x 1\n", "SY106", 1, 4),
        ("a: *x\n", "SY106", 1, 4),
        ("a: {b: 1, *x : 2}\n", "SY106", 1, 11),
        ("a:\n  <<: {b: 1}\n", "SY107", 2, 3),
        ("a: !!str 1\n", "SY108", 1, 4),
        ("a: !!python/object:os.system {}\n", "SY108", 1, 4),
        ("a: ! x\n", "SY108", 1, 4),
        ("%YAML 1.1\n---\na: 1\n", "SY108", 1, 1),
        ("---\na: 1\n---\nb: 2\n", "SY111", 3, 1),
        ("a: 1\nb: 2\na: 3\n", "SY112", 3, 1),
        ("a: {b: 1, b: 2}\n", "SY112", 1, 11),
        ("1: a\n", "SY113", 1, 1),
        ("true: a\n", "SY113", 1, 1),
        ("~: a\n", "SY113", 1, 1),
        ("? [a]\n: b\n", "SY113", 1, 3),
        ("? {a: 1}\n: b\n", "SY113", 1, 3),
        ("", "SY114", 1, 1),
        ("# only a comment\n", "SY114", 1, 1),
        ("---\n", "SY114", 1, 1),
        ("null\n", "SY114", 1, 1),
        ("a: 1\n\tb: 2\n", "SY105", 2, 1),
        ("a: @x\n", "SY104", 1, 4),
        ("a: [1, 2\n", "SY104", 2, 1),
        ("a: b: c\n", "SY104", 1, 5),
        ('a: "\\u0000"\n', "SY103", 1, 4),
        ('a: "\\u202e"\n', "SY103", 1, 4),
    ],
)
def test_what_is_not_read_has_its_rule_and_place(text: str, rule: str, line: int, column: int, *, pure: bool) -> None:
    problem = read(text, pure=pure).problems[0]
    assert (problem.rule, problem.at.line, problem.at.column) == (rule, line, column)


@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b"\xef\xbb\xbfa: 1\n", "SY101", 1, 1),
        ("a: 1\n".encode("utf-16"), "SY101", 1, 1),
        (b"a: 1\nb: \xff\n", "SY101", 2, 4),
        (b"a: \xed\xa0\x80\n", "SY101", 1, 4),
        (b"a: \x00\n", "SY103", 1, 4),
        (b"a: 1\n# \xe2\x80\xae\n", "SY103", 2, 3),
        (b"a: 1\rb: 2\n", "SY103", 1, 5),
        (b"a: \x1b[31m\n", "SY103", 1, 4),
        ("a: \u2028\n".encode(), "SY103", 1, 4),
    ],
)
def test_bytes_that_hide_something_are_refused(data: bytes, rule: str, line: int, column: int) -> None:
    parsed = parse("a.yaml", data)
    problem = only(parsed)
    assert (problem.rule, problem.at.line, problem.at.column) == (rule, line, column)
    assert (parsed.value, parsed.whole) == (None, False)


def test_utf_16_without_a_mark_is_refused() -> None:
    assert only(parse("a.yaml", "a: 1\n".encode("utf-16-le"))).rule == "SY103"


def test_windows_line_ends_are_read() -> None:
    parsed = parse("a.yaml", b"a: 1\r\nb: x\r\n")
    assert (parsed.value, parsed.problems) == ({"a": 1, "b": "x"}, ())
    assert parsed.places.value(("b",)).text == "b: x"


def test_a_list_as_key_of_a_list_s_mapping_is_dropped_with_its_value() -> None:
    assert read("- {? [a] : {b: c}, d: e}\n").value == [{"d": "e"}]


def test_an_alias_as_key_is_dropped_with_its_value() -> None:
    assert read("a: {*x : {b: c}, d: e}\n").value == {"a": {"d": "e"}}


def test_a_text_alone_is_a_document() -> None:
    assert read("word\n").value == "word"


def test_an_alias_alone_is_a_problem() -> None:
    assert only(read("*x\n")).rule == "SY106"


def test_without_libyaml_the_pure_parser_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncer.documents.events._CParser", None)
    assert read("a: [1, x]\n").value == {"a": [1, "x"]}


def test_the_pure_parser_refuses_what_it_can_t_print() -> None:
    with pytest.raises(events.Broken):
        events.open_stream("a: \x07\n", pure=True)


def test_a_duplicate_shows_both_places_and_keeps_the_first() -> None:
    parsed = read("a: good\nb: 1\na: evil\n")
    problem = only(parsed)
    assert problem.other is not None
    assert (problem.at.line, problem.label, problem.other.line, problem.other_label) == (3, "again", 1, "first here")
    assert parsed.value == {"a": "good", "b": 1}


def test_every_fault_of_a_file_is_told_at_once() -> None:
    parsed = read("a: &x 1\na: 2\nb: !t x\n3: c\n")
    assert [problem.rule for problem in parsed.problems] == ["SY106", "SY112", "SY108", "SY113"]


def test_faults_before_a_syntax_error_are_told_with_it() -> None:
    assert [problem.rule for problem in read("a: &x 1\nb: @\n").problems] == ["SY106", "SY104"]


def test_a_file_full_of_faults_is_cut_off() -> None:
    parsed = read("a: 1\n" * 1000)
    assert (len(parsed.problems), parsed.whole) == (building.MAX_FAULTS, False)


@BOTH
@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000, "a: " + "[" * 13])
def test_deep_nesting_ends_the_file_and_not_the_process(text: str, *, pure: bool) -> None:
    parsed = read(text, pure=pure)
    assert {problem.rule for problem in parsed.problems} & {"SY109", "SY113", "SY104"}
    assert not parsed.whole


def test_twelve_levels_are_read() -> None:
    assert read("[" * 12 + "]" * 12).problems == ()


def test_an_alias_bomb_costs_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a, *a]\n" for n in range(40))
    started = time.perf_counter()
    assert read(bomb).problems[0].rule == "SY106"
    assert time.perf_counter() - started < 1


def test_too_many_nodes_end_the_file() -> None:
    parsed = read("[" + "a," * (building.MAX_NODES + 1) + "]")
    assert (only(parsed).rule, parsed.whole) == ("SY110", False)


def test_too_long_a_text_ends_the_file() -> None:
    assert only(read(f"a: {'x' * (building.MAX_SCALAR + 1)}")).rule == "SY110"


def test_too_large_a_file_is_not_even_decoded() -> None:
    assert only(parse("a.yaml", b"\xff" * (loading.MAX_BYTES + 1))).rule == "SY102"


PLACED = """\
apps:
  support-desk:
    settings: {popup_url: https://a.example/x, recording_enabled: true}
    hosts:
      - one
      - "two"
    empty:
text: |
  several
  lines
"""


@pytest.mark.parametrize(
    ("path", "key", "value", "length"),
    [
        ((), (1, 1), (1, 1), 1),
        (("apps",), (1, 1), (2, 3), 1),
        (("apps", "support-desk"), (2, 3), (3, 5), 1),
        (("apps", "support-desk", "settings", "popup_url"), (3, 16), (3, 27), 19),
        (("apps", "support-desk", "hosts", 1), (6, 9), (6, 9), 5),
        (("apps", "support-desk", "empty"), (7, 5), (7, 11), 1),
        (("text",), (8, 1), (8, 7), 1),
        (("apps", "nope"), (1, 1), (1, 1), 4),
        (("apps", "support-desk", "hosts", 7), (4, 5), (4, 5), 5),
        (("apps", "support-desk", "empty", "below"), (7, 5), (7, 5), 5),
    ],
)
def test_keys_and_values_have_places(
    path: tuple[str | int, ...], key: tuple[int, int], value: tuple[int, int], length: int
) -> None:
    places = read(PLACED).places
    at = places.value(path)
    assert (at.line, at.column, at.length) == (*value, length)
    assert (places.key(path).line, places.key(path).column) == key
    assert places.position(path) == key


def test_a_place_shows_its_line_with_secrets_covered() -> None:
    text = "a: https://u:hunter2@h.example/?k=secret&l=m # ghp_0123456789abcdefghij\n"
    line = read(text).places.value(("a",)).text
    assert line == "a: https://*********@h.example/?k=******&l=* # " + "*" * 24
    assert len(line) == len(text) - 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**14), 10**14)
    | st.text("abc:-#{}[]&*!|>'\"%@`\\ \n,?~né01", max_size=12)
)
keys = st.text("abcdefg -#:", min_size=1, max_size=6)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


def written(value: object) -> str:
    """A value as JSON-like YAML, every text in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return {None: "null", True: "true", False: "false"}.get(value, str(value))  # type: ignore[call-overload, no-any-return]  # scalars only


@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_what_is_read(value: dict[str, object]) -> None:
    for pure in (False, True):
        parsed = read(written(value), pure=pure)
        assert parsed.value == value or parsed.problems[0].rule == "SY109"


@given(st.binary(max_size=200) | st.text("ab:-#{}[]&*!|>'\"%@`\\ \n\t,?~<=é\u202e\x00", max_size=80).map(str.encode))
@settings(max_examples=1500, deadline=None)
def test_no_bytes_raise_and_no_value_comes_without_its_place(data: bytes) -> None:
    for pure in (False, True):
        parsed = parse("fuzz.yaml", data, pure=pure)
        assert parsed.whole or parsed.problems
        assert isinstance(parsed.places.value(()).line, int)


@pytest.mark.soak
@pytest.mark.timeout(0)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=200_000, deadline=None)
def test_no_bytes_raise_at_length(data: bytes) -> None:
    parsed = parse("fuzz.yaml", data)
    assert parsed.whole or parsed.problems


@given(st.integers(0, 3), keys, st.lists(keys, min_size=1, max_size=5, unique=True))
@settings(max_examples=100, deadline=None)
def test_a_key_twice_is_found_at_every_depth(depth: int, twice: str, others: list[str]) -> None:
    inner = ", ".join(f'"{key}": 1' for key in [twice, *(o for o in others if o != twice), twice])
    text = "{a: " * depth + "{" + inner + "}" + "}" * depth
    assert [problem.rule for problem in read(text).problems] == ["SY112"]
