"""The list of a customer's apps: exactly what the vendor says, or an error and no list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncer.errors import TokenError, VendorError, VendorKind
from syncer.model.desired import AppRef, EnvToken
from syncer.model.live import Listed
from syncer.vendor import listing
from syncer.vendor.transport import MAX_BODY
from tests.vendor.stage import TOKEN, http, raw_server, reading

CUSTOMER = "cust_acme"
ROW: dict[str, Any] = {
    "AppID": "app_1",
    "CustomerID": CUSTOMER,
    "AppName": "Support Desk",
    "ExotelAccountSid": "acme_sid",
    "ExotelDomain": "mumbai",
    "IsActive": True,
    "CreatedAt": "2024-06-15T10:30:00.000Z",
    "UpdatedAt": "2024-06-15T10:30:00.000Z",
}


def answer(*rows: Any, **envelope: Any) -> bytes:
    return json.dumps(
        {"RequestId": "r", "Status": "Success", "Code": 200, "Error": "", "Data": list(rows), **envelope}
    ).encode()


def test_rows_become_apps_in_order() -> None:
    body = answer({**ROW, "AppID": "b", "IsActive": False}, {**ROW, "AppID": "a", "AppName": None})
    assert listing.read(body, CUSTOMER) == (
        Listed(AppRef(CUSTOMER, "a"), ""),
        Listed(AppRef(CUSTOMER, "b"), "Support Desk", active=False),
    )


def test_no_apps_are_a_list_too() -> None:
    assert listing.read(answer(), CUSTOMER) == ()


def test_a_name_is_bounded_and_can_be_encoded() -> None:
    [app] = listing.read(answer({**ROW, "AppName": "\ud800" + "x" * 1000}), CUSTOMER)
    assert app.name.encode() == b"?" + b"x" * (listing.LONGEST_NAME - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"Status": "Success"}',
        answer(Status="Failed"),
        answer(Data=None),
        answer(Data={"AppID": "a"}),
        answer(7),
        answer({**ROW, "AppID": None}),
        answer({**ROW, "AppID": "../x"}),
        answer({**ROW, "AppID": ""}),
        answer(ROW, ROW),
        answer(ROW)[:-3],
        b'{"Status": "Failed", "Status": "Success", "Data": []}',
    ],
)
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(VendorError) as caught:
        listing.read(body, CUSTOMER)
    assert caught.value.kind is VendorKind.GARBLED


def test_apps_of_another_customer_are_no_list() -> None:
    with pytest.raises(VendorError) as caught:
        listing.read(answer(ROW, {**ROW, "AppID": "x", "CustomerID": "other"}), CUSTOMER)
    assert caught.value.kind is VendorKind.WRONG_APP


@pytest.mark.parametrize(("bare", "header"), [(False, f"Bearer {TOKEN}"), (True, TOKEN)])
async def test_one_request_with_the_customers_token(bare: bool, header: str) -> None:
    async with (
        raw_server(http(200, answer(ROW))) as server,
        reading(server.url, list_bare=bare) as client,
    ):
        assert await client.listed(CUSTOMER, EnvToken("TOKEN")) == (Listed(AppRef(CUSTOMER, "app_1"), "Support Desk"),)
    [seen] = server.seen
    assert seen.path.endswith("/app?entity=customer")
    assert seen.headers["authorization"] == header


async def test_a_list_may_be_longer_than_an_app() -> None:
    rows = [{**ROW, "AppID": f"app_{number}"} for number in range(3_000)]
    body = answer(*rows)
    assert len(body) > MAX_BODY
    async with raw_server(http(200, body)) as server, reading(server.url) as client:
        assert len(await client.listed(CUSTOMER, EnvToken("TOKEN"))) == 3_000


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, VendorKind.AUTH, "the vendor does not accept the customer's token (401)"),
        (403, VendorKind.AUTH, "the vendor does not accept the customer's token (403)"),
        (500, VendorKind.SERVER, "the vendor failed (500)"),
        (302, VendorKind.REDIRECT, "redirected"),
    ],
)
async def test_a_refusal_says_what_to_do_and_is_not_repeated(status: int, kind: VendorKind, told: str) -> None:
    async with raw_server(http(status, b"{}")) as server, reading(server.url) as client:
        with pytest.raises(VendorError, match=told.replace("(", r"\(").replace(")", r"\)")) as caught:
            await client.listed(CUSTOMER, EnvToken("TOKEN"))
    assert caught.value.kind is kind
    assert TOKEN not in f"{caught.value} {caught.value.hint}"
    assert len(server.seen) == 1


async def test_without_a_token_nothing_is_sent() -> None:
    async with raw_server(http(200, answer())) as server, reading(server.url) as client:
        with pytest.raises(TokenError):
            await client.listed(CUSTOMER, EnvToken("NO_SUCH_TOKEN"))
    assert server.seen == []
