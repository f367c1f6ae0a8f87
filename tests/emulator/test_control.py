from __future__ import annotations

import pytest

from syncer.emulator.faults.table import FAULTS
from tests.support.emulated import CUSTOMER, Vendor, app_id, emulator

APP = f"/apps/{CUSTOMER}/{app_id(1)}"
NEW = {"popup_url": "https://new.example/popup"}


async def ask(vendor: Vendor, method: str, path: str, body: object = None) -> dict[str, object]:
    answer = await vendor.control(method, path, body)
    document: dict[str, object] = answer.raise_for_status().json()
    return document


async def test_index_lists_every_endpoint_and_fault() -> None:
    async with emulator() as vendor:
        index = await ask(vendor, "GET", "/")
    endpoints, faults = index["endpoints"], index["faults"]
    assert isinstance(endpoints, dict)
    assert isinstance(faults, dict)
    assert {"POST /apps", "GET /ledger", "POST /faults", "POST /calls"} <= set(endpoints)
    assert set(faults) == set(FAULTS)


async def test_seeded_app_works_with_the_token_it_is_given() -> None:
    async with emulator(0) as vendor:
        seeded = await ask(vendor, "POST", "/apps", {"customer_id": "c", "app_id": "a", "settings": NEW})
        read = await vendor.client.get(
            vendor.emulator.settings_url("c", "a"), headers={"Authorization": f"Bearer {seeded['token']}"}
        )
    assert read.json()["data"]["settings"]["popup_url"] == NEW["popup_url"]
    assert seeded["secret"]
    assert seeded["customer_secret"]


async def test_several_apps_are_seeded_at_once_and_listed_without_secrets() -> None:
    async with emulator(0) as vendor:
        apps = [{"customer_id": "c", "app_id": name, "token": f"t-{name}", "secret": "s3cret"} for name in "ab"]
        await ask(vendor, "POST", "/apps", {"apps": apps})
        answer = await vendor.control("GET", "/apps")
        one = await ask(vendor, "GET", "/apps/c/b")
    assert [app["app_id"] for app in answer.json()["apps"]] == ["a", "b"]
    assert one == answer.json()["apps"][1]
    assert "s3cret" not in answer.text
    assert "t-a" not in answer.text


async def test_change_by_somebody_is_seen_and_logged_but_not_in_the_ledger() -> None:
    async with emulator() as vendor:
        await ask(vendor, "POST", f"{APP}/change", {"settings": NEW, "by": "support"})
        settings = await vendor.settings()
        changes, ledger = await vendor.control("GET", "/changes"), await ask(vendor, "GET", "/ledger")
    (change,) = changes.json()["changes"]
    assert settings["popup_url"] == NEW["popup_url"]
    assert (change["by"], change["changed"]) == ("support", ["popup_url"])
    assert ledger == {"ledger": []}


async def test_ledger_is_read_from_a_sequence_on() -> None:
    async with emulator() as vendor:
        await vendor.put({})
        await vendor.put(NEW)
        answer = await vendor.control("GET", "/ledger?since=1")
    (entry,) = answer.json()["ledger"]
    assert (entry["sequence"], entry["body"], entry["changed"]) == (2, NEW, ["popup_url"])
    assert entry["at"].endswith("Z")


async def test_requests_come_with_counts() -> None:
    async with emulator() as vendor:
        await vendor.get()
        await vendor.get()
        document = (await vendor.control("GET", "/requests")).json()
    assert document["counts"] == [
        {"method": "GET", "customer_id": CUSTOMER, "app_id": app_id(1), "status": 200, "count": 2}
    ]
    assert len(document["requests"]) == 2


async def test_token_is_expired_and_rotated() -> None:
    async with emulator() as vendor:
        expired = await ask(vendor, "POST", f"{APP}/token", {"action": "expire"})
        refused = await vendor.get()
        rotated = await ask(vendor, "POST", f"{APP}/token", {"action": "rotate"})
        accepted = await vendor.client.get(vendor.url(), headers={"Authorization": f"Bearer {rotated['token']}"})
    assert expired == {"expired": 1}
    assert (refused.status_code, accepted.status_code) == (401, 200)


async def test_faults_are_set_listed_and_cleared() -> None:
    async with emulator(2) as vendor:
        one = {"fault": "503", "customer_id": CUSTOMER, "app_id": app_id(2), "times": 1}
        numbers = await ask(vendor, "POST", "/faults", one)
        await ask(vendor, "POST", "/faults", {"fault": "GET:403", "after": 1, "route": "settings"})
        listed = (await vendor.control("GET", "/faults")).json()["faults"]
        seen = [(await vendor.get(number)).status_code for number in (2, 1, 1)]
        by_app = await ask(vendor, "DELETE", f"/faults?customer_id={CUSTOMER}&app_id={app_id(2)}")
        by_number = await ask(vendor, "DELETE", "/faults?number=2")
        rest = await ask(vendor, "DELETE", "/faults")
    assert numbers == {"numbers": [1]}
    assert [(fault["fault"], fault["app"]) for fault in listed] == [("503", [CUSTOMER, app_id(2)]), ("GET:403", None)]
    assert seen == [503, 403, 403]
    assert (by_app, by_number, rest) == ({"cleared": 1}, {"cleared": 1}, {"cleared": 0})


async def test_modes_change_one_by_one() -> None:
    async with emulator() as vendor:
        before = await ask(vendor, "GET", "/modes")
        after = await ask(vendor, "PATCH", "/modes", {"retry_scale": 0.01})
    assert after == {**before, "retry_scale": 0.01}


async def test_reset_forgets_everything() -> None:
    async with emulator() as vendor:
        await vendor.put(NEW)
        vendor.emulator.fault("503")
        await ask(vendor, "POST", "/reset")
        apps, ledger, faults = [await ask(vendor, "GET", path) for path in ("/apps", "/ledger", "/faults")]
    assert (apps, ledger, faults) == ({"apps": []}, {"ledger": []}, {"faults": []})


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/apps", {"customer_id": "c"}, "app_id: must be a string"),
        ("POST", "/apps", {"customer_id": "c", "app_id": "a", "colour": 1}, "colour: unknown"),
        ("POST", "/apps", {"customer_id": "c", "app_id": "a", "settings": 7}, "settings: must be an object"),
        ("POST", "/apps", {"apps": 7}, "apps: must be a list"),
        ("POST", "/apps", [], "not a JSON object"),
        ("POST", f"{APP}/change", {"settings": {"popup_ulr": None}}, "popup_ulr: unknown setting"),
        ("POST", f"{APP}/change", {"settings": {"popup_url": 1}}, "popup_url: must be a string or null"),
        ("POST", f"{APP}/token", {"action": "steal"}, "action: must be one of expire, rotate"),
        ("POST", "/faults", {"fault": "nonsense"}, "unknown fault"),
        ("POST", "/faults", {"fault": "503", "times": -1}, "times: must be a whole number"),
        ("POST", "/faults", {"fault": "503", "times": True}, "times: must be a whole number"),
        ("DELETE", "/faults?number=x", None, "number: must be a whole number"),
        ("GET", "/ledger?since=x", None, "since: must be a whole number"),
        ("PATCH", "/modes", {"retry_scale": -1}, "retry_scale: must be a number"),
        ("PATCH", "/modes", {"put_semantics": "guess"}, "put_semantics: must be one of merge, replace"),
        ("POST", "/calls", {"customer_id": CUSTOMER, "app_id": app_id(1), "kind": "lost"}, "kind: must be one of"),
        (
            "POST",
            "/calls",
            {"customer_id": CUSTOMER, "app_id": app_id(1), "kind": "missed", "wait": 1},
            "wait: must be true or false",
        ),
    ],
)
async def test_wrong_control_request_is_400_with_the_field(method: str, path: str, body: object, message: str) -> None:
    async with emulator() as vendor:
        answer = await vendor.control(method, path, body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


async def test_control_body_that_is_not_json_is_400() -> None:
    async with emulator() as vendor:
        answer = await vendor.client.post(f"{vendor.emulator.control_url}/apps", content=b"{")
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is not JSON"})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/apps/c/a", None),
        ("POST", "/apps/c/a/change", {"settings": NEW}),
        ("POST", "/faults", {"fault": "503", "app_id": "a"}),
        ("POST", "/calls", {"customer_id": "c", "app_id": "a", "kind": "missed"}),
    ],
)
async def test_control_request_about_an_unknown_app_is_404(method: str, path: str, body: object) -> None:
    async with emulator() as vendor:
        answer = await vendor.control(method, path, body)
    assert answer.status_code == 404
    assert "was seeded" in answer.json()["error"]
