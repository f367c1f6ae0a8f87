from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest

from syncer.emulator.records import AppKey
from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from tests.support.emulated import CUSTOMER, app_id, app_token, emulator

HOOKS = "https://your-server.com/webhook"
DOCUMENTED_BODY: dict[str, str | bool | None] = {
    "popup_url": f"{HOOKS}/popup",
    "missed_call_url": f"{HOOKS}/missed-call",
    "recording_enabled": True,
    "recording_url": f"{HOOKS}/recording",
}
DOCUMENTED_PUT = """\
{
"success": true,
"data": {
"app_id": "app_abc123",
"settings": {
"popup_url": "https://your-server.com/webhook/popup",
"missed_call_url": "https://your-server.com/webhook/missed-call",
"callback_url": null,
"recording_enabled": true,
"recording_url": "https://your-server.com/webhook/recording",
"streaming_enabled": false,
"streaming_url": null,
"updated_at": "2024-06-15T10:30:00.000Z"
}
}
}"""
DOCUMENTED_GET = DOCUMENTED_PUT.replace('"updated_at"', '"created_at": "2024-06-01T09:00:00.000Z",\n"updated_at"')


class HeldClock:
    """Wall time that moves only when told."""

    def __init__(self, now: datetime) -> None:
        self.at = now
        self.ticks = 0

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        self.ticks += 1
        return self.ticks


async def test_put_and_get_answer_the_documented_examples_to_the_byte() -> None:
    clock = HeldClock(datetime(2024, 6, 1, 9, 0, tzinfo=UTC))
    async with Emulator.start(clock=clock) as running, httpx.AsyncClient(trust_env=False) as client:
        running.seed(Seed("c", "app_abc123", token="t"))
        clock.at = datetime(2024, 6, 15, 10, 30, tzinfo=UTC)
        url, headers = running.settings_url("c", "app_abc123"), {"Authorization": "Bearer t"}
        put = await client.put(url, json=DOCUMENTED_BODY, headers=headers)
        get = await client.get(url, headers=headers)
    assert (put.status_code, get.status_code) == (200, 200)
    assert put.headers["content-type"] == "application/json"
    assert put.content == orjson.dumps(orjson.loads(DOCUMENTED_PUT))
    assert get.content == orjson.dumps(orjson.loads(DOCUMENTED_GET))


async def test_fresh_app_has_null_urls_and_false_flags() -> None:
    async with emulator() as vendor:
        settings = await vendor.settings()
    assert {name: settings[name] for name in settings if not name.endswith("_at")} == {
        "popup_url": None,
        "missed_call_url": None,
        "callback_url": None,
        "recording_enabled": False,
        "recording_url": None,
        "streaming_enabled": False,
        "streaming_url": None,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"popup_url": 7}', "popup_url"),
        (b'{"popup_url": ["https://a.example"]}', "popup_url"),
        (b'{"popup_url": ""}', "popup_url"),
        (b'{"popup_url": "ftp://a.example/"}', "popup_url"),
        (b'{"popup_url": "https://a.example/ b"}', "popup_url"),
        (b'{"popup_url": "https://[::1/"}', "popup_url"),
        (b'{"streaming_url": "https:///nowhere"}', "streaming_url"),
        (b'{"callback_url": "https://a.example/' + b"x" * 2048 + b'"}', "callback_url"),
        (b'{"recording_enabled": "true"}', "recording_enabled"),
        (b'{"streaming_enabled": null}', "streaming_enabled"),
        (b'{"streaming_enabled": 1}', "streaming_enabled"),
        (b'{"popup_ulr": "https://a.example/"}', "popup_ulr"),
        (b"not json", None),
        (b"[]", None),
        (b"", None),
        (b'{"popup_url": "' + b"x" * 300_000 + b'"}', None),
    ],
)
async def test_put_that_is_wrong_is_400_and_names_the_field(body: bytes, field: str | None) -> None:
    async with emulator() as vendor:
        headers = {**vendor.headers(), "Content-Type": "application/json"}
        answer = await vendor.client.put(vendor.url(), content=body, headers=headers)
        ledger = vendor.emulator.store.ledger()
    document = answer.json()
    assert answer.status_code == 400
    assert document["success"] is False
    assert document["error"]["field"] == field
    assert field is None or field in document["error"]["message"]
    assert ledger == ()


async def test_put_without_json_content_type_is_400() -> None:
    async with emulator() as vendor:
        answer = await vendor.client.put(vendor.url(), content=b"{}", headers=vendor.headers())
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "header", [None, "", "Bearer ", "Bearer unknown", "token-0001", f"Basic {app_token(1)}", f"Bearer {app_token(2)}"]
)
async def test_token_that_is_not_the_apps_own_is_401(header: str | None) -> None:
    async with emulator(2) as vendor:
        headers = {} if header is None else {"Authorization": header}
        read = await vendor.client.get(vendor.url(), headers=headers)
        write = await vendor.client.put(vendor.url(), headers=headers, json={})
        ledger = vendor.emulator.store.ledger()
    assert (read.status_code, write.status_code) == (401, 401)
    assert ledger == ()


async def test_expired_token_is_401_and_says_so() -> None:
    clock = HeldClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with emulator(clock=clock) as vendor:
        clock.at += timedelta(days=90) - timedelta(seconds=1)
        before = await vendor.get()
        clock.at += timedelta(seconds=1)
        after = await vendor.get()
    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["error"]["code"] == "token_expired"


async def test_unknown_app_or_customer_is_404_for_a_good_token() -> None:
    async with emulator() as vendor:
        app = await vendor.client.get(vendor.emulator.settings_url(CUSTOMER, "app_x"), headers=vendor.headers())
        customer = await vendor.client.get(vendor.emulator.settings_url("c_x", app_id(1)), headers=vendor.headers())
    assert (app.status_code, customer.status_code) == (404, 404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v2/integrations/cust_1/apps/app_0001/settings", 405),
        ("GET", "/v2/integrations/cust_1/apps/app_0001", 404),
        ("GET", "/v2/integrations/cust_1/apps//settings", 404),
        ("GET", "/cust_1/apps/app_0001/settings", 404),
        ("GET", "/", 404),
    ],
)
async def test_undocumented_methods_and_paths_are_refused(method: str, path: str, status: int) -> None:
    async with emulator() as vendor:
        answer = await vendor.client.request(method, vendor.emulator.origin + path, headers=vendor.headers())
    assert answer.status_code == status


async def test_put_merges_unless_the_vendor_replaces() -> None:
    async with emulator(settings=DOCUMENTED_BODY) as vendor:
        merged = (await vendor.put({"callback_url": f"{HOOKS}/callback"})).json()["data"]["settings"]
        await vendor.control("PATCH", "/modes", {"put_semantics": "replace"})
        replaced = (await vendor.put({"callback_url": f"{HOOKS}/callback"})).json()["data"]["settings"]
    assert merged["popup_url"] == f"{HOOKS}/popup"
    assert (replaced["popup_url"], replaced["recording_enabled"]) == (None, False)
    assert replaced["callback_url"] == f"{HOOKS}/callback"


async def test_null_clears_a_url() -> None:
    async with emulator(settings=DOCUMENTED_BODY) as vendor:
        await vendor.put({"popup_url": None})
        settings = await vendor.settings()
    assert settings["popup_url"] is None


async def test_ledger_holds_every_committed_put_and_nothing_else() -> None:
    async with emulator(settings=DOCUMENTED_BODY) as vendor:
        headers = {**vendor.headers(), "X-Request-Id": "r-1"}
        await vendor.client.put(vendor.url(), json={"popup_url": f"{HOOKS}/new"}, headers=headers)
        await vendor.put({"popup_url": 1})
        await vendor.get()
        entries = vendor.emulator.store.ledger()
    (entry,) = entries
    assert (entry.sequence, entry.request_id, entry.customer_id, entry.app_id) == (1, "r-1", CUSTOMER, app_id(1))
    assert entry.body == {"popup_url": f"{HOOKS}/new"}
    assert entry.before["popup_url"] == f"{HOOKS}/popup"
    assert entry.after["popup_url"] == f"{HOOKS}/new"
    assert entry.changed == ("popup_url",)
    assert entry.ended_ns is not None
    assert entry.started_ns < entry.ended_ns
    assert len(entry.authorization_sha256) == len(entry.body_sha256) == 64


async def test_every_request_is_logged_and_counted() -> None:
    async with emulator() as vendor:
        await vendor.get()
        await vendor.put({})
        await vendor.client.get(vendor.emulator.base_url + "/elsewhere")
        entries, counts = vendor.emulator.store.requests(), vendor.emulator.store.counts()
    assert [(entry.method, entry.status, entry.ledger) for entry in entries] == [
        ("GET", 200, None),
        ("PUT", 200, 1),
        ("GET", 404, None),
    ]
    assert counts == {
        ("GET", CUSTOMER, app_id(1), 200): 1,
        ("PUT", CUSTOMER, app_id(1), 200): 1,
        ("GET", "", "", 404): 1,
    }


async def test_change_at_the_vendor_moves_updated_at_and_stays_out_of_the_ledger() -> None:
    clock = HeldClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with emulator(clock=clock) as vendor:
        clock.at += timedelta(seconds=1)
        vendor.emulator.store.change(AppKey(CUSTOMER, app_id(1)), {"popup_url": "https://x.example/"}, "support")
        settings = await vendor.settings()
        (change,) = vendor.emulator.store.changes()
        ledger = vendor.emulator.store.ledger()
    assert settings["updated_at"] == "2026-01-01T00:00:01.000Z"
    assert (change.by, change.changed) == ("support", ("popup_url",))
    assert ledger == ()
