"""Large and contrived files are read or refused at once, and their problems stay small (hazard B1)."""

from __future__ import annotations

import time
from typing import Final

import pytest

from syncer.documents import findings, schema
from syncer.documents.loading import parse
from syncer.documents.places import LONGEST_SHOWN

MIB: Final = 1 << 20
SECONDS: Final = 5.0
"""Of CPU, while coverage counts lines: work that grows with the square of 8 MiB takes minutes."""
HEAD: Final = b"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\n"
KINDS: Final = {"Apps": "apps", "Defaults": "defaults"}
LARGE: Final = {
    "one long text": b"a: " + b"x" * 2 * MIB,
    "one long comment": b"#" + b"x" * 2 * MIB,
    "a long line of digits with an error": b"a: @" + b"a1" * MIB,
    "a long line, then no UTF-8": b"x" * 2 * MIB + b"\xff",
    "empty lines": b"\n" * 2 * MIB,
    "escapes": b'a: "' + b"\\n" * MIB,
    "brackets": b"[" * 2 * MIB,
    "dashes": b"- " * MIB,
    "question marks": b"? " * MIB,
    "exclamation marks": b"!" * 2 * MIB,
    "spaces": b"a:" + b" " * 2 * MIB,
    "words in an open list": b"[" + b"a " * MIB,
    "line ends in a text": b"a: '" + b"\n" * 2 * MIB,
    "documents": b"---\n" * (MIB // 2),
    "control characters": b"\x01" * 2 * MIB,
    "TAG directives": b"".join(b"%%TAG !a%d! x:y\n" % n for n in range(40_000)) + b"---\na: 1\n",
    "TAG directives behind a document": b"a: 1\n...\n" + b"".join(b"%%TAG !a%d! x:y\n" % n for n in range(40_000)),
    "anchors": b"".join(b"k%d: &a%d x\n" % (n, n) for n in range(100_000)),
    "the same key": b"a: 1\n" * (MIB // 4),
    "unknown keys": HEAD + b"".join(b"k%d: {}\n" % n for n in range(30_000)),
    "unknown keys on one line": b"{apiVersion: syncer/v1, kind: Apps"
    + b"".join(b", k%d: 1" % n for n in range(30_000)),
    "unknown locks": b"apiVersion: syncer/v1\nkind: Defaults\nlocked: ["
    + b",".join(b"k%d" % n for n in range(30_000))
    + b"]\n",
    "schemes of URLs": b"a: @" + b"://" * (MIB // 2),
    "queries of URLs": b"a: @" + b"://a?" * (MIB // 4),
    "parts of a query": b"a: @://a?" + b"a&" * MIB,
    "beginnings of tokens": b"a: @" + b"eyJ" * (MIB // 2),
    "beginnings of headers": b"a: @" + b"basic " * (MIB // 4),
    "beginnings of keys": b"a: @" + b"-----BEGIN " * (MIB // 8),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_judged_at_once(name: str) -> None:
    begun = time.process_time()
    problems = schema.check_kind(parse("large.yaml", LARGE[name]), KINDS)
    assert time.process_time() - begun < SECONDS
    assert 0 < len(problems) <= 2 * findings.MAX_FINDINGS
    assert sum(len(problem.at.text) for problem in problems) <= len(problems) * LONGEST_SHOWN


def test_a_line_that_nobody_can_read_is_not_shown_but_its_place_is() -> None:
    (problem,) = parse("a.yaml", b"a: " + b"x" * LONGEST_SHOWN + b": y\n").problems
    assert (problem.at.line, problem.at.column, problem.at.text) == (1, LONGEST_SHOWN + 4, "")


def test_a_line_with_the_longest_url_is_shown() -> None:
    url = "https://h.example/" + "x/" * 1_000
    (problem,) = parse("a.yaml", f"a: {url}: y\n".encode()).problems
    assert problem.at.text == f"a: {url}: y"


def test_few_lines_with_a_percent_sign_are_no_directives_by_themselves() -> None:
    text = '{"a": "x' + "\n%" * 16 + '"}\n'
    assert parse("a.yaml", text.encode()).problems == ()
