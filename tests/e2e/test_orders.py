"""Orders given to a running daemon over its server: recorded, obeyed, and still there after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon.test_serving import get, post, serving
from tests.support.daemon import running
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Running
    from tests.support.versioned import Versioned

GOOD, BAD, NEXT = (f"https://hooks.acme.example/{name}" for name in ("good", "bad", "next"))


def asked(here: Versioned, address: str, *arguments: str, expect: int = 0) -> str:
    """A command that asks the daemon, with the token."""
    token = str(here.site.home / "server.token")
    return here.site.run(*arguments, "--server", address, expect=expect, SYNCER_SERVER_TOKEN_FILE=token)


def written(daemon: Running, address: str) -> int:
    """Asks for a pass; how many apps it wrote."""
    since = daemon.mark()
    assert post(address, "/-/reconcile", {})[0] == 202
    applied = daemon.wait_for("pass.finished", since, trigger="manual")["applied"]
    assert isinstance(applied, int)
    return applied


def popups(here: Versioned) -> list[str]:
    return [here.site.live(number)["popup_url"] for number in (1, 2)]


def records(here: Versioned, kind: str) -> list[dict[str, Any]]:
    return [record["data"] for record in here.site.journal() if record["type"] == f"syncer.{kind}.v1"]


def test_a_daemon_obeys_orders_and_a_killed_one_still_does(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=GOOD) as here:
        good = here.before(0)
        with serving(here.site) as (daemon, address):
            bad = here.commit(range(1, 3), popup_url=BAD)
            assert asked(here, address, "reconcile", "--wait").endswith("2 of 2 apps in order after the pass\n")
            assert json.loads(get(address, "/api/v1/status")[1])["revision"]["id"] == bad
            assert popups(here) == [BAD, BAD]
            told = asked(here, address, "rollback", "app_0001", "--to", good, "--until", "4h", "--reason", "INC-9")
            assert told.startswith(f"pinned to {good[:12]} until 20")
            assert post(address, "/-/suspend", {"apps": ["app_0002"], "until": "4h", "reason": "INC-7"})[0] == 200
            here.commit(range(2, 3), popup_url=NEXT)
            assert written(daemon, address) == 1
            assert popups(here) == [GOOD, BAD]
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        here.site.change(1, popup_url=NEXT)
        with serving(here.site) as (daemon, address):
            assert written(daemon, address) == 0 or popups(here)[0] == GOOD  # the first pass may have put it back
            assert popups(here) == [GOOD, BAD]
            [one, two] = json.loads(get(address, "/api/v1/status")[1])["apps"]
            assert (one["pin"]["by"], one["state"], two["state"]) == ("api:alice", "InSync", "Suspended")
            told = asked(here, address, "wait", "app_0002", "--timeout", "1s", expect=4)
            assert told.startswith("Suspended  cust_1/app_0002")
            assert post(address, "/-/resume", {"apps": ["app_0002"], "reason": "over"})[1]["apps"]
            assert post(address, "/-/rollback", {"apps": ["app_0001"], "undo": True, "reason": "mended"})[1]["apps"]
            assert written(daemon, address) == 2
            assert popups(here) == [BAD, NEXT]
            told = asked(here, address, "history", "app_0001")
            assert "no longer pinned  commit" in told
            assert "pinned by api:alice: INC-9" in told
            found = json.loads(get(address, "/api/v1/apps/cust_1/app_0001/history?field=popup_url&limit=1")[1])
            assert [entry["verdict"] for entry in found["entries"]] == ["applied"]
        assert [data["by"] for data in records(here, "pin") + records(here, "unpin")] == ["api:alice"] * 2


def test_an_order_that_the_daemon_recorded_is_there_if_it_is_killed_before_any_pass(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=GOOD) as here:
        with serving(here.site) as (daemon, address):
            assert post(address, "/-/suspend", {"all": True, "until": "4h", "reason": "fair"})[0] == 200
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        here.commit(range(1, 3), popup_url=BAD)
        here.site.run("sync")
        assert popups(here) == [GOOD, GOOD]
        assert "suspended with the whole fleet by api:alice" in here.site.run("status")


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Versioned, str]]:
    """A daemon, and its address, for orders that no pass has to follow."""
    with versioned(tmp_path_factory.mktemp("steady"), 1, popup_url=GOOD) as here, serving(here.site) as (_, address):
        yield here, address


def test_a_command_that_finds_the_state_locked_names_the_server(steady: tuple[Versioned, str]) -> None:
    here, address = steady
    ended = here.site.ended("suspend", "app_0001", "--until", "4h", "--reason", "x")
    assert ended.returncode == 4
    assert f"ask the daemon: --server {address} --server-token-file FILE" in ended.stderr
    ended = here.site.ended("sync")
    assert ended.returncode == 4
    assert f"ask the daemon: syncer reconcile --server {address} --server-token-file FILE" in ended.stderr
    assert here.site.run("history", "app_0001").count("applied")  # reading needs no lock
    assert asked(here, address, "resume", "app_0001", "--reason", "x") == "nothing was suspended\n"
    assert records(here, "suspend") == []


def test_two_at_once_are_both_recorded_and_the_last_one_counts(steady: tuple[Versioned, str]) -> None:
    here, address = steady
    token = str(here.site.home / "server.token")
    both = [
        subprocess.Popen(
            here.site.command("suspend", "app_0001", "--until", "4h", "--reason", reason, "--server", address),
            env=here.site.environ(SYNCER_SERVER_TOKEN_FILE=token),
            stdout=subprocess.DEVNULL,
        )
        for reason in ("one", "two")
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    reasons = [data["reason"] for data in records(here, "suspend")]
    assert sorted(reasons) == ["one", "two"]
    assert post(address, "/-/resume", {"apps": ["app_0001"], "reason": "x"})[1]["apps"]
    assert post(address, "/-/resume", {"apps": ["app_0001"], "reason": "x"})[1]["apps"] == []


def test_an_order_that_ended_is_recorded_logged_and_not_in_force_again(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=GOOD) as here:
        here.site.run("sync")
        here.site.run("suspend", "--all", "--until", "1s", "--reason", "short")
        here.commit(range(1, 2), popup_url=NEXT)
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            while not records(here, "resume"):
                daemon.pass_now()
            assert daemon.wait_for("order.ended")["why"] == "its time is over"
            daemon.pass_now()
            assert here.site.live(1)["popup_url"] == NEXT
            assert daemon.stop() == 0
        assert [(data["by"], data["reason"]) for data in records(here, "resume")] == [("system", "its time is over")]


def test_what_is_no_order_is_refused_by_the_server_as_by_the_command(steady: tuple[Versioned, str]) -> None:
    _, address = steady
    right = {"apps": ["app_0001"], "until": "4h", "reason": "x"}
    for path, body, status in (
        ("suspend", {**right, "all": True}, 400),
        ("suspend", {**right, "apps": []}, 400),
        ("suspend", {**right, "until": "soon"}, 400),
        ("suspend", {**right, "reason": ""}, 400),
        ("suspend", {**right, "apps": ["nobody"]}, 400),
        ("rollback", right, 400),
        ("rollback", {**right, "to": "main"}, 400),
        ("rollback", {**right, "to": "f" * 40}, 502),
        ("resume", right, 400),
    ):
        assert post(address, f"/-/{path}", body)[0] == status, (path, body)
    assert post(address, "/-/suspend", {**right, "until": "2099-01-01"})[1]["until"] == "2099-01-02T00:00:00Z"
    assert post(address, "/-/suspend", {"all": True, "until": "1h", "reason": "x"})[1]["all"] is True
    status, told = post(address, "/-/resume", {"apps": ["cust_1/app_none"], "reason": "x"})
    assert (status, told["exit_code"]) == (400, 64)
    assert get(address, "/api/v1/apps/cust_1/app_0001/history?field=x")[0] == 400
    assert get(address, "/api/v1/apps/cust_1/app_0001/history?limit=0")[0] == 400
