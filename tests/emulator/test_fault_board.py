from __future__ import annotations

import pytest

from syncer.emulator.exchange import Route
from syncer.emulator.faults.fault import FaultError
from syncer.emulator.records import AppKey
from tests.support.emulated import CUSTOMER, Vendor, app_id, emulator


async def statuses(vendor: Vendor, *numbers: int) -> list[int]:
    return [(await vendor.get(number)).status_code for number in numbers]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "unknown fault 'nonsense'"),
        ("latency(fast)", "fault 'latency': argument ms must be a number"),
        ("latency(1,2,3)", "fault 'latency': takes at most 2 arguments"),
        ("hang(sometimes)", "fault 'hang': argument when must be one of before, after"),
        ("normalise_url(13)", "fault 'normalise_url': argument rule must be one of"),
        ("403(1)", "fault '403': takes at most 0 arguments"),
        ("latency(1", "can't read a fault"),
        ("403 404", "can't read a fault"),
        ("GET:", "can't read a fault"),
    ],
)
async def test_wrong_fault_is_refused_with_its_reason(text: str, message: str) -> None:
    async with emulator() as vendor:
        with pytest.raises(FaultError, match=message):
            vendor.emulator.fault(text)
        by_header = await vendor.get(fault=text)
    assert by_header.status_code == 400
    assert by_header.json()["error"]["code"] == "unknown_fault"


async def test_fault_stays_until_cleared() -> None:
    async with emulator() as vendor:
        vendor.emulator.fault("503")
        during = await statuses(vendor, 1, 1)
        vendor.emulator.clear_faults()
        after = await statuses(vendor, 1)
    assert (during, after) == ([503, 503], [200])


async def test_fault_fires_so_many_times_after_so_many_requests() -> None:
    async with emulator() as vendor:
        vendor.emulator.fault("503", after=1, times=2)
        seen = await statuses(vendor, 1, 1, 1, 1)
    assert seen == [200, 503, 503, 200]


async def test_fault_of_one_app_spares_the_others() -> None:
    async with emulator(2) as vendor:
        vendor.emulator.fault("503", app=(CUSTOMER, app_id(2)))
        seen = await statuses(vendor, 1, 2)
    assert seen == [200, 503]


async def test_method_prefix_limits_a_fault() -> None:
    async with emulator() as vendor:
        vendor.emulator.fault("PUT:403")
        get, put = await vendor.get(), await vendor.put({})
    assert (get.status_code, put.status_code) == (200, 403)


async def test_faults_combine_with_the_apps_inside_everybodys() -> None:
    async with emulator(2) as vendor:
        vendor.emulator.fault("wrong_app_id(from_app)", app=(CUSTOMER, app_id(1)))
        vendor.emulator.fault("wrong_app_id(from_all)")
        answer = await vendor.get(fault="extra_field, wrong_app_id(from_header)")
        (entry,) = vendor.emulator.store.requests()
    assert answer.json()["data"]["app_id"] == "from_all"
    assert "escalation_url" in answer.json()["data"]["settings"]
    assert entry.faults == (
        "wrong_app_id(from_all)",
        "wrong_app_id(from_app)",
        "extra_field",
        "wrong_app_id(from_header)",
    )


async def test_standing_fault_concerns_settings_unless_another_resource_is_named() -> None:
    async with emulator() as vendor:
        vendor.emulator.fault("503", route=Route.TOKEN)
        settings = await vendor.get()
        token = await vendor.client.post(f"{vendor.emulator.base_url}/token", json={})
    assert (settings.status_code, token.status_code) == (200, 503)


async def test_faults_are_cleared_by_number_or_by_app() -> None:
    async with emulator(2) as vendor:
        first, second = vendor.emulator.fault("503, 403")
        vendor.emulator.fault("404_all", app=(CUSTOMER, app_id(2)))
        board = vendor.emulator.faults
        by_number = board.clear(number=first)
        left = [one.number for one in board.standing()]
        by_app = board.clear(app=AppKey(CUSTOMER, app_id(2)))
        seen = await statuses(vendor, 1, 2)
    assert (by_number, by_app) == (1, 1)
    assert left == [second, second + 1]
    assert seen == [403, 403]
