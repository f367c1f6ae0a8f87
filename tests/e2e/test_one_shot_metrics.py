"""What a one-shot leaves behind for those who watch: a file, a push, a reason; and none of it changes how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.daemon import running
from tests.support.loopback import eventually, free_port, get, program
from tests.support.site import CONFIG, CUSTOMER, app_id, site

if TYPE_CHECKING:
    from pathlib import Path

POPUP = "https://hooks.acme.example/popup"
PUSHING = CONFIG + "metrics: {{push: 'http://127.0.0.1:PORT', job: nightly}}\n"


def value(text: str, name: str, **labels: str) -> float | None:
    """The sample with these labels, whatever others it has."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


def test_the_file_tells_of_a_good_run_and_of_a_bad_one(tmp_path: Path) -> None:
    file = tmp_path / "syncer.prom"
    with site(tmp_path, 2, popup_url=POPUP) as here:
        here.run("run", "--once", "--metrics-file", str(file))
        text = file.read_text()
        assert value(text, "syncer_apps", state="InSync") == 2
        assert value(text, "syncer_puts_total", result="applied") == 2
        assert value(text, "syncer_audit_poisoned") == 0
        assert value(text, "syncer_audit_unsealed_records") == 0
        assert value(text, "leader_election_master_status") == 0
        assert value(text, "syncer_last_success_timestamp_seconds")
        assert "token-app" not in text
        assert POPUP not in text
        (here.source / "apps.yaml").unlink()
        here.run("run", "--once", SYNCER_METRICS_FILE=str(file), expect=65)
        text = file.read_text()
        assert value(text, "syncer_reconcile_total", result="failed") == 1
        assert value(text, "syncer_apps", state="InSync") == 2  # what the last report says
        assert value(text, "syncer_last_success_timestamp_seconds") is None


def test_metrics_that_cannot_be_handed_over_are_a_line_in_the_log(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.configure(PUSHING.replace("PORT", str(free_port())))
        told = here.run("run", "--once", "--log-format", "json", "--metrics-file", f"{tmp_path}/none/syncer.prom")
        failures = [line for line in map(json.loads, told.splitlines()) if line["event"] == "metrics.failed"]
        assert [line["level"] for line in failures] == ["warning", "warning"]
        assert here.live()["popup_url"] == POPUP


def test_a_run_that_finds_the_state_locked_tells_nothing(tmp_path: Path) -> None:
    file = tmp_path / "syncer.prom"
    with site(tmp_path, 1, popup_url=POPUP) as here, running(here) as daemon:
        daemon.wait_for("pass.finished")
        here.run("run", "--once", "--metrics-file", str(file))
        assert not file.exists()
        assert daemon.stop() == 0


@pytest.mark.needs("prometheus-pushgateway")
def test_a_real_pushgateway_keeps_the_last_success_when_a_run_fails(tmp_path: Path) -> None:
    port = free_port()
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with site(tmp_path, 1, popup_url=POPUP) as here, program(tmp_path, "prometheus-pushgateway", listen):
        here.configure(PUSHING.replace("PORT", str(port)))
        eventually(lambda: get(port, "/-/ready")[0] == 200, "the Pushgateway")
        here.run("run", "--once")
        _, before = get(port, "/metrics")
        assert value(before, "syncer_reconcile_total", result="ok", job="nightly") == 1
        (here.source / "apps.yaml").unlink()
        here.run("run", "--once", expect=65)
        _, after = get(port, "/metrics")
        name = "syncer_last_success_timestamp_seconds"
        assert value(after, "syncer_reconcile_total", result="failed", job="nightly") == 1
        assert value(after, name, job="nightly") == value(before, name, job="nightly") is not None


def test_the_termination_log_says_why_a_run_did_not_end_well(tmp_path: Path) -> None:
    told = tmp_path / "termination-log"
    with site(tmp_path, 3, popup_url=POPUP) as here:
        for number in (1, 3):
            (here.home / "tokens" / app_id(number)).unlink()
        (here.source / "broken.yaml").write_text("kind: nonsense\n")
        here.run("run", "--once", SYNCER_TERMINATION_LOG=str(told), expect=1)
        broken = f"exit 1: 1 of the source's files are invalid, first {here.source}/broken.yaml; 2 AuthFailed, first "
        assert told.read_text().startswith(f"{broken}{CUSTOMER}/{app_id(1)}: the token file ")
        here.configure(CONFIG + "surprise: 1\n")
        here.run("run", "--once", "--termination-log", str(told), expect=64)
        assert told.read_text() == (
            f"exit 64: the configuration has a problem; first SY201 at {here.config}:11:1: unknown key `surprise`\n"
        )


def test_the_daemon_says_why_it_does_not_start(tmp_path: Path) -> None:
    told = tmp_path / "termination-log"
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.configure(CONFIG + "leader: {{kind: lease}}\n")
        here.run("run", "--termination-log", str(told), expect=64)
        assert told.read_text().startswith("exit 64: leader.kind is lease, and there is no API server: ")
        assert len(told.read_text().splitlines()) == 1
