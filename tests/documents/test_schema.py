"""Mistakes against a schema: one problem for each, at its place, with what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.documents import findings, rules, schema
from syncer.documents.findings import Mistake, translate
from syncer.documents.loading import parse

if TYPE_CHECKING:
    from syncer.model.problems import Problem

HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: c\n"
KINDS = {"Apps": "apps", "Defaults": "defaults"}


def problems(text: str) -> tuple[Problem, ...]:
    return schema.check_kind(parse("a.yaml", text.encode()), KINDS)


def app(text: str) -> Problem:
    """The only problem of a file with one app that says this."""
    (problem,) = problems(f"{HEAD}apps:\n  a: {text}\n")
    return problem


def test_a_file_in_order_has_no_problems() -> None:
    assert problems(HEAD + "apps: {a: {settings: {popup_url: null}}}\n") == ()


def test_an_unknown_key_is_shown_at_the_key_with_the_one_that_was_meant() -> None:
    problem = app("{settings: {recoding_url: https://h.example/}}")
    assert (problem.rule, str(problem.at), problem.at.length) == ("SY201", "a.yaml:5:18", 12)
    assert problem.help == "did you mean `recording_url`?"


def test_an_unknown_key_that_resembles_nothing_shows_what_is_known() -> None:
    assert app("{colour: red}").help == "known here: app_id, labels, token, settings, policy"


def test_every_unknown_key_is_a_problem_of_its_own() -> None:
    found = problems(HEAD + "apps: {a: {x: 1, y: 2}}\n")
    assert [problem.message for problem in found] == ["unknown key `x`", "unknown key `y`"]


def test_a_missing_key_is_shown_at_the_key_above() -> None:
    problem = app("{policy: {suspend: {until: 2030-01-01}}}")
    assert (problem.rule, str(problem.at)) == ("SY202", "a.yaml:5:16")
    assert problem.message == "the key `reason` is missing"
    assert problem.help.startswith("write reason: ")


def test_a_misspelt_key_is_not_reported_as_missing_as_well() -> None:
    found = problems("apiVersion: syncer/v1\nkind: Apps\ncustmer_id: c\napps: {a: {}}\n")
    assert [(problem.rule, problem.help) for problem in found] == [("SY201", "did you mean `customer_id`?")]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("yes", "write `true`"),
        ("On", "write `true`"),
        ("1", "write `true`"),
        ("no", "write `false`"),
        ("OFF", "write `false`"),
        ('"false"', "write `false`"),
        ("maybe", "write `true` or `false`"),
        ("null", "write `true` or `false`"),
    ],
)
def test_a_flag_written_as_text_says_what_to_write(written: str, advice: str) -> None:
    problem = app(f"{{settings: {{recording_enabled: {written}}}}}")
    assert (problem.rule, problem.at.column, problem.help) == ("SY203", 37, advice)


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("{app_id: 12}", "expected text, found `12`", 'write "12" in quotes'),
        ("{app_id: true}", "expected text, found `true`", 'write "true" in quotes'),
        ("{app_id: null}", "expected text, found `null`", "write a text, or leave the key out"),
        ("{app_id: [a]}", "expected text, found a list", "for example app_abc123"),
        ("{settings: {popup_url: 5}}", "expected text or null, found `5`", 'write "5" in quotes'),
        ("{settings: null}", "expected a mapping, found `null`", "write {}, or leave the key out"),
        ("null", "expected a mapping, found `null`", "write {}, or leave the key out"),
        ("{policy: {protected: popup_url}}", "expected a list, found text", "write [popup_url]"),
        ("{policy: {protected: {a: b}}}", "expected a list, found a mapping", "write [first, second]"),
        ("{policy: text}", "expected a mapping, found text", 'for example {"on_drift": "report"}'),
    ],
)
def test_a_wrong_type_says_what_was_expected_and_what_to_write(text: str, message: str, advice: str) -> None:
    problem = app(text)
    assert (problem.rule, problem.message, problem.help) == ("SY203", message, advice)


def test_a_number_in_quotes_says_to_leave_them_out() -> None:
    (found,) = schema.validate({**CONFIG, "vendor": {"concurrency": "32"}}, "config")
    assert (found.rule, found.help) == ("SY203", "write 32 without quotes")


@pytest.mark.parametrize(
    ("text", "rule", "message", "advice"),
    [
        (
            "{policy: {on_drift: reprot}}",
            "SY204",
            "`reprot` is not one of correct, report, ignore",
            "did you mean `report`?",
        ),
        ("{policy: {on_drift: fix}}", "SY204", "`fix` is not one of", "write correct or report or ignore"),
        ("{policy: {on_drift: true}}", "SY203", "expected text", 'write "true" in quotes'),
        ("{app_id: a b}", "SY205", "`a b` has not the right form", "letters, digits"),
        ("{policy: {windows: [{allow: x, for: 1h}]}}", "SY205", "five fields", "for example 0 8 * * mon-fri"),
        ("{policy: {windows: [{allow: 0 0 1 * mon, for: 1h}]}}", "SY205", "can't both be given", "for example"),
        ("{policy: {windows: [{allow: 0 0 * * *, for: 1x}]}}", "SY205", "`1x`: a duration", "for example 5m"),
        ("{policy: {windows: [{for: 1h}]}}", "SY209", "nothing is chosen", "write exactly one of allow, deny"),
        (
            '{policy: {windows: [{allow: "0 0 * * *", deny: "0 0 * * *", for: 1h}]}}',
            "SY209",
            "`allow` and `deny` exclude each other",
            "write exactly one of allow, deny",
        ),
        ("{policy: {windows: [null]}}", "SY203", "expected a mapping", ""),
        ("{token: {}}", "SY209", "nothing is chosen", "write exactly one of file, env, mint"),
        ("{policy: {suspend: {reason: ''}}}", "SY206", "an empty text", "write a text"),
        ("{policy: {protected: [popup_url, popup_url]}}", "SY210", "twice", "delete one"),
    ],
)
def test_a_wrong_value_says_why_and_what_would_do(text: str, rule: str, message: str, advice: str) -> None:
    problem = app(text)
    assert problem.rule == rule
    assert message in problem.message
    assert problem.help.startswith(advice)


def test_one_alternative_beside_an_unknown_key_is_no_contradiction() -> None:
    problem = app("{token: {file: /t, surprise: 1}}")
    assert (problem.rule, problem.message) == ("SY201", "unknown key `surprise`")


def test_too_long_a_text_says_how_long_it_may_be() -> None:
    problem = app(f"{{app_id: {'a' * 129}}}")
    assert (problem.message, problem.help) == ("a text of 129 characters", "at most 128 characters are allowed")


def test_no_apps_is_too_few() -> None:
    (problem,) = problems(HEAD + "apps: {}\n")
    assert (problem.rule, problem.message, problem.help) == ("SY208", "no entries", "at least 1 entry may stand here")


def test_too_many_labels_are_counted() -> None:
    labels = ", ".join(f"k{n}: v" for n in range(33))
    problem = app(f"{{labels: {{{labels}}}}}")
    assert (problem.message, problem.help) == ("33 entries", "at most 32 entries may stand here")


def test_a_wrong_name_is_shown_at_the_name() -> None:
    (problem,) = problems(HEAD + "apps:\n  support desk: {}\n")
    assert (problem.rule, str(problem.at), problem.at.length) == ("SY205", "a.yaml:5:3", 12)


CONFIG = {"apiVersion": "syncer/v1", "kind": "Config"}


def test_a_number_out_of_range_says_the_bound() -> None:
    low, high = (schema.validate({**CONFIG, "vendor": {"concurrency": n}}, "config")[0] for n in (0, 257))
    assert (low.rule, low.help) == ("SY207", "at least 1 is allowed")
    assert (high.message, high.help) == ("257 is out of range", "at most 256 is allowed")


def test_a_key_that_needs_another_says_which() -> None:
    source = {"credentials": {"ssh_key": {"file": "/k"}}}
    (found,) = schema.validate({**CONFIG, "source": source}, "config")
    assert (found.rule, found.message, found.help) == ("SY211", "`ssh_key` needs `known_hosts`", "add known_hosts")


@pytest.mark.parametrize(
    ("text", "rule", "column"),
    [
        ("{token: eyJhbGciOiJIUzI1NiJ9.e30.abc}", "SY401", 14),
        ("{token: hunter2}", "SY401", 14),
        ("{token: {file: eyJhbGciOiJIUzI1NiJ9.e30.abc}}", "SY401", 21),
        ("{token: {env: ghp_0123456789abcdefghijABCDEFGHIJ}}", "SY401", 20),
        ("{token: {mint: hunter2}}", "SY401", 21),
        ("{token: {mint: {secret: hunter2}}}", "SY401", 30),
        ("{token: {mint: {secret: {file: hunter2}}}}", "SY205", 37),
        ("{token: {env: hunter2}}", "SY205", 20),
        ("{token: {value: hunter2}}", "SY201", 15),
        ("{token: 4711}", "SY203", 14),
        ("{token: [hunter2]}", "SY203", 14),
    ],
)
def test_a_secret_where_one_is_named_shows_only_its_place(text: str, rule: str, column: int) -> None:
    problem = app(text)
    assert (problem.rule, problem.at.line, problem.at.column, problem.at.text) == (rule, 5, column, "")
    shown = problem.message + problem.help
    assert not any(secret in shown for secret in ("hunter2", "eyJ", "ghp_"))


def test_a_secret_in_another_place_is_covered_in_message_and_line() -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ"
    problem = app(f"{{policy: {{on_drift: {secret}}}}}")
    assert secret not in problem.message + problem.at.text
    problem = app(f"{{{secret}: 1}}")
    assert secret not in problem.message + problem.at.text


def test_a_long_value_is_cut_in_a_message() -> None:
    assert len(app(f"{{policy: {{on_drift: {'long words ' * 20}}}}}").message) < 120


def test_mistakes_in_yaml_come_with_those_against_the_schema_in_the_order_of_the_file() -> None:
    found = problems(HEAD + "apps: {a: {x: 1}}\nkind: Defaults\n")
    assert [problem.rule for problem in found] == ["SY201", "SY112"]


def test_a_file_that_is_not_whole_is_not_compared() -> None:
    assert [problem.rule for problem in problems(HEAD + "apps: [\n")] == ["SY104"]
    assert [problem.rule for problem in schema.check(parse("a.yaml", b"a: @\n"), "apps")] == ["SY104"]


@pytest.mark.parametrize(
    ("text", "rule", "advice"),
    [
        ("kind: App\n", "SY212", "did you mean `Apps`?"),
        ("kind: Service\n", "SY212", "write Apps or Defaults"),
        ("kind: 3\n", "SY212", "write Apps or Defaults"),
        ("a: 1\n", "SY202", "write kind: Apps or Defaults"),
        ("- a\n", "SY203", "begin with apiVersion and kind"),
        ("text\n", "SY203", "begin with apiVersion and kind"),
    ],
)
def test_an_unknown_kind_is_told_without_a_guess_at_the_rest(text: str, rule: str, advice: str) -> None:
    (problem,) = problems(text)
    assert (problem.rule, problem.help) == (rule, advice)


def test_findings_are_bounded() -> None:
    apps = {f"a{n}": {"x": 1} for n in range(1000)}
    document = {"apiVersion": "syncer/v1", "kind": "Apps", "customer_id": "c", "apps": apps}
    assert len(schema.validate(document, "apps")) == findings.MAX_FINDINGS


def test_of_alternatives_only_the_one_that_was_meant_speaks() -> None:
    either = {
        "oneOf": [
            {"type": "string", "maxLength": 3},
            {
                "type": "object",
                "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}},
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"kind": {"const": "b"}, "m": {"type": "integer"}},
                "additionalProperties": False,
            },
        ]
    }
    validator = schema.build(either)

    def said(value: object) -> list[tuple[str, str]]:
        errors = validator.iter_errors(value)  # type: ignore[arg-type]  # any JSON
        return [(found.rule, found.message) for found in translate(map(schema.mistake, errors))]

    assert said("long") == [("SY206", "a text of 4 characters")]
    assert said({"kind": "b", "m": "x"}) == [("SY203", "expected a whole number, found text")]
    assert said({"kind": "a", "m": 1}) == [("SY201", "unknown key `m`")]


def test_a_keyword_without_words_is_still_a_problem() -> None:
    (found,) = translate([Mistake("not", {}, "x", ("a",), {})])
    assert (found.rule, found.path) == ("SY205", ("a",))


def test_every_rule_that_is_used_is_in_the_catalogue() -> None:
    ids = [rule.id for rule in rules.RULES]
    assert ids == sorted(set(ids))
    assert all(rule.title and rule.explanation for rule in rules.RULES)


def test_rules_are_found_in_any_case_and_any_table() -> None:
    own = (rules.Rule("SY301", "title", "why"),)
    assert rules.find("sy201") == next(rule for rule in rules.RULES if rule.id == "SY201")
    assert rules.find("SY301", rules.RULES, own) == own[0]
    assert rules.find("SY999") is None
