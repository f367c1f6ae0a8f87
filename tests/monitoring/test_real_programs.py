"""Real Prometheus, Alertmanager and rsyslog with a real daemon: a drift becomes a page, a log line becomes fields."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs import pages
from tests.monitoring.test_kit import RULES, promtool
from tests.support.daemon import running
from tests.support.loopback import eventually, free_port, get, program
from tests.support.site import CONFIG, CUSTOMER, app_id, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Running

POPUP = "https://hooks.acme.example/popup"
REPORTING = CONFIG.replace("policy:", "metrics: {{apps: true}}\npolicy:\n  on_drift: report")
PROMETHEUS = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:%d']}]}]}
scrape_configs: [{job_name: syncer, static_configs: [{targets: ['127.0.0.1:%d']}]}]
"""
ALERTMANAGER = """\
route: {receiver: page, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}
receivers: [{name: page, webhook_configs: [{url: 'http://127.0.0.1:%d/', send_resolved: true}]}]
"""


@contextmanager
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A server that keeps the alerts it is told of."""
    told: list[dict[str, Any]] = []

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.extend(json.loads(body)["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port, told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prometheus(home: Path, port: int, alertmanager: int, target: int) -> list[str]:
    """Its command line, with our rules but for the time that an alert waits."""
    (home / "rules.yaml").write_text(re.sub(r"for: \d+[mh]", "for: 0s", RULES.read_text("utf-8")))
    (home / "prometheus.yaml").write_text(PROMETHEUS % (alertmanager, target))
    listen, store = f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={home}/tsdb"
    return ["prometheus", "--config.file=prometheus.yaml", listen, store]


def alertmanager(home: Path, port: int, page: int) -> list[str]:
    (home / "alertmanager.yaml").write_text(ALERTMANAGER % page)
    listen, store = f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={home}/alerts"
    return ["prometheus-alertmanager", "--config.file=alertmanager.yaml", "--cluster.listen-address=", listen, store]


@pytest.mark.needs("prometheus", "prometheus-alertmanager", "promtool")
def test_a_drift_becomes_an_alert_at_a_receiver_and_ends_with_the_drift(tmp_path: Path) -> None:
    scraping, alerting = free_port(), free_port()
    with site(tmp_path, 2, seeded={"popup_url": POPUP}, popup_url=POPUP) as here:
        here.configure(REPORTING)
        with (
            receiver() as (page, told),
            running(here) as daemon,
            program(tmp_path, *alertmanager(tmp_path, alerting, page)),
            program(tmp_path, *prometheus(tmp_path, scraping, alerting, served := port_of(daemon))),
        ):
            daemon.wait_for("pass.finished")
            _, text = get(served, "/metrics")
            assert promtool("check", "metrics", text=text) == ""
            assert f'syncer_app_info{{app="{CUSTOMER}/{app_id(1)}",cause="none",state="InSync"}} 1.0' in text
            here.change(1, popup_url="https://elsewhere.example/popup")
            daemon.pass_now()
            assert 'cause="drift",state="Drifted"} 1.0' in get(served, "/metrics")[1]
            eventually(lambda: alerted(told, "SyncerDrift", "firing"), "the alert")
            alert = next(each for each in told if each["labels"]["alertname"] == "SyncerDrift")
            assert alert["labels"]["job"] == "syncer"
            assert alert["annotations"]["runbook"] == "docs/runbook.md#syncerdrift"
            assert alert["annotations"]["summary"].startswith("1 apps differ")
            assert "elsewhere.example" not in json.dumps(told)
            here.change(1, popup_url=POPUP)
            daemon.pass_now()
            eventually(lambda: alerted(told, "SyncerDrift", "resolved"), "the end of the alert")
            assert daemon.stop() == 0


def port_of(daemon: Running) -> int:
    """Where the daemon serves."""
    return int(daemon.wait_for("serve.listening")["address"].rpartition(":")[2])


def alerted(told: list[dict[str, Any]], name: str, status: str) -> bool:
    return any(each["labels"]["alertname"] == name and each["status"] == status for each in told)


OUTPUT = 'template(name="fields" type="string" string="%$!event%|%$!app%|%$!error%\\n")\n'


@pytest.mark.needs("rsyslogd")
def test_rsyslog_reads_our_lines_as_fields(tmp_path: Path) -> None:
    log, fields = tmp_path / "syncer.log", tmp_path / "fields.log"
    page = (pages.DOCS / "metrics.md").read_text("utf-8")
    found = re.search(r"```\n(module\(load=\"imfile\"\)[\s\S]*?)```", page)
    assert found, "docs/metrics.md shows a configuration of rsyslog"
    shown = found[1].replace("/var/log/syncer.log", str(log)).replace("/var/log/syncer-failed.log", str(fields))
    asked = shown.replace('$!event == "app.failed"', '$!event != ""').replace(
        'type="omfile"', 'type="omfile" template="fields"'
    )
    (tmp_path / "rsyslog.conf").write_text(f'global(workDirectory="{tmp_path}")\n{OUTPUT}{asked}')
    with site(tmp_path, 2, popup_url=POPUP) as here:
        (here.home / "tokens" / app_id(2)).unlink()
        log.write_text(here.run("run", "--once", "--log-format", "json", expect=1))
    daemon = ("rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid"))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    expected = [f"{each['event']}|{each.get('app', '')}|{each.get('error', '')}" for each in events]
    with program(tmp_path, *daemon):
        eventually(lambda: fields.exists() and fields.read_text().count("\n") >= len(expected), "the last line")
    assert fields.read_text().splitlines() == expected
    assert f"app.applied|{CUSTOMER}/{app_id(1)}|" in expected
