"""The pages of a real daemon: they tell what it does, and a form does what the command does."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.daemon import running
from tests.support.site import CUSTOMER, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.daemon import Running
    from tests.support.site import Site

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
TOKEN = "alice-0123456789abcdef"
APP = f"/apps/{CUSTOMER}/app_0001"


@contextmanager
def browsing(here: Site) -> Iterator[tuple[Running, httpx.Client]]:
    """A daemon that has judged its fleet, and somebody with a browser."""
    (here.home / "token").write_text(f"alice {TOKEN}\n")
    with running(here, SYNCER_SERVE_TOKEN_FILE=str(here.home / "token")) as daemon:
        address = daemon.wait_for("serve.listening")["address"]
        daemon.wait_for("pass.finished")
        with httpx.Client(base_url=address, trust_env=False, timeout=20) as client:
            yield daemon, client
        assert daemon.stop() == 0


def page(client: httpx.Client, path: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
    """A twin, once it is as wanted: the trail follows the journal within a second."""
    deadline = time.monotonic() + 20
    while True:
        checked = client.get("/audit.json").json()["verified"]
        found: dict[str, Any] = client.get(path).raise_for_status().json()
        if checked["caught_up"] and checked["records"] > 3 and wanted(found):
            return found
        assert time.monotonic() < deadline


def form(client: httpx.Client, path: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_pages_tell_what_the_daemon_found_and_did(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here, browsing(here) as (daemon, client):
        assert page(client, "/fleet.json")["summary"] == "Everything is as git declares it: 2 apps."
        here.change(popup_url=OTHER)
        daemon.pass_now()
        past = page(client, f"{APP}.json", lambda found: [each["what"] for each in found["past"][:1]] == ["Put back"])[
            "past"
        ]
        assert [entry["what"] for entry in past[:2]] == ["Put back", "Drift seen"]
        system = page(client, "/system.json")
        assert (system["vendor"]["answers"].keys(), system["passes"][0]["trigger"]) == ({"200"}, "signal")
        assert {"poll", "detect", "schedule"} == set(system["appointments"])
        assert page(client, "/drift.json")["put_back"] == 1
        assert page(client, "/revisions.json")["revisions"][0]["in_force"]
        for path in ("/", APP, "/revisions", "/drift", "/audit", "/system"):
            assert client.get(path).status_code == 200


def test_an_approval_by_form_is_recorded_and_written(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.source.joinpath("_defaults.yaml").write_text(
            "apiVersion: syncer/v1\nkind: Defaults\npolicy: {protected: [popup_url]}\n"
        )
        with browsing(here) as (daemon, client):
            waiting = page(client, f"{APP}.json")
            assert waiting["app"]["state"] == "Held"
            assert client.post("/-/session", data={"token": TOKEN}).status_code == 303
            known = {"form": form(client, APP), "customer": CUSTOMER, "app": "app_0001"}
            sent = {**known, "plan": waiting["approvable"], "reason": "CHG-1"}
            assert client.post("/-/page/approve", data=sent).headers["location"] == f"{APP}?told=approved"
            since = daemon.mark()
            assert client.post("/-/page/reconcile", data=known).status_code == 303
            daemon.wait_for("app.applied", since)
        assert here.live()["popup_url"] == POPUP
        [approval] = [each["data"] for each in here.journal() if each["type"] == "syncer.approve.v1"]
        assert (approval["by"], approval["reason"]) == ("api:alice", "CHG-1")
