"""What `validate` says: every problem, and a sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer import report
from syncer.cli.render import cells, json_text
from syncer.documents import render
from syncer.model.problems import Severity

if TYPE_CHECKING:
    from syncer.model.problems import Problem


@dataclass(frozen=True, slots=True)
class ProblemsView:
    """What was checked: how many files and apps, and everything that is wrong."""

    problems: tuple[Problem, ...]
    files: int
    apps: int

    @property
    def errors(self) -> int:
        """How many of the problems reject a file."""
        return sum(1 for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def summary(self) -> str:
        """One line."""
        warnings = len(self.problems) - self.errors
        seen = f"{self.files} file{'s' * (self.files != 1)}, {self.apps} app{'s' * (self.apps != 1)}"
        if not self.problems:
            return f"{seen}: valid"
        told = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((self.errors, "error"), (warnings, "warning")) if n]
        return f"{seen}: {', '.join(told)}"


def text(view: ProblemsView, *, colour: bool = False) -> str:
    """Every problem with its line and caret, then the sum."""
    shown = render.problems(view.problems, color=colour)
    return f"{shown}\n{view.summary}" if shown else view.summary


def brief(view: ProblemsView) -> str:
    """One line per problem, then the sum."""
    return "\n".join([*(render.brief(problem) for problem in view.problems), view.summary])


def as_json(view: ProblemsView) -> str:
    """One document."""
    rows = [report.of_problem(problem) for problem in view.problems]
    document = {"schema": "syncer.problems/v1", "files": view.files, "apps": view.apps, "problems": rows}
    return json_text.document(document)


def as_jsonl(view: ProblemsView) -> str:
    """One document per problem."""
    return json_text.lines(report.of_problem(problem) for problem in view.problems)


def markdown(view: ProblemsView) -> str:
    """A heading, and a table when there is something to say."""
    lines = [f"### syncer validate: {view.summary}"]
    if view.problems:
        rows = (
            cells.row([cells.code(str(p.at)), p.rule, cells.prose(p.message), cells.prose(p.help)])
            for p in view.problems
        )
        lines += ["", cells.table(("Where", "Rule", "Problem", "Help"), rows)]
    return "\n".join(lines)
