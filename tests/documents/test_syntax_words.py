"""Syntax errors in words that say what to do."""

from __future__ import annotations

import pytest

from syncer.documents.loading import parse


@pytest.mark.parametrize(
    ("text", "words", "advice"),
    [
        ("a: 1\n\tb: 2\n", "a tab", "two spaces"),
        ("a: @x\n", "begin with `@`", "quotes"),
        ("a: `x`\n", "begin with ```", "quotes"),
        ("a: b: c\n", "a second `: `", "quotes"),
        ("a: 1\n b: 2\n", "a second `: `", "quotes"),
        ("a:\n  b: 1\n c: 2\n", "line up", "siblings"),
        ("a: [1, 2\nb: 3\n", "bracket", "`]`"),
        ("a: {b: 1\nc: [\n", "not closed", "close"),
        ("a:\n  - b\n  c: d\n", "line up", "`- `"),
        ('a: "x\n', "ends inside", "close the quote"),
        ('a: "\\q"\n', "escape", "single quotes"),
        ("b: 1\na\nc: 2\n", "without a colon", "`key: value`"),
        ("a: - b\n", "list can't begin here", "line of its own"),
        ('a: "\\ud800"\n', "no character", "leave the escape out"),
    ],
)
def test_the_message_names_the_cause_and_the_help_the_mending(text: str, words: str, advice: str) -> None:
    (problem,) = parse("a.yaml", text.encode()).problems
    assert words in problem.message
    assert advice in problem.help


@pytest.mark.parametrize(
    "text", ['a: "\\ud800"\n', 'a: "\\U00110000"\n', 'a: "\\UFFFFFFFF"\n', "%YAML 99999999999.1\n---\na\n"]
)
def test_the_pure_parser_s_own_crashes_are_problems_too(text: str) -> None:
    assert parse("a.yaml", text.encode(), pure=True).problems != ()


def test_words_that_nobody_foresaw_are_passed_on() -> None:
    (problem,) = parse("a.yaml", b"%TAG ! x y z\n---\na: 1\n").problems
    assert problem.message != ""
    assert problem.help != ""


def test_a_key_without_a_colon_is_shown_where_it_stands() -> None:
    (problem,) = parse("a.yaml", b"b: 1\nword\nc: 2\n").problems
    assert (problem.at.line, problem.at.text) == (2, "word")
