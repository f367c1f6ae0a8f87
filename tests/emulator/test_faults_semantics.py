from __future__ import annotations

import asyncio

import pytest

from syncer.emulator.faults.urls import RULES, rewrite
from tests.support.emulated import emulator, until

OLD: dict[str, str | bool | None] = {"popup_url": "https://old.example/popup", "recording_enabled": True}
NEW = {"popup_url": "https://new.example/popup"}


async def test_accept_no_apply_answers_with_the_new_value_and_keeps_the_old() -> None:
    async with emulator(settings=OLD) as vendor:
        answer = await vendor.put(NEW, fault="accept_no_apply")
        settings, ledger = await vendor.settings(), vendor.emulator.store.ledger()
    assert answer.json()["data"]["settings"]["popup_url"] == NEW["popup_url"]
    assert settings["popup_url"] == OLD["popup_url"]
    assert ledger == ()


async def test_eventual_hides_a_put_from_the_next_n_reads() -> None:
    async with emulator(settings=OLD) as vendor:
        await vendor.put(NEW, fault="eventual(2)")
        seen = [(await vendor.settings())["popup_url"] for _ in range(3)]
        ledger = vendor.emulator.store.ledger()
    assert seen == [OLD["popup_url"], OLD["popup_url"], NEW["popup_url"]]
    assert len(ledger) == 1


async def test_eventual_is_not_ended_by_a_second_put() -> None:
    async with emulator(settings=OLD) as vendor:
        vendor.emulator.fault("eventual(1)")
        await vendor.put(NEW)
        await vendor.put(NEW)
        seen = [(await vendor.settings())["popup_url"] for _ in range(2)]
    assert seen == [OLD["popup_url"], NEW["popup_url"]]


async def test_stale_replica_shows_an_older_state_in_a_share_of_the_reads() -> None:
    async with emulator(settings=OLD) as vendor:
        await vendor.put(NEW)
        vendor.emulator.fault("stale_replica(0.25)")
        seen = [(await vendor.settings())["popup_url"] for _ in range(8)]
    assert seen.count(OLD["popup_url"]) == 2
    assert seen.count(NEW["popup_url"]) == 6


async def test_flapper_restores_the_old_settings_after_the_read_back_of_every_put() -> None:
    async with emulator(settings=OLD) as vendor:
        vendor.emulator.fault("flapper")
        seen = []
        for _ in range(2):
            await vendor.put(NEW)
            seen += [(await vendor.settings())["popup_url"] for _ in range(2)]
        changes = vendor.emulator.store.changes()
    assert seen == [NEW["popup_url"], OLD["popup_url"]] * 2
    assert [change.by for change in changes] == ["flapper", "flapper"]


async def test_flapper_of_zero_restores_before_anybody_reads() -> None:
    async with emulator(settings=OLD) as vendor:
        answer = await vendor.put(NEW, fault="flapper(0)")
        settings = await vendor.settings()
    assert answer.json()["data"]["settings"]["popup_url"] == NEW["popup_url"]
    assert settings["popup_url"] == OLD["popup_url"]


async def test_flapper_of_more_reads_waits_for_them() -> None:
    async with emulator(settings=OLD) as vendor:
        await vendor.put(NEW, fault="flapper(2)")
        seen = [(await vendor.settings())["popup_url"] for _ in range(3)]
    assert seen == [NEW["popup_url"], NEW["popup_url"], OLD["popup_url"]]


async def test_concurrent_writer_lands_between_the_read_and_the_next_request() -> None:
    async with emulator() as vendor:
        read = await vendor.get(fault="concurrent_writer")
        settings, ledger = await vendor.settings(), vendor.emulator.store.ledger()
    assert read.json()["data"]["settings"]["callback_url"] is None
    assert settings["callback_url"] == "https://concurrent.example/1"
    assert ledger == ()


async def test_concurrent_writer_waits_as_long_as_asked_and_flips_a_flag() -> None:
    async with emulator() as vendor:
        await vendor.get(fault="concurrent_writer(30,streaming_enabled)")
        at_once = await vendor.settings()
        await until(lambda: len(vendor.emulator.store.changes()) == 1)
        later = await vendor.settings()
    assert later["streaming_enabled"] is True
    assert at_once["streaming_enabled"] is False


async def test_concurrent_writer_on_a_put_writes_right_before_it() -> None:
    async with emulator() as vendor:
        await vendor.put(NEW, fault="PUT:concurrent_writer")
        (entry,) = vendor.emulator.store.ledger()
    assert entry.before["callback_url"] == "https://concurrent.example/1"


async def test_concurrent_writer_does_not_outlive_a_reset() -> None:
    async with emulator() as vendor:
        await vendor.get(fault="concurrent_writer(10)")
        vendor.emulator.store.reset()
        await asyncio.sleep(0.03)
        changes = vendor.emulator.store.changes()
    assert changes == ()


@pytest.mark.parametrize("fault", ["eventual(2),latency(30,after)", "flapper,latency(30,after)"])
async def test_fault_that_acts_after_the_commit_survives_a_reset(fault: str) -> None:
    async with emulator() as vendor:
        put = asyncio.create_task(vendor.put(NEW, fault=fault))
        await until(lambda: len(vendor.emulator.store.ledger()) == 1)
        vendor.emulator.store.reset()
        answer = await put
    assert answer.status_code == 200


@pytest.mark.parametrize("fault", ["eventual", "flapper", "stale_replica"])
async def test_fault_about_an_app_that_does_not_exist_changes_nothing(fault: str) -> None:
    async with emulator() as vendor:
        url = vendor.emulator.settings_url("cust_1", "app_x")
        headers = vendor.headers(fault=f"GET:{fault},PUT:{fault}")
        read = await vendor.client.get(url, headers=headers)
        write = await vendor.client.put(url, json=NEW, headers=headers)
    assert (read.status_code, write.status_code) == (404, 404)


async def test_undocumented_setting_is_refused_or_dropped() -> None:
    async with emulator() as vendor:
        refused = await vendor.put({**NEW, "escalation_url": 7})
        dropped = await vendor.put({**NEW, "escalation_url": 7}, fault="drop_unknown")
        (entry,) = vendor.emulator.store.ledger()
    assert (refused.status_code, dropped.status_code) == (400, 200)
    assert entry.body == NEW


async def test_drop_field_accepts_a_value_and_keeps_the_old() -> None:
    async with emulator(settings=OLD) as vendor:
        answer = await vendor.put({**NEW, "callback_url": "https://c.example/"}, fault="drop_field(popup_url)")
        settings = await vendor.settings()
    assert answer.status_code == 200
    assert (settings["popup_url"], settings["callback_url"]) == (OLD["popup_url"], "https://c.example/")


@pytest.mark.parametrize(("fault", "kept"), [("put_replaces_all", False), ("put_merges", True)])
async def test_put_semantics_can_be_chosen_for_one_request(fault: str, kept: bool) -> None:
    async with emulator(settings=OLD) as vendor:
        await vendor.put({"callback_url": "https://c.example/"}, fault=fault)
        settings = await vendor.settings()
    assert settings["recording_enabled"] is kept
    assert settings["popup_url"] == (OLD["popup_url"] if kept else None)


@pytest.mark.parametrize(
    ("rule", "sent", "stored"),
    [
        ("host_case", "https://a.example/p", "https://A.EXAMPLE/p"),
        ("default_port", "https://a.example/p", "https://a.example:443/p"),
        ("default_port", "ws://a.example/p", "ws://a.example:80/p"),
        ("default_port", "https://a.example:8443/p", "https://a.example:8443/p"),
        ("percent_case", "https://a.example/%2fx", "https://a.example/%2Fx"),
        ("empty_path", "https://a.example", "https://a.example/"),
        ("unreserved", "https://a.example/%7Ex%2F", "https://a.example/~x%2F"),
        ("dot_segments", "https://a.example/a/./b/../c/..", "https://a.example/a/"),
        ("dot_segments", "https://a.example/../x", "https://a.example/x"),
        ("slash_added", "https://a.example/p", "https://a.example/p/"),
        ("slash_added", "https://a.example/p/", "https://a.example/p/"),
        ("slash_removed", "https://a.example/p/", "https://a.example/p"),
        ("slash_removed", "https://a.example/", "https://a.example/"),
        ("query_sorted", "https://a.example/?b=2&a=1", "https://a.example/?a=1&b=2"),
        ("scheme_changed", "https://a.example/", "http://a.example/"),
        ("fragment_dropped", "https://a.example/#f", "https://a.example/"),
        ("host_changed", "https://a.example/p", "https://changed.example/p"),
    ],
)
async def test_normalise_url_stores_what_the_rule_makes(rule: str, sent: str, stored: str) -> None:
    async with emulator() as vendor:
        by_name = await vendor.put({"popup_url": sent}, fault=f"normalise_url({rule})")
        settings = await vendor.settings()
    assert by_name.json()["data"]["settings"]["popup_url"] == settings["popup_url"] == stored


def test_rules_are_twelve_and_numbered_in_order() -> None:
    sent = "https://a.example/%7e/b?b=2&a=1#f"
    assert len(RULES) == 12
    for number, name in enumerate(RULES, start=1):
        assert rewrite(sent, (str(number),)) == rewrite(sent, (name,))


async def test_normalise_url_takes_several_rules_and_leaves_flags_and_nulls() -> None:
    async with emulator(settings=OLD) as vendor:
        await vendor.put({"popup_url": "https://a.example"}, fault="normalise_url(4, host_case)")
        settings = await vendor.settings()
    assert settings["popup_url"] == "https://A.EXAMPLE/"
    assert (settings["callback_url"], settings["recording_enabled"]) == (None, True)


async def test_normalise_url_on_reads_only_shows_it() -> None:
    async with emulator(settings=OLD) as vendor:
        shown = (await vendor.get(fault="GET:normalise_url(slash_added)")).json()["data"]["settings"]
        stored = await vendor.settings()
    assert shown["popup_url"] == f"{OLD['popup_url']}/"
    assert stored["popup_url"] == OLD["popup_url"]
