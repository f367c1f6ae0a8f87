"""Problems in the forms that pipelines read: GitHub, GitLab, SARIF, JUnit, and one line each."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from syncer.desired import rules as desired_rules
from syncer.desired import screen
from syncer.documents import rules as document_rules
from syncer.model.problems import Severity
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.cli.render.problems import ProblemsView
    from syncer.model.problems import Problem

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GITLAB: Final = {Severity.ERROR: "major", Severity.WARNING: "minor"}
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def concise(view: ProblemsView) -> str:
    """One line per problem and nothing else: `path:line:column: rule message`."""
    return "\n".join(f"{sanitize(str(p.at))}: {p.rule} {sanitize(p.message)}" for p in view.problems)


def github(view: ProblemsView) -> str:
    """A workflow command per problem, which GitHub shows at its line, then the sum."""
    return "\n".join([*(_command(problem) for problem in view.problems), view.summary])


def _command(problem: Problem) -> str:
    at = problem.at
    told = {
        "file": at.path,
        "line": str(at.line),
        "col": str(at.column),
        "endColumn": str(at.column + at.length),
        "title": f"{problem.rule} {_title(problem.rule)}".strip(),
    }
    properties = ",".join(f"{name}={_property(value)}" for name, value in told.items())
    return f"::{problem.severity} {properties}::{_data(_sentence(problem))}"


def _data(text: str) -> str:
    return sanitize(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(view: ProblemsView) -> str:
    """A Code Quality report. Fingerprints hold while lines move, so that old findings stay old."""
    rows = [
        {
            "description": sanitize(_sentence(problem)),
            "check_name": problem.rule,
            "fingerprint": fingerprint,
            "severity": _GITLAB[problem.severity],
            "location": {"path": problem.at.path, "lines": {"begin": problem.at.line}},
        }
        for problem, fingerprint in _fingerprints(view.problems)
    ]
    return json.dumps(rows, indent=2)


def sarif(view: ProblemsView, version: str) -> str:
    """A SARIF 2.1.0 log, for code scanning and for editors."""
    used = sorted({problem.rule for problem in view.problems})
    driver: dict[str, Any] = {"name": "syncer", "version": version, "rules": [_sarif_rule(rule) for rule in used]}
    results = [_result(problem, fingerprint, used) for problem, fingerprint in _fingerprints(view.problems)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_rule(rule: str) -> dict[str, Any]:
    known = _RULES.get(rule)
    told = {"text": known.explanation if known else rule}
    return {"id": rule, "shortDescription": {"text": known.title if known else rule}, "fullDescription": told}


def _result(problem: Problem, fingerprint: str, used: list[str]) -> dict[str, Any]:
    return {
        "ruleId": problem.rule,
        "ruleIndex": used.index(problem.rule),
        "level": problem.severity.value,
        "message": {"text": sanitize(_sentence(problem))},
        "locations": [_location(problem)],
        "partialFingerprints": {"syncer/v1": fingerprint},
    }


def _location(problem: Problem) -> dict[str, Any]:
    at = problem.at
    region = {"startLine": at.line, "startColumn": at.column, "endColumn": at.column + at.length}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(at.path)}, "region": region}}


def junit(view: ProblemsView) -> str:
    """A JUnit report: a test case per file with problems, or one that passed for all."""
    suite = ET.Element("testsuite", name="syncer validate", tests="0", failures=str(view.errors), errors="0")
    paths = list(dict.fromkeys(problem.at.path for problem in view.problems))
    for path in paths:
        case = ET.SubElement(suite, "testcase", classname="syncer.validate", name=_xml(path), file=_xml(path))
        for problem in (problem for problem in view.problems if problem.at.path == path):
            told = f"{problem.at}: {problem.rule} {_sentence(problem)}"
            if problem.severity is Severity.ERROR:
                ET.SubElement(case, "failure", type=problem.rule, message=_xml(problem.message)).text = _xml(told)
            else:
                ET.SubElement(case, "system-out").text = _xml(told)
    if not paths:
        ET.SubElement(suite, "testcase", classname="syncer.validate", name=view.summary)
    suite.set("tests", str(len(suite)))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode")


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", sanitize(text))


def _sentence(problem: Problem) -> str:
    return f"{problem.message} ({problem.help})" if problem.help else problem.message


def _title(rule: str) -> str:
    known = _RULES.get(rule)
    return known.title if known else ""


def _fingerprints(problems: Iterable[Problem]) -> Iterator[tuple[Problem, str]]:
    """Each problem with a digest of what it says and where, but for the line; the n-th of equal ones is counted."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for problem in problems:
        key = (problem.at.path, problem.rule, problem.message)
        seen[key] += 1
        yield problem, hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()


_RULES: Final = {rule.id: rule for rule in (*document_rules.RULES, *desired_rules.RULES, *screen.RULES)}
