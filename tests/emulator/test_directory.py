from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest

from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from tests.support.emulated import CUSTOMER, Vendor, app_id, emulator


async def mint(vendor: Vendor, **fields: object) -> tuple[int, dict[str, Any]]:
    body = {"Id": app_id(1), "Secret": "secret-1", "Entity": "app", **fields}
    answer = await vendor.client.post(f"{vendor.emulator.base_url}/token", json=body)
    document: dict[str, Any] = answer.json()
    return answer.status_code, document


async def customer_token(vendor: Vendor) -> str:
    secret = vendor.emulator.store.customers[CUSTOMER]
    _, document = await mint(vendor, Id=CUSTOMER, Secret=secret, Entity="customer")
    return str(document["Data"])


async def test_app_token_comes_in_the_documented_envelope_and_opens_the_settings() -> None:
    async with emulator() as vendor:
        status, document = await mint(vendor)
        read = await vendor.client.get(vendor.url(), headers={"Authorization": f"Bearer {document['Data']}"})
    assert status == 200
    assert list(document) == ["RequestId", "Status", "Code", "Error", "Data"]
    assert (document["Status"], document["Code"], document["Error"]) == ("Success", 200, "")
    assert read.status_code == 200


async def test_jwt_token_says_when_it_ends() -> None:
    async with emulator() as vendor:
        await vendor.control("PATCH", "/modes", {"token_style": "jwt", "token_days": 2})
        _, document = await mint(vendor)
        read = await vendor.client.get(vendor.url(), headers={"Authorization": f"Bearer {document['Data']}"})
    payload = document["Data"].split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] - claims["iat"] == timedelta(days=2).total_seconds()
    assert claims["sub"] == app_id(1)
    assert read.status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Secret": "wrong"}, 401),
        ({"Id": "app_x"}, 401),
        ({"Entity": "customer"}, 401),
        ({"Id": CUSTOMER, "Entity": "customer"}, 401),
        ({"Id": "nobody", "Secret": "", "Entity": "customer"}, 400),
        ({"Entity": "robot"}, 400),
        ({"Secret": 7}, 400),
        ({"Id": None}, 400),
    ],
)
async def test_wrong_token_request_fails_without_a_token(fields: dict[str, object], status: int) -> None:
    async with emulator() as vendor:
        code, document = await mint(vendor, **fields)
    assert code == document["Code"] == status
    assert (document["Status"], document["Data"]) == ("Failed", "")
    assert document["Error"]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]"])
async def test_token_request_that_is_no_object_is_400(body: bytes) -> None:
    async with emulator() as vendor:
        answer = await vendor.client.post(f"{vendor.emulator.base_url}/token", content=body)
    assert answer.status_code == 400


@pytest.mark.parametrize("scheme", ["Bearer {}", "{}"])
async def test_customer_token_lists_the_customers_apps_with_and_without_bearer(scheme: str) -> None:
    async with emulator(2) as vendor:
        vendor.emulator.seed(Seed("other", "app_other"))
        headers = {"Authorization": scheme.format(await customer_token(vendor))}
        answer = await vendor.client.get(f"{vendor.emulator.base_url}/app?entity=customer", headers=headers)
    document = answer.json()
    assert (answer.status_code, document["Status"]) == (200, "Success")
    assert [app["AppID"] for app in document["Data"]] == [app_id(1), app_id(2)]
    assert list(document["Data"][0]) == [
        "AppID",
        "CustomerID",
        "AppName",
        "ExotelAccountSid",
        "ExotelDomain",
        "IsActive",
        "CreatedAt",
        "UpdatedAt",
    ]


@pytest.mark.parametrize("header", ["", "Bearer token-0001", "token-0001", "Basic x", "Bearer nothing"])
async def test_list_needs_a_customer_token(header: str) -> None:
    async with emulator() as vendor:
        answer = await vendor.client.get(
            f"{vendor.emulator.base_url}/app?entity=customer", headers={"Authorization": header}
        )
    assert answer.status_code == 401


async def test_list_of_another_entity_is_400() -> None:
    async with emulator() as vendor:
        headers = {"Authorization": await customer_token(vendor)}
        answers = [
            await vendor.client.get(f"{vendor.emulator.base_url}/app{query}", headers=headers)
            for query in ("", "?entity=app")
        ]
    assert [answer.status_code for answer in answers] == [400, 400]


async def test_customer_token_does_not_open_settings() -> None:
    async with emulator() as vendor:
        headers = {"Authorization": f"Bearer {await customer_token(vendor)}"}
        answer = await vendor.client.get(vendor.url(), headers=headers)
    assert answer.status_code == 401


async def test_same_app_id_of_two_customers_are_two_apps_with_two_tokens() -> None:
    async with Emulator.start() as running:
        running.seed(Seed("c1", "app", token="t1", secret="s1"), Seed("c2", "app", token="t2", secret="s2"))
        async with emulator() as vendor:
            statuses = [
                (
                    await vendor.client.get(
                        running.settings_url(customer, "app"), headers={"Authorization": f"Bearer {token}"}
                    )
                ).status_code
                for customer, token in (("c1", "t1"), ("c1", "t2"), ("c2", "t1"), ("c2", "t2"))
            ]
    assert statuses == [200, 401, 401, 200]
