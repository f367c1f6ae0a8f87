"""Problems as pipelines read them: nothing in a file can become a command, a field or markup of its own."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from syncer.cli.render import ci
from syncer.cli.render.problems import ProblemsView
from syncer.model.problems import Place, Problem, Severity

HOSTILE = "a\n::set-output name=x::y\r%0A <b>&amp;]]>\x00\x1b[2J\u202e, : |"
PROBLEMS = (
    Problem("SY201", "unknown key `ulr`", Place("apps/a.yaml", 3, 5, 3), help="did you mean `url`?"),
    Problem("SY201", "unknown key `ulr`", Place("apps/a.yaml", 9, 5, 3), help="did you mean `url`?"),
    Problem("SY501", HOSTILE, Place(f"apps/{HOSTILE}.yaml", 1, 1, 1), severity=Severity.WARNING),
)
VIEW = ProblemsView(PROBLEMS, files=2, apps=3)
NOTHING = ProblemsView((), files=2, apps=3)


def moved(view: ProblemsView) -> ProblemsView:
    problems = tuple(Problem(p.rule, p.message, Place(p.at.path, p.at.line + 40), help=p.help) for p in view.problems)
    return ProblemsView(problems, view.files, view.apps)


def test_concise_is_one_line_per_problem_and_nothing_else() -> None:
    lines = ci.concise(VIEW).splitlines()
    assert len(lines) == 3
    assert lines[0] == "apps/a.yaml:3:5: SY201 unknown key `ulr`"
    assert ci.concise(NOTHING) == ""


def test_github_gets_one_command_per_problem_and_the_sum() -> None:
    first, second, third, total = ci.github(VIEW).splitlines()
    assert first == (
        "::error file=apps/a.yaml,line=3,col=5,endColumn=8,title=SY201 an unknown key"
        "::unknown key `ulr` (did you mean `url`?)"
    )
    assert second.startswith("::error file=apps/a.yaml,line=9,")
    assert third.startswith("::warning file=apps/a\\u{a}%3A%3Aset-output name=x%3A%3Ay")
    assert third.count("::") == 2 + third.partition("::")[2].partition("::")[2].count("::")
    assert total == VIEW.summary


def test_gitlab_keeps_a_finding_while_lines_move() -> None:
    rows: list[dict[str, Any]] = json.loads(ci.gitlab(VIEW))
    assert [row["severity"] for row in rows] == ["major", "major", "minor"]
    assert rows[0]["location"] == {"path": "apps/a.yaml", "lines": {"begin": 3}}
    prints = [row["fingerprint"] for row in rows]
    assert len(set(prints)) == 3
    assert [row["fingerprint"] for row in json.loads(ci.gitlab(moved(VIEW)))] == prints
    assert json.loads(ci.gitlab(NOTHING)) == []


def test_sarif_names_its_rules_and_places() -> None:
    log = json.loads(ci.sarif(VIEW, "1.2.3"))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["SY201", "SY501"]
    assert all(rule["shortDescription"]["text"] and rule["fullDescription"]["text"] for rule in rules)
    first, _, third = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("SY201", 0, "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "apps/a.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endColumn": 8}
    assert third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].isascii()


def test_junit_is_well_formed_whatever_stands_in_a_file() -> None:
    suite = ET.fromstring(ci.junit(VIEW))
    assert suite.attrib == {"name": "syncer validate", "tests": "2", "failures": "2", "errors": "0"}
    [broken, advised] = suite.findall("testcase")
    assert len(broken.findall("failure")) == 2
    assert advised.find("failure") is None
    passed = ET.fromstring(ci.junit(NOTHING))
    assert [case.attrib["name"] for case in passed.findall("testcase")] == ["2 files, 3 apps: valid"]


@pytest.mark.parametrize("form", ["concise", "github", "gitlab", "junit"])
def test_no_form_lets_control_characters_through(form: str) -> None:
    told = getattr(ci, form)(VIEW)
    assert not {"\x00", "\x1b", "\u202e", "\r"} & set(told)


def test_a_rule_that_nobody_knows_is_named_all_the_same() -> None:
    view = ProblemsView((Problem("SY999", "odd", Place("a.yaml")),), 1, 0)
    assert json.loads(ci.sarif(view, "1"))["runs"][0]["tool"]["driver"]["rules"][0]["fullDescription"] == {
        "text": "SY999"
    }
    assert "title=SY999::odd" in ci.github(view)
