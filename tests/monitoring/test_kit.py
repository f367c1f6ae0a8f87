"""The kit for Prometheus and Grafana: valid, about metrics that exist, each alert with a section to read."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs import pages
from tests.docs.test_metrics_page import everything
from tests.docs.test_pages import anchors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIT = pages.ROOT / "config" / "monitoring"
RULES = KIT / "rules.yaml"
PODMONITOR = pages.ROOT / "config" / "kubernetes" / "monitoring" / "podmonitor.yaml"
NAME = re.compile(r"\b(?:syncer|leader_election|process)_[a-z_]+\b")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")


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
def series() -> dict[str, frozenset[str]]:
    """The labels of every series there is, those of a scrape included."""
    lines = [line for line in everything().exposition().decode().splitlines() if not line.startswith("#")]
    found = {line.split("{")[0].split(" ")[0]: frozenset(LABELS.findall(line)) for line in lines}
    found["syncer_token_expiry_seconds"] = frozenset()  # no app of that fleet has a token that ends
    return {name: labels | {"job", "instance", "namespace"} for name, labels in found.items()}


def promtool(*arguments: str, text: str = "", cwd: Path = KIT) -> str:
    ended = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_every_alert_has_a_section_of_its_own_in_the_runbook_and_the_other_way_round() -> None:
    page = pages.DOCS / "runbook.md"
    sections = re.findall(r"^## (\w+)$", page.read_text("utf-8"), re.MULTILINE)
    assert sections == [alert["alert"] for alert in alerts()]
    for alert in alerts():
        path, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert pages.ROOT / path == page
        assert anchor == alert["alert"].lower()
        assert anchor in anchors(page)


def test_every_section_of_the_runbook_says_what_it_means_where_to_look_and_what_to_do() -> None:
    text = (pages.DOCS / "runbook.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"], section


def test_every_alert_is_sorted_by_severity_and_says_what_is_wrong() -> None:
    for alert in alerts():
        assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        assert alert["annotations"]["summary"].endswith(".")


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in alerts()), *queries()])
def test_expressions_are_about_metrics_and_labels_that_exist(expression: str) -> None:
    names = NAME.findall(expression)
    assert names
    for name in names:
        assert name in series(), name
    for name, selector in re.findall(r"\b([a-z_]+)\{([^}]*)\}", expression):
        assert set(LABELS.findall(selector)) <= series()[name], selector


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
    assert monitor["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": "syncer"}


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    assert promtool("check", "metrics", text=everything().exposition().decode()) == ""


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
