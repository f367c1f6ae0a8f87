from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.desired.carry import carry_over
from syncer.model.desired import DesiredApp, DesiredState, Layer, Origin, Revision
from syncer.model.problems import Place, Problem, Severity
from tests.support.desired_apps import REVISION, app

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW = Revision("b" * 40, REVISION.source)


def standing(name: str, path: str, revision: Revision = REVISION) -> DesiredApp:
    return replace(app(name), at=Origin(path, 5, 3, Layer.APP), revision=revision)


def state(
    apps: Sequence[DesiredApp],
    rejected: Sequence[str] = (),
    problems: Sequence[Problem] = (),
    revision: Revision = REVISION,
) -> DesiredState:
    return DesiredState(revision, tuple(apps), tuple(problems), tuple(rejected))


def problem(path: str, line: int = 7, rule: str = "SY201") -> Problem:
    return Problem(rule, "unknown key `x`", Place(path, line, 3))


BEFORE = state([standing("a", "t/a.yaml"), standing("b", "t/b.yaml")])


def test_the_first_reading_has_nothing_to_carry() -> None:
    now = state([], ["t/a.yaml"], [problem("t/a.yaml")], NEW)
    assert carry_over(None, now) is now


def test_a_reading_without_rejected_files_is_left_alone() -> None:
    now = state([standing("a", "t/a.yaml", NEW)], revision=NEW)
    assert carry_over(BEFORE, now) is now


def test_apps_of_a_rejected_file_stay_as_they_were_and_say_why() -> None:
    now = state([standing("b", "t/b.yaml", NEW)], ["t/a.yaml"], [problem("t/a.yaml")], NEW)
    kept, fresh = carry_over(BEFORE, now).apps
    assert (kept.name, kept.revision, kept.invalid) == ("a", REVISION, "t/a.yaml:7: SY201 unknown key `x`")
    assert (fresh.name, fresh.revision, fresh.invalid) == ("b", NEW, "")


def test_an_app_that_stands_in_no_file_any_more_is_not_invented() -> None:
    now = state([], ["t/a.yaml"], [problem("t/a.yaml")], NEW)
    assert [one.name for one in carry_over(BEFORE, now).apps] == ["a"]


def test_an_app_that_moved_to_a_good_file_is_taken_from_there_and_never_twice() -> None:
    now = state([standing("a", "t/new.yaml", NEW)], ["t/a.yaml"], [problem("t/a.yaml")], NEW)
    assert carry_over(BEFORE, now).apps == now.apps


def test_carrying_again_keeps_the_oldest_revision_and_the_newest_reason() -> None:
    once = carry_over(BEFORE, state([], ["t/a.yaml"], [problem("t/a.yaml")], NEW))
    again = carry_over(once, state([], ["t/a.yaml"], [problem("t/a.yaml", 9)], Revision("c" * 40, "x")))
    assert [(one.revision, one.invalid) for one in again.apps] == [(REVISION, "t/a.yaml:9: SY201 unknown key `x`")]


def test_a_warning_is_never_the_reason() -> None:
    warned = replace(problem("t/a.yaml", 1, "SY501"), severity=Severity.WARNING)
    now = state([], ["t/a.yaml"], [warned, problem("t/a.yaml")], NEW)
    assert carry_over(BEFORE, now).apps[0].invalid.startswith("t/a.yaml:7: SY201")


def test_a_file_under_a_broken_defaults_file_names_that_one() -> None:
    elsewhere, above = problem("u/_defaults.yaml"), problem("t/_defaults.yaml", 3)
    now = state([], ["t/_defaults.yaml", "t/a.yaml"], [elsewhere, above], NEW)
    assert carry_over(BEFORE, now).apps[0].invalid.startswith("t/_defaults.yaml:3: SY201")


def test_the_earlier_of_two_places_names_its_own_line() -> None:
    both = replace(problem("t/b.yaml", 2, "SY303"), other=Place("t/a.yaml", 4))
    now = state([], ["t/a.yaml", "t/b.yaml"], [both], NEW)
    assert [one.invalid.split(" ")[0] for one in carry_over(BEFORE, now).apps] == ["t/a.yaml:4:", "t/b.yaml:2:"]


def test_a_rejected_file_without_a_problem_still_has_a_reason() -> None:
    assert carry_over(BEFORE, state([], ["t/a.yaml"], revision=NEW)).apps[0].invalid == "t/a.yaml: rejected"
