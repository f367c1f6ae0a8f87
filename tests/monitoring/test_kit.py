"""The kit for Prometheus and Grafana: valid, about metrics that exist, each alert with a section to read."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from syncer.log import Event
from syncer.metrics.collecting import STATUSES
from syncer.model.desired import AppRef
from syncer.model.outcome import CALM, State
from syncer.model.planned import Rule
from tests.docs import pages
from tests.docs.test_metrics_page import everything
from tests.docs.test_pages import anchors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIT = pages.ROOT / "config" / "monitoring"
RULES = KIT / "rules.yaml"
RUNBOOK = pages.DOCS / "runbook.md"
PODMONITOR = pages.ROOT / "config" / "kubernetes" / "monitoring" / "podmonitor.yaml"
NAME = re.compile(r"\b(?:syncer|leader_election|process)_[a-z_]+\b")
MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
SCRAPED = frozenset({"job", "instance", "namespace"})
"""Labels that Prometheus adds."""


@cache
def alerts() -> tuple[dict[str, Any], ...]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return tuple(rule for group in groups for rule in group["rules"])


@cache
def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KIT / "dashboard.json").read_text("utf-8"))
    return found


def queries() -> Iterator[str]:
    """Every expression of the dashboard, its variables included."""
    for panel in board()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in board()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


@cache
def series() -> dict[str, dict[str, set[str]]]:
    """Every series there is: its labels, and for each the values that it can have."""
    metrics = everything()
    for status in (*STATUSES, None, 299, 399, 499, 599):
        metrics.on_request("GET", status, 0.1, AppRef("c", "a"))
    found: dict[str, dict[str, set[str]]] = {"syncer_token_expiry_seconds": {}}  # that fleet has no token that ends
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def asked() -> Iterator[str]:
    """Every expression there is: of alerts, of the dashboard, of the runbook."""
    yield from (rule["expr"] for rule in alerts())
    yield from queries()
    for line in commands():
        if line.startswith("promtool query instant "):
            yield shlex.split(line)[-1]


def promtool(*arguments: str, text: str = "", cwd: Path = KIT) -> str:
    ended = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def sections() -> dict[str, str]:
    """The runbook's sections by their headings, in its order."""
    found = re.split(r"^## (.*)\n", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def lines_of(section: str) -> dict[str, list[str]]:
    """The commands below each of a section's bold words."""
    parts = re.split(r"^\*\*(\w+)\.\*\*", section, flags=re.MULTILINE)[1:]
    return {
        word: re.findall(r"^    (\S.*)$", part, re.MULTILINE)
        for word, part in zip(parts[::2], parts[1::2], strict=True)
    }


def commands() -> list[str]:
    return [line for section in sections().values() for lines in lines_of(section).values() for line in lines]


def test_every_alert_and_every_hold_has_a_section_in_the_runbook_and_no_other_has() -> None:
    holds = [f"Hold: {rule.value}" for rule in Rule]
    found = list(sections())
    assert found[: len(alerts())] == [alert["alert"] for alert in alerts()]
    assert sorted(found[len(alerts()) :]) == sorted(holds)


def test_every_alert_names_its_section() -> None:
    for alert in alerts():
        path, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert pages.ROOT / path == RUNBOOK
        assert anchor == alert["alert"].lower()
        assert anchor in anchors(RUNBOOK)


@pytest.mark.parametrize("heading", sections())
def test_a_section_says_what_it_means_and_has_commands_to_look_and_to_do(heading: str) -> None:
    found = lines_of(sections()[heading])
    assert list(found) == ["Means", "Look", "Do"]
    assert found["Look"]
    assert found["Do"]


def test_commands_of_the_runbook_are_of_known_programs_and_of_events_that_exist() -> None:
    events = {event.value for event in Event}
    for line in commands():
        assert line.split()[0] in {"syncer", "kubectl", "promtool", "git", "curl"}, line
        if searched := re.search(r"logs .*\| grep (?:-E )?'?([\w.|-]+)'?$", line):
            assert set(searched[1].split("|")) <= events, line


def test_every_alert_is_sorted_by_severity_and_says_what_is_wrong() -> None:
    for alert in alerts():
        assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        assert alert["annotations"]["summary"].endswith(".")


def wrong(expression: str) -> list[str]:
    """What an expression names and nobody has: metrics, labels, values of labels."""
    names = NAME.findall(expression)
    found = [name for name in names if name not in series()]
    known = SCRAPED.union(*(series().get(name, {}) for name in names))
    for listed in re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", expression):
        found += set(re.findall(r"\w+", listed)) - known
    for name, selector in re.findall(r"\b([a-z_]+)\{([^}]*)\}", expression):
        for label, operator, value in MATCHER.findall(selector):
            if label in SCRAPED or name not in series():
                continue
            alternatives = value.split("|") if "~" in operator else [re.escape(value)]
            values = series()[name].get(label, set())
            found += [f"{label}={each}" for each in alternatives if not any(re.fullmatch(each, v) for v in values)]
    return found


@pytest.mark.parametrize("expression", sorted(set(asked())))
def test_expressions_are_about_metrics_labels_and_values_that_exist(expression: str) -> None:
    assert NAME.findall(expression)
    assert wrong(expression) == []


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("syncer_applications > 0", "syncer_applications"),
        ('syncer_apps{status="Held"}', "status=Held"),
        ('syncer_apps{state=~"Held|Lost"}', "state=Lost"),
        ('syncer_held{rule="budge"}', "rule=budge"),
        ("sum by (rule) (syncer_apps)", "rule"),
    ],
)
def test_an_expression_about_something_else_is_noticed(expression: str, what: str) -> None:
    assert wrong(expression) == [what]


def named(expression: str) -> set[str]:
    """The states that an expression asks for."""
    return {state for found in re.findall(r'\bstate=~?"([^"]*)"', expression) for state in found.split("|")}


def test_every_state_in_which_somebody_has_to_look_has_an_alert_and_a_panel() -> None:
    restless = set(State) - CALM - {State.APPLYING}
    alerted = set().union(*(named(rule["expr"]) for rule in alerts()))
    assert alerted == restless - {State.INVALID}, "the files of invalid apps have an alert of their own"
    stats = (target["expr"] for panel in board()["panels"] if panel["type"] == "stat" for target in panel["targets"])
    assert set().union(*map(named, stats)) == restless | {State.IN_SYNC}


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    used = {name for text in (*queries(), *(rule["expr"] for rule in alerts())) for name in NAME.findall(text)}
    families = {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in used}
    ours = {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in series() if name.startswith("syncer_")}
    on_request = {"syncer_app_info", "syncer_app_info_dropped", "syncer_audit_last_anchor_age_seconds"}
    assert ours - families == on_request


def test_the_dashboard_has_panels_that_do_not_overlap_each_with_a_title_and_a_word() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
        assert panel["description"].endswith(".")
    identities = [panel["id"] for panel in board()["panels"]]
    assert len(set(identities)) == len(identities)


def test_the_pod_monitor_asks_for_what_the_server_has() -> None:
    monitor = yaml.safe_load(PODMONITOR.read_text("utf-8"))
    assert (monitor["apiVersion"], monitor["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == "/metrics"
    assert monitor["spec"]["selector"]["matchExpressions"] == [{"key": "syncer", "operator": "Exists"}]


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    assert promtool("check", "metrics", text=everything().exposition().decode()) == ""


@pytest.mark.needs("promtool")
def test_every_expression_is_one(tmp_path: Path) -> None:
    texts = [re.sub(r"label_values\((.*), \w+\)", r"\1", text) for text in asked()]
    texts = [text.replace("$__rate_interval", "5m").replace("$__range", "1h") for text in texts]
    rules = [{"record": f"each:{number}", "expr": text} for number, text in enumerate(texts)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", "rules.yaml", cwd=tmp_path)


@pytest.mark.needs("promtool")
def test_the_rules_and_their_own_tests_pass() -> None:
    promtool("check", "rules", RULES.name)
    promtool("test", "rules", "rules.test.yaml")


@pytest.mark.needs("promtool")
def test_the_rules_own_tests_notice_a_rule_that_says_something_else(tmp_path: Path) -> None:
    (tmp_path / "rules.test.yaml").write_bytes((KIT / "rules.test.yaml").read_bytes())
    text = RULES.read_text("utf-8")
    for was, became in (("> 7200", "> 7260"), ("Drifted|Conflict", "Drifted"), ("== 1", "== 2"), ("> 0.1", "> 0.2")):
        assert was in text
        (tmp_path / "rules.yaml").write_text(text.replace(was, became, 1))
        with pytest.raises(AssertionError, match="FAILED"):
            promtool("test", "rules", "rules.test.yaml", cwd=tmp_path)


def test_each_alert_is_expected_and_ruled_out_by_a_test() -> None:
    cases = yaml.safe_load((KIT / "rules.test.yaml").read_text("utf-8"))["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    for alert in alerts():
        outcomes = {bool(check["exp_alerts"]) for check in checks if check["alertname"] == alert["alert"]}
        assert outcomes == {True, False}, alert["alert"]
