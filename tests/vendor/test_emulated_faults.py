"""Every way in which the emulated vendor can go wrong on one exchange: a reason, never wrong settings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorError, VendorKind
from syncer.model.desired import EnvToken
from syncer.model.live import LiveApp, Unreadable
from syncer.vendor.sweep import sweep
from tests.support.emulated import CUSTOMER, app_id, app_token, emulator
from tests.vendor.stage import COMPLETE, FakeTime, desired, surroundings, writing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syncer.model.desired import DesiredApp
    from syncer.vendor.client import Surroundings, WriteClient
    from tests.support.emulated import Vendor

COUNT = 32
BROKEN = (CUSTOMER, app_id(1))
READ_FAULTS = {
    "400": VendorKind.BAD_REQUEST,
    "401_all": VendorKind.AUTH,
    "403": VendorKind.AUTH,
    "404_all": VendorKind.NOT_FOUND,
    "429": VendorKind.RATE_LIMITED,
    "retry_after_huge": VendorKind.RATE_LIMITED,
    "500_storm": VendorKind.SERVER,
    "503": VendorKind.SERVER,
    "redirect_302_same_host": VendorKind.REDIRECT,
    "redirect_307_same_host": VendorKind.REDIRECT,
    "error_in_200": VendorKind.GARBLED,
    "html_200": VendorKind.GARBLED,
    "empty_200": VendorKind.GARBLED,
    "truncated_json": VendorKind.GARBLED,
    "dup_key_json": VendorKind.GARBLED,
    "missing_field": VendorKind.GARBLED,
    "wrong_type": VendorKind.GARBLED,
    "gzip_bomb": VendorKind.GARBLED,
    "huge_body": VendorKind.TOO_LARGE,
    "header_bomb": VendorKind.TOO_LARGE,
    "swap_apps": VendorKind.WRONG_APP,
    "wrong_app_id": VendorKind.WRONG_APP,
    "cut_off": VendorKind.CONNECT,
    "slow_drip": VendorKind.TIMEOUT,
    "hang": VendorKind.TIMEOUT,
}
WRITE_FAULTS = {
    **READ_FAULTS,
    "reset_before_commit": VendorKind.CONNECT,
    "reset_after_commit": VendorKind.CONNECT,
}


def _patience(fault: str) -> float:
    """A short deadline only where nothing but the deadline ends the exchange."""
    return 0.5 if READ_FAULTS.get(fault) is VendorKind.TIMEOUT else 10.0


def _app(number: int = 1) -> DesiredApp:
    return desired(app_id(number), CUSTOMER, EnvToken(f"TOKEN_{number}"))


def _around(time: FakeTime | None = None) -> Surroundings:
    return surroundings(time, **{f"TOKEN_{number}": app_token(number) for number in range(1, COUNT + 1)})


@asynccontextmanager
async def _opened(count: int = 2, deadline: float = 10.0) -> AsyncIterator[tuple[Vendor, WriteClient]]:
    async with (
        emulator(count) as vendor,
        writing(vendor.emulator.base_url, _around(FakeTime()), deadline=deadline) as client,
    ):
        yield vendor, client


@pytest.mark.parametrize(("fault", "kind"), READ_FAULTS.items(), ids=READ_FAULTS)
async def test_a_faulty_read_is_a_reason(fault: str, kind: VendorKind) -> None:
    async with _opened(deadline=_patience(fault)) as (vendor, client):
        vendor.emulator.fault(fault)
        live = await client.read(_app())
        assert isinstance(live, Unreadable)
        assert live.kind is kind
        vendor.emulator.clear_faults()
        assert isinstance(await client.read(_app(2)), LiveApp)


@pytest.mark.parametrize(("fault", "kind"), WRITE_FAULTS.items(), ids=WRITE_FAULTS)
async def test_a_faulty_write_is_one_put_and_a_reason(fault: str, kind: VendorKind) -> None:
    async with _opened(deadline=_patience(fault)) as (vendor, client):
        await client.fetch(_app())
        vendor.emulator.fault(f"PUT:{fault}")
        with pytest.raises(VendorError) as caught:
            await client.put(_app(), COMPLETE, "req-1")
        assert (caught.value.kind, caught.value.sent) == (kind, True)
        methods = [entry.method for entry in vendor.emulator.store.requests()]
        assert methods.count("PUT") == (0 if fault == "hang" else 1)  # a request that hangs has not ended yet
        assert len(vendor.emulator.store.ledger()) <= 1


@pytest.mark.parametrize("fault", ["wrong_ctype", "extra_field", "latency(20)"])
async def test_a_harmless_oddity_is_read(fault: str) -> None:
    async with _opened() as (vendor, client):
        vendor.emulator.fault(fault)
        live = await client.fetch(_app())
    assert live.extra == (("escalation_url",) if fault == "extra_field" else ())


@pytest.mark.parametrize("fault", ["hang", "slow_drip", "cut_off", "500_storm", "retry_after_huge"])
async def test_one_broken_app_leaves_31_others_alone(fault: str) -> None:
    async with _opened(COUNT, _patience(fault)) as (vendor, client):
        vendor.emulator.fault(fault, app=BROKEN)
        lives = await sweep(client, [_app(number) for number in range(1, COUNT + 1)], 8)
    assert [live.ref.app_id for live in lives if isinstance(live, Unreadable)] == [app_id(1)]


async def test_a_token_that_ends_within_a_sweep_is_that_apps_failure() -> None:
    async with _opened() as (vendor, client):
        vendor.emulator.fault("401_after(2)", app=BROKEN)
        kinds = [type(await client.read(_app())) for _ in range(4)]
        assert kinds == [LiveApp, LiveApp, Unreadable, Unreadable]
        assert len(vendor.emulator.store.requests()) == 3
