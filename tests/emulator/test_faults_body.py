from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulated import CUSTOMER, app_id, emulator

if TYPE_CHECKING:
    import httpx

NEW = {"popup_url": "https://new.example/popup"}
OLD: dict[str, str | bool | None] = {"popup_url": "https://old.example/popup", "recording_enabled": True}


async def both(fault: str) -> tuple[httpx.Response, httpx.Response, int]:
    """The answers to a GET and a PUT under a fault, and how many PUTs were stored."""
    async with emulator(settings=OLD) as vendor:
        get, put = await vendor.get(fault=fault), await vendor.put(NEW, fault=fault)
        return get, put, len(vendor.emulator.store.ledger())


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        ("error_in_200", 0),
        ("error_in_200(after)", 1),
        ("html_200", 0),
        ("html_200(after)", 1),
        ("empty_200", 1),
        ("empty_200(before)", 0),
        ("truncated_json", 1),
        ("dup_key_json", 1),
        ("wrong_ctype", 1),
        ("wrong_app_id", 1),
        ("swap_apps", 1),
        ("missing_field", 1),
        ("wrong_type", 1),
        ("extra_field", 1),
    ],
)
async def test_body_fault_answers_200_and_stores_as_documented(fault: str, stored: int) -> None:
    get, put, committed = await both(fault)
    assert (get.status_code, put.status_code, committed) == (200, 200, stored)


async def test_error_in_200_is_not_a_success() -> None:
    get, put, _ = await both("error_in_200")
    assert get.json()["success"] is put.json()["success"] is False


async def test_html_200_is_a_page() -> None:
    get, _, _ = await both("html_200")
    assert get.headers["content-type"].startswith("text/html")
    assert get.text.startswith("<!doctype html>")


async def test_empty_200_has_no_body() -> None:
    get, put, _ = await both("empty_200")
    assert (get.content, put.content) == (b"", b"")


async def test_truncated_json_is_whole_http_and_half_json() -> None:
    get, _, _ = await both("truncated_json")
    assert len(get.content) == int(get.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        get.json()


async def test_dup_key_json_deceives_a_parser_that_keeps_the_last() -> None:
    get, put, _ = await both("dup_key_json")
    for answer in (get, put):
        assert answer.text.count('"popup_url"') == 2
        assert answer.json()["data"]["settings"]["popup_url"] == "https://duplicate.example/popup"


async def test_wrong_ctype_carries_the_right_json() -> None:
    get, _, _ = await both("wrong_ctype")
    assert get.headers["content-type"].startswith("text/html")
    assert get.json()["data"]["app_id"] == app_id(1)


async def test_huge_body_is_as_long_as_asked() -> None:
    get, _, _ = await both("huge_body(1000000)")
    assert len(get.content) > 1_000_000
    assert get.json()["data"]["app_id"] == app_id(1)


async def test_gzip_bomb_is_small_on_the_wire_and_large_after() -> None:
    async with (
        emulator() as vendor,
        vendor.client.stream(
            "GET",
            vendor.url(),
            headers={**vendor.headers(fault="gzip_bomb(20000000)"), "Accept-Encoding": "identity"},
        ) as answer,
    ):
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert len(raw) < 100_000
    assert len(zlib.decompress(raw, 31)) > 20_000_000


async def test_swap_apps_answers_with_the_neighbours_id_and_settings() -> None:
    async with emulator(2) as vendor:
        await vendor.put(NEW, number=2)
        get = await vendor.get(fault="swap_apps")
        put = await vendor.put({"popup_url": "https://mine.example/"}, fault="swap_apps")
        stored = vendor.emulator.store.ledger()[-1]
    for answer in (get, put):
        data: dict[str, Any] = answer.json()["data"]
        assert (data["app_id"], data["settings"]["popup_url"]) == (app_id(2), NEW["popup_url"])
    assert (stored.customer_id, stored.app_id) == (CUSTOMER, app_id(1))


async def test_swap_apps_with_a_single_app_invents_another() -> None:
    get, put, _ = await both("swap_apps")
    assert get.json()["data"]["app_id"] == put.json()["data"]["app_id"] == "app_somebody_else"


async def test_wrong_app_id_keeps_the_settings() -> None:
    get, _, _ = await both("wrong_app_id(app_9)")
    data = get.json()["data"]
    assert (data["app_id"], data["settings"]["popup_url"]) == ("app_9", OLD["popup_url"])


async def test_missing_field_is_gone_from_the_answer() -> None:
    get, _, _ = await both("missing_field(callback_url)")
    assert "callback_url" not in get.json()["data"]["settings"]


@pytest.mark.parametrize(("field", "value"), [("recording_enabled", "true"), ("popup_url", 7)])
async def test_wrong_type_changes_the_type(field: str, value: object) -> None:
    get, _, _ = await both(f"wrong_type({field})")
    assert get.json()["data"]["settings"][field] == value


async def test_extra_field_adds_one() -> None:
    get, _, _ = await both("extra_field(escalation_url)")
    assert get.json()["data"]["settings"]["escalation_url"] == "https://extra.example/field"


@pytest.mark.parametrize("fault", ["swap_apps", "wrong_app_id", "dup_key_json", "normalise_url"])
async def test_body_fault_leaves_an_error_alone(fault: str) -> None:
    async with emulator() as vendor:
        answer = await vendor.client.get(vendor.url(), headers={"X-Emulator-Fault": f"GET:{fault}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("fault", ["dup_key_json", "wrong_app_id", "swap_apps"])
async def test_body_fault_on_another_resource_leaves_it_alone(fault: str) -> None:
    async with emulator() as vendor:
        answer = await vendor.client.post(
            f"{vendor.emulator.base_url}/token",
            json={"Id": app_id(1), "Secret": "secret-1", "Entity": "app"},
            headers={"X-Emulator-Fault": fault},
        )
    assert answer.json()["Status"] == "Success"


@pytest.mark.parametrize("fault", ["extra_field", "swap_apps", "normalise_url"])
async def test_body_fault_around_an_answer_without_json_leaves_it_alone(fault: str) -> None:
    async with emulator() as vendor:
        answer = await vendor.get(fault=f"GET:{fault}, html_200")
    assert answer.text.startswith("<!doctype html>")
