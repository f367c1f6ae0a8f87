"""The client against the emulator, which keeps its own account of what was asked and what was written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from syncer.emulator.records import AppKey
from syncer.errors import VendorError, VendorKind
from syncer.model.desired import EnvToken, MintedToken
from syncer.model.fields import Field, plain
from syncer.model.live import LiveApp, Unreadable
from syncer.vendor.sweep import sweep
from tests.support.emulated import CUSTOMER, app_id, app_token, emulator
from tests.vendor.stage import COMPLETE, desired, surroundings, writing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syncer.model.desired import DesiredApp
    from syncer.vendor.client import WriteClient
    from tests.support.emulated import Vendor

COUNT = 30
KEY = AppKey(CUSTOMER, app_id(1))


def _app(number: int = 1) -> DesiredApp:
    return desired(app_id(number), CUSTOMER, EnvToken(f"TOKEN_{number}"))


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with emulator(COUNT) as running:
        yield running


@pytest.fixture
async def client(vendor: Vendor) -> AsyncIterator[WriteClient]:
    environ = {f"TOKEN_{number}": app_token(number) for number in range(1, COUNT + 1)}
    around = surroundings(None, **environ, SECRET="secret-1", OTHER=app_token(2))
    async with writing(vendor.emulator.base_url, around, deadline=2.0) as opened:
        yield opened


async def test_what_is_put_is_what_is_read_back(vendor: Vendor, client: WriteClient) -> None:
    answer = await client.put(_app(), COMPLETE, "req-1")
    live = await client.fetch(_app())
    assert live.settings == answer.live.settings == COMPLETE
    (entry,) = vendor.emulator.store.ledger()
    assert entry.request_id == "req-1"
    assert entry.body_sha256 == answer.body_sha256
    assert dict(entry.after) == {field.value: plain(COMPLETE.get(field)) for field in Field}
    assert entry.authorization_sha256 == hashlib.sha256(f"Bearer {app_token(1)}".encode()).hexdigest()


async def test_carrying_the_live_settings_in_a_put_changes_nothing(vendor: Vendor, client: WriteClient) -> None:
    odd = "https://HOOKS.example:443/%7euser/../a?x=%2f"
    vendor.emulator.store.change(KEY, {"popup_url": odd, "recording_enabled": True}, "somebody")
    live = await client.fetch(_app())
    assert plain(live.settings.popup_url) == odd
    await client.put(_app(), live.settings, "req-1")
    assert vendor.emulator.store.ledger()[-1].changed == ()


async def test_somebody_elses_change_is_seen(vendor: Vendor, client: WriteClient) -> None:
    await client.put(_app(), COMPLETE, "req-1")
    await vendor.put({"recording_enabled": False})
    assert (await client.fetch(_app())).settings == COMPLETE.with_setting(Field.RECORDING_ENABLED, value=False)


async def test_another_apps_token_is_refused_and_nothing_is_written(vendor: Vendor, client: WriteClient) -> None:
    stranger = desired(app_id(1), CUSTOMER, EnvToken("OTHER"))
    with pytest.raises(VendorError) as caught:
        await client.put(stranger, COMPLETE, "req-1")
    assert caught.value.kind is VendorKind.AUTH
    assert vendor.emulator.store.ledger() == ()


async def test_an_app_that_does_not_exist_is_not_found_or_refused(client: WriteClient) -> None:
    live = await client.read(desired("app_none", CUSTOMER, EnvToken("TOKEN_1")))
    assert isinstance(live, Unreadable)
    assert live.kind in {VendorKind.NOT_FOUND, VendorKind.AUTH}


async def test_a_token_is_minted_and_minted_again_after_it_expired(vendor: Vendor, client: WriteClient) -> None:
    app = desired(app_id(1), CUSTOMER, MintedToken(EnvToken("SECRET")))
    assert isinstance(await client.read(app), LiveApp)
    vendor.emulator.store.expire_tokens(KEY)
    assert isinstance(await client.read(app), LiveApp)
    assert [entry.method for entry in vendor.emulator.store.requests()] == ["POST", "GET", "GET", "POST", "GET"]


async def test_a_sweep_reads_the_whole_fleet_over_kept_connections(vendor: Vendor, client: WriteClient) -> None:
    apps = [_app(number) for number in range(1, COUNT + 1)]
    lives = await sweep(client, apps, 8)
    assert [live.ref for live in lives] == [app.ref for app in apps]
    assert all(isinstance(live, LiveApp) for live in lives)
    assert len(vendor.emulator.store.requests()) == COUNT
