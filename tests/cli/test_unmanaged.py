"""Apps that the vendor lists and git does not declare: named everywhere, touched nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from syncer.documents import schema
from syncer.emulator.store import Seed
from tests.cli.test_import import listing
from tests.daemon.test_serving import get, serving
from tests.support.site import CUSTOMER, Site, app_id, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.running import Syncer

POPUP = "https://hooks.example/popup"
TOLD = "Listed by the vendor, declared in no valid file, never touched: 1 app"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """Three apps at the vendor, two of them in git."""
    with site(tmp_path, seeded={"popup_url": POPUP}) as found:
        found.declare(2, popup_url=POPUP)
        listing(found)
        yield found


@pytest.mark.parametrize("drifted", [False, True])
def test_a_plan_names_them(syncer: Syncer, here: Site, drifted: bool) -> None:
    if drifted:
        here.change(1, popup_url="https://hooks.example/other")
    out = syncer("plan", config=here.config).out
    assert f"{TOLD}\n  {CUSTOMER}/app_0003\n" in out
    assert TOLD in syncer("plan", "-o", "brief", config=here.config).out
    assert TOLD in syncer("plan", "-o", "markdown", config=here.config).out


def test_a_plan_of_some_apps_leaves_them_out(syncer: Syncer, here: Site) -> None:
    assert "never touched" not in syncer("plan", "app_0001", config=here.config).out


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_machines_get_them_too(syncer: Syncer, here: Site, command: str) -> None:
    document = syncer(command, "-o", "json", config=here.config).document
    row = {"customer_id": CUSTOMER, "app_id": "app_0003", "name": "app_0003", "active": True}
    assert document["unmanaged"] == {"apps": [row], "unlisted": []}
    assert list(schema.validate(document, "plan" if command == "plan" else "report")) == []


def test_sync_and_status_name_them(syncer: Syncer, here: Site) -> None:
    before = here.live(3)
    assert TOLD in syncer("sync", config=here.config).out
    assert f"{TOLD}\n  {CUSTOMER}/app_0003\n" in syncer("status", config=here.config).out
    assert TOLD in syncer("status", "-o", "markdown", config=here.config).out
    assert here.live(3) == before


def test_a_one_shot_leaves_them_for_the_status(syncer: Syncer, here: Site) -> None:
    here.run("run", "--once")
    assert TOLD in syncer("status", config=here.config).out


def test_a_daemon_serves_them(syncer: Syncer, here: Site) -> None:
    with serving(here) as (_, address):
        assert f"{TOLD}\n  {CUSTOMER}/app_0003\n" in syncer("status", "--server", address).out
        _, plan = get(address, "/api/v1/plan")
    assert [row["app_id"] for row in json.loads(plan)["unmanaged"]["apps"]] == ["app_0003"]


def test_the_doctor_names_them_and_is_content(syncer: Syncer, here: Site) -> None:
    out = syncer("doctor", config=here.config).out
    assert f"ok   unmanaged      1 app in no valid file, never touched: {CUSTOMER}/app_0003" in out


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_a_refused_list_is_told_and_changes_nothing_of_a_pass(syncer: Syncer, here: Site, command: str) -> None:
    (here.home / "customer").write_text("nonsense\n")
    told = f"Apps of {CUSTOMER} could not be listed: the vendor does not accept the customer's token (401)"
    assert told in syncer(command, config=here.config).out
    assert "FAIL list of apps" in syncer("doctor", config=here.config, expect=1).out


def test_a_token_that_is_missing_is_told(syncer: Syncer, here: Site) -> None:
    (here.home / "customer").unlink()
    assert f"Apps of {CUSTOMER} could not be listed: the token file" in syncer("plan", config=here.config).out


def test_without_a_customer_token_nobody_asks(syncer: Syncer, here: Site) -> None:
    here.configure()
    assert syncer("plan", "-o", "json", config=here.config).document["unmanaged"] is None
    assert "unmanaged" not in syncer("doctor", config=here.config).out
    assert not any(entry.path.endswith("/app") for entry in here.emulator.store.requests())


def test_many_are_counted(syncer: Syncer, here: Site) -> None:
    for number in range(4, 30):
        here.emulator.seed(Seed(CUSTOMER, app_id(number), "", f"token-{number}", f"secret-{number}"))
    out = syncer("plan", config=here.config).out
    assert "never touched: 27 apps\n" in out
    assert "  and 17 more: `-o json` names all\n" in out
    assert "and 17 more" in syncer("doctor", config=here.config).out
