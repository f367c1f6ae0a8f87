"""The daemon as a real process, asked over its server."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.daemon import running
from tests.support.site import site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Running
    from tests.support.site import Site

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
TOKEN = "alice-0123456789abcdef"
SECRET = "push-0123456789abcdef"


def get(address: str, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post(address: str, path: str, document: object, **headers: str) -> tuple[int, Any]:
    known = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **headers}
    request = urllib.request.Request(f"{address}{path}", json.dumps(document).encode(), known, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def until_ready(address: str) -> None:
    deadline = time.monotonic() + 20
    while get(address, "/readyz")[0] != 200:
        assert time.monotonic() < deadline


@contextmanager
def serving(here: Site) -> Iterator[tuple[Running, str]]:
    """A daemon with a token and a push secret, and its address, once it is ready."""
    (here.home / "server.token").write_text(f"alice {TOKEN}\n")
    (here.home / "push.secret").write_text(SECRET)
    files = {
        "SYNCER_SERVE_TOKEN_FILE": str(here.home / "server.token"),
        "SYNCER_SERVE_PUSH_SECRET_FILE": str(here.home / "push.secret"),
    }
    with running(here, list, **files) as daemon:
        address = daemon.wait_for("serve.listening")["address"]
        until_ready(address)
        yield daemon, address
        if daemon.process.poll() is None:
            assert daemon.stop() == 0


def hold(here: Site) -> None:
    """What drifts waits for a person."""
    here.config.write_text(here.config.read_text().replace("policy:", "policy:\n  protected: [popup_url]", 1))


def test_an_approval_through_the_server_is_recorded_under_the_name_of_the_token_and_written(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        hold(here)
        with serving(here) as (daemon, address):
            plan = json.loads(get(address, "/api/v1/plan")[1])["id"]
            locked = daemon.mark()
            told = here.run(
                "approve", plan[:12], "app_0001", "--reason", "CHG-1", "--server", address,
                SYNCER_SERVER_TOKEN_FILE=str(here.home / "server.token"),
            )  # fmt: skip
            assert told == "approved cust_1/app_0001 (app_0001)\nnext: the daemon writes it in its next pass\n"
            assert post(address, "/-/reconcile", {})[0] == 202
            assert daemon.wait_for("pass.finished", locked, trigger="manual")["applied"] == 1
            assert [here.live(n)["popup_url"] for n in (1, 2)] == [POPUP, None]
            assert daemon.stop() == 0
        approvals = [r["data"] for r in here.journal() if r["type"] == "syncer.approve.v1"]
        assert [(each["by"], each["reason"]) for each in approvals] == [("api:alice", "CHG-1")]


def test_a_stale_plan_id_is_held_with_the_same_exit_code(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        hold(here)
        with serving(here) as (_, address):
            token = str(here.home / "server.token")
            wrong = ("approve", "0" * 12, "--reason", "r", "--server", address)
            here.run(*wrong, "--server-token-file", token, expect=4)
            here.run(*wrong, expect=64)
            assert post(address, "/-/approve", {"plan": "0" * 12, "reason": "r"})[0] == 409
            assert post(address, "/-/approve", {"plan": "0", "reason": "r"})[0] == 400
            assert post(address, "/-/approve", {"plan": "0" * 12, "apps": ["nope"], "reason": "r"})[0] == 400


def test_a_commit_is_approved_through_the_server(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        here.commit(range(1, 2), popup_url=OTHER)
        with serving(here.site) as (daemon, address):
            assert post(address, "/-/approve", {"commit": "0" * 40, "reason": "r"})[1] == {
                "commit": None,
                "approved": [],
            }
            here.repository.git("update-ref", "refs/heads/main", here.before(1))
            since = daemon.mark()
            daemon.pass_now()
            commit = here.before(0)
            assert post(address, "/-/approve", {"commit": "0" * 40, "reason": "r"})[0] == 409
            assert post(address, "/-/approve", {"commit": commit[:8], "reason": "r"})[1]["commit"] == commit
            assert post(address, "/-/reconcile", {})[0] == 202
            daemon.wait_for("pass.finished", since, trigger="manual")
            assert here.site.live()["popup_url"] == POPUP


def test_a_commit_that_an_approval_comes_upon_is_applied_at_once(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, serving(here.site) as (daemon, address):
        since = daemon.mark()
        here.commit(range(1, 2), popup_url=OTHER)
        assert post(address, "/-/approve", {"plan": "0" * 12, "reason": "r"})[0] == 409
        assert daemon.wait_for("pass.finished", since, trigger="commit")["applied"] == 1
        assert here.site.live()["popup_url"] == OTHER


def test_an_approval_waits_for_the_pass_under_way(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here, serving(here) as (daemon, address):
        here.emulator.fault("GET:latency(1000)")
        since = daemon.mark()
        daemon.signal(signal.SIGHUP)
        arrived = here.emulator.store.arrived()
        while here.emulator.store.arrived() == arrived:
            pass
        assert post(address, "/-/approve", {"plan": "0" * 12, "reason": "r"})[0] == 409
        daemon.wait_for("pass.finished", since, trigger="signal")


def test_a_push_applies_a_commit_at_once(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, serving(here.site) as (daemon, address):
        here.commit(range(1, 2), popup_url=OTHER)
        assert post(address, "/-/push/gitlab", {}, **{"X-Gitlab-Token": "wrong"})[0] == 401
        assert post(address, "/-/push/gitlab", {}, **{"X-Gitlab-Token": SECRET})[0] == 202
        assert daemon.wait_for("pass.finished", trigger="push")["applied"] == 1


def test_probes_stay_good_while_git_and_vendor_are_away_and_verbose_says_so(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, serving(here.site) as (daemon, address):
        here.repository.path.rename(tmp_path / "elsewhere.git")
        here.site.emulator.fault("GET:500_storm")
        daemon.pass_now()
        for path in ("/livez", "/readyz", "/startupz"):
            assert get(address, path)[0] == 200
        told = get(address, "/readyz?verbose")[1].decode()
        assert "[-] source: shown, not counted:" in told
        assert str(tmp_path) not in told


def test_a_daemon_without_a_first_verdict_is_alive_and_not_ready(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        here.repository.path.rename(tmp_path / "elsewhere.git")
        with running(here.site) as daemon:
            address = daemon.wait_for("serve.listening")["address"]
            daemon.wait_for("pass.failed")
            assert [get(address, path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 503]
            assert b'syncer_reconcile_total{result="failed"} 1.0' in get(address, "/metrics")[1]
            assert get(address, "/api/v1/status")[0] == 404


def test_metrics_tell_of_the_pass(tmp_path: Path) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here, serving(here) as (_, address):
        text = get(address, "/metrics")[1].decode()
        for line in ('syncer_puts_total{result="applied"} 3.0', 'syncer_apps{state="InSync"} 3.0'):
            assert line in text


def test_sigterm_is_obeyed_with_slow_connections_open(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here, serving(here) as (daemon, address):
        host, _, port = address.removeprefix("http://").rpartition(":")
        sockets = [socket.create_connection((host, int(port))) for _ in range(3)]
        sockets[0].send(b"POST /-/push/gitlab HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
        sockets[1].send(b"GET /liv")
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 5
        for each in sockets:
            each.close()


def test_the_address_stands_in_the_state_folder_while_it_is_served(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        with serving(here) as (daemon, address):
            assert json.loads((here.state / "serve.json").read_bytes()) == {"address": address}
            assert "1 app: 1 InSync" in here.run("status", "--server", address)
            assert daemon.stop() == 0
        assert not (here.state / "serve.json").exists()


def test_a_port_that_is_taken_ends_the_start_with_64(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        here.run("run", expect=64, SYNCER_SERVE_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
        assert here.emulator.store.ledger() == ()


def test_none_is_no_server(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here, running(here, SYNCER_SERVE_LISTEN="none") as daemon:
        daemon.wait_for("pass.finished")
        assert daemon.stop() == 0
        assert "serve.listening" not in [line["event"] for line in daemon.lines]
