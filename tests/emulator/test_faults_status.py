from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.emulated import CUSTOMER, app_id, emulator

if TYPE_CHECKING:
    from datetime import datetime

NEW = {"popup_url": "https://new.example/popup"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("400", 400),
        ("401_all", 401),
        ("401_after(0)", 401),
        ("403", 403),
        ("404_all", 404),
        ("404_one", 404),
        ("404_one(app_0001)", 404),
        ("429", 429),
        ("retry_after_huge", 429),
        ("500_storm", 500),
        ("503", 503),
    ],
)
async def test_status_fault_answers_get_and_put_and_stores_nothing(fault: str, status: int) -> None:
    async with emulator() as vendor:
        get, put = await vendor.get(fault=fault), await vendor.put(NEW, fault=fault)
        ledger, requests = vendor.emulator.store.ledger(), vendor.emulator.store.requests()
    assert (get.status_code, put.status_code) == (status, status)
    assert put.json()["success"] is False
    assert ledger == ()
    assert [entry.faults for entry in requests] == [(fault,), (fault,)]


async def test_500_after_the_commit_stores_the_put() -> None:
    async with emulator() as vendor:
        answer = await vendor.put(NEW, fault="500_storm(after)")
        settings, ledger = await vendor.settings(), vendor.emulator.store.ledger()
    assert answer.status_code == 500
    assert settings["popup_url"] == NEW["popup_url"]
    assert len(ledger) == 1


async def test_401_after_lets_n_requests_pass() -> None:
    async with emulator(2) as vendor:
        vendor.emulator.fault("401_after(3)")
        statuses = [(await vendor.get(number)).status_code for number in (1, 2, 1, 2, 1)]
    assert statuses == [200, 200, 200, 401, 401]


async def test_401_after_by_header_counts_the_requests_of_one_app() -> None:
    async with emulator(2) as vendor:
        statuses = [(await vendor.get(number, fault="401_after(1)")).status_code for number in (1, 1, 2, 2)]
    assert statuses == [200, 401, 200, 401]


async def test_404_one_spares_the_other_apps() -> None:
    async with emulator(2) as vendor:
        vendor.emulator.fault(f"404_one({app_id(2)})")
        statuses = [(await vendor.get(number)).status_code for number in (1, 2)]
    assert statuses == [200, 404]


@pytest.mark.parametrize(
    ("fault", "value"), [("429(30)", "30"), ("429(30,none)", None), ("503(7)", "7"), ("retry_after_huge", "999999999")]
)
async def test_retry_after_in_seconds(fault: str, value: str | None) -> None:
    async with emulator() as vendor:
        answer = await vendor.get(fault=fault)
    assert answer.headers.get("Retry-After") == value


async def test_retry_after_as_a_date() -> None:
    async with emulator() as vendor:
        before: datetime = vendor.emulator.store.clock.now()
        answer = await vendor.get(fault="429(60,date)")
    wait = (parsedate_to_datetime(answer.headers["Retry-After"]) - before).total_seconds()
    assert 58 < wait < 75


@pytest.mark.parametrize("code", [302, 307])
async def test_redirect_to_another_host_points_where_it_is_told_and_stores_nothing(code: int) -> None:
    async with emulator() as vendor:
        await vendor.control("PATCH", "/modes", {"redirect_target": "http://127.0.0.1:9"})
        answer = await vendor.put(NEW, fault=f"redirect_{code}_cross_host")
        named = await vendor.get(fault=f"redirect_{code}_cross_host(http://127.0.0.2:8)")
        ledger = vendor.emulator.store.ledger()
    path = f"/v2/integrations/{CUSTOMER}/apps/{app_id(1)}/settings"
    assert (answer.status_code, answer.headers["Location"]) == (code, f"http://127.0.0.1:9{path}")
    assert named.headers["Location"] == f"http://127.0.0.2:8{path}"
    assert ledger == ()


async def test_redirect_on_the_same_host_leads_a_careless_put_to_a_get_that_succeeds() -> None:
    async with emulator() as vendor:
        answer = await vendor.client.put(
            vendor.url(),
            json=NEW,
            headers=vendor.headers(fault="PUT:redirect_302_same_host"),
            follow_redirects=True,
        )
        kept = await vendor.put(NEW, fault="redirect_307_same_host")
        ledger = vendor.emulator.store.ledger()
    assert (answer.status_code, answer.request.method, kept.status_code) == (200, "GET", 307)
    assert ledger == ()
