from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from syncer.documents import render, schema
from syncer.documents.loading import parse
from syncer.model.problems import Place, Problem, Severity

AT = Place("apps/acme.yaml", 14, 7, 12, "      recoding_url: https://hooks.acme.example/x")


def test_a_problem_is_drawn_as_rustc_draws_it() -> None:
    problem = Problem("SY201", "unknown key `recoding_url`", AT, help="did you mean `recording_url`?")
    assert render.problem(problem) == (
        "error[SY201]: unknown key `recoding_url`\n"
        "  --> apps/acme.yaml:14:7\n"
        "   |\n"
        "14 |       recoding_url: https://hooks.acme.example/x\n"
        "   |       ^^^^^^^^^^^^\n"
        "   |\n"
        "   = help: did you mean `recording_url`?\n"
    )


def test_where_two_places_disagree_both_are_drawn() -> None:
    parsed = parse("a.yaml", b"popup: good\nother: 1\npopup: evil\n")
    assert render.problems(parsed.problems) == (
        "error[SY112]: the same key twice\n"
        " --> a.yaml:3:1\n"
        "  |\n"
        "3 | popup: evil\n"
        "  | ^^^^^ again\n"
        " --> a.yaml:1:1\n"
        "  |\n"
        "1 | popup: good\n"
        "  | ^^^^^ first here\n"
        "  |\n"
        "  = help: delete one of the two\n"
    )


def test_problems_stand_apart() -> None:
    parsed = parse("a.yaml", b"a: *x\nb: *y\n")
    assert render.problems(parsed.problems).count("\n\nerror[") == 1


def test_a_line_that_must_not_be_shown_is_not_drawn() -> None:
    text = b"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\napps: {a: {token: hunter2}}\n"
    drawn = render.problems(schema.check(parse("a.yaml", text), "apps"))
    assert drawn.splitlines()[:3] == [
        "error[SY401]: this looks like a secret itself",
        " --> a.yaml:4:19",
        "  |",
    ]
    assert "hunter2" not in drawn


def test_without_help_and_line_there_are_two_lines() -> None:
    assert render.problem(Problem("SY293", "missing", Place("a.yaml"))) == "error[SY293]: missing\n --> a.yaml:1:1\n"


def test_warnings_say_so() -> None:
    assert render.problem(Problem("SY501", "m", AT, severity=Severity.WARNING)).startswith("warning[SY501]: m")


def test_a_tab_is_drawn_as_four_columns() -> None:
    drawn = render.drawing(Place("a", 1, 2, 1, "\tx: 1"))
    assert drawn == render.Drawing("    x: 1", 4, 1)


def test_wide_and_combining_characters_keep_the_caret_in_place() -> None:
    assert render.drawing(Place("a", 1, 4, 1, "日本 x")).indent == 5
    assert render.drawing(Place("a", 1, 3, 1, "e\u0301x")).indent == 1


def test_what_hides_is_drawn_as_its_code() -> None:
    drawn = render.problem(Problem("SY201", "key `a\x1b[2J`", Place("x\u202e.yaml", 1, 4, 1, "a: \u200b\x07b")))
    assert drawn.splitlines() == [
        "error[SY201]: key `a\\u{1b}[2J`",
        " --> x\\u{202e}.yaml:1:4",
        "  |",
        "1 | a: \\u{200b}\\u{7}b",
        "  |    ^^^^^^^^",
    ]


def test_a_long_line_is_cut_around_the_caret() -> None:
    line = "a: {" + ", ".join(f"k{n}: value{n}" for n in range(60)) + "}"
    column = line.index("k30") + 1
    drawn = render.drawing(Place("a", 1, column, 3, line))
    assert len(drawn.text) <= render.WIDTH
    assert drawn.text[drawn.indent : drawn.indent + drawn.length] == "k30"
    assert (drawn.text[0], drawn.text[-1]) == ("…", "…")


def test_a_long_line_is_not_cut_in_front_when_the_caret_stands_early() -> None:
    drawn = render.drawing(Place("a", 1, 1, 500, "x" * 500))
    assert (drawn.text[:2], drawn.text[-1], drawn.indent, drawn.length) == ("xx", "…", 0, 98)


def test_colour_frames_the_same_text() -> None:
    problem = Problem("SY201", "m", AT, help="h")
    coloured = render.problem(problem, color=True)
    plain = coloured
    for code in (render.RED, render.BLUE, render.BOLD, render.RESET):
        plain = plain.replace(code, "")
    assert coloured != plain == render.problem(problem)


def test_brief_is_one_line() -> None:
    problem = Problem("SY201", "m\nn", AT, help="h")
    assert render.brief(problem) == "apps/acme.yaml:14:7: error[SY201]: m\\u{a}n (h)"
    assert render.brief(Problem("SY201", "m", Place("a"))) == "a:1:1: error[SY201]: m"


@given(
    st.text(max_size=300).map(lambda text: text.replace("\n", " ")),
    st.integers(1, 400),
    st.integers(0, 400),
    st.text(max_size=20),
)
def test_any_text_is_drawn_within_the_width_and_without_control(
    line: str, column: int, length: int, message: str
) -> None:
    drawn = render.drawing(Place("a", 1, column, length, line))
    assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in drawn.text) <= render.WIDTH + 150
    assert drawn.length >= 1
    text = render.problem(Problem("SY201", message, Place(message, 1, column, length, line), message, help=message))
    assert all(char.isprintable() or char == "\n" for char in text)
