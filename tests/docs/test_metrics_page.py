"""docs/metrics.md lists every metric there is, and no other."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from syncer.clock import SystemClock
from syncer.metrics import Metrics
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from tests.docs import pages
from tests.metrics.test_exposition import GOOD, Fleet, Watched, a_report

PAGE = (pages.DOCS / "metrics.md").read_text("utf-8")


def everything() -> Metrics:
    """Metrics in which everything is known."""
    metrics = Metrics(SystemClock(), "1", "syncer", each_app=True)
    metrics.on_request("GET", 200, 0.1, AppRef("c", "a"))
    metrics.on_look(None)
    metrics.finished(a_report(("good", GOOD)))
    metrics.standing.states = Fleet({AppRef("c", "a"): State.IN_SYNC})
    metrics.standing.journal = metrics.standing.anchored = Watched(age=1.0)
    metrics.standing.leads = lambda: True
    return metrics


def test_every_metric_is_documented_with_type_and_labels_and_no_other_is() -> None:
    documented = {}
    for cells in pages.rows(PAGE):
        if re.fullmatch(r"`[a-z_]+`", cells[0]) and cells[1] in {"gauge", "counter", "histogram"}:
            documented[cells[0].strip("`")] = (cells[1], set(re.findall(r"`(\w+)`", cells[2])))
    found = {}
    for family in text_string_to_metric_families(everything().exposition().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    assert {"syncer_token_expiry_seconds": ("gauge", set())}.items() <= documented.items()
    found["syncer_token_expiry_seconds"] = ("gauge", set())  # no app of this fleet has a token that ends
    assert documented == found
