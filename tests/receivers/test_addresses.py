"""Which addresses are connected to: every form of a forbidden one, and the ways to allow some."""

from __future__ import annotations

import ipaddress
import random
import socket

import pytest

from syncer.receivers.addresses import Fence, Standing, carried, judge


def _words(text: str) -> list[str]:
    return text.split()


PUBLIC = _words("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    203.0.112.1 203.0.114.1 223.255.255.255 168.63.129.15 2606:4700::1111 2a00:1450:4001:800::200e 2400:cb00::1
    3ffe::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""")
PRIVATE = _words("""
    10.0.0.0 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.0 192.168.255.255 100.64.0.0
    100.127.255.255 127.0.0.1 127.0.0.0 127.1.2.3 127.255.255.255 ::1 0:0:0:0:0:0:0:1 fc00::1 fd12:3456:789a::1
    fdff:ffff::1 ::ffff:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:ffff:127.0.0.1 ::FFFF:10.0.0.1 ::ffff:192.168.1.1
    ::ffff:100.64.0.1 ::ffff:172.16.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::c0a8:101 64:ff9b::6440:1
    64:ff9b:0:0:0:0:7f00:1
""")
SPECIAL = _words("""
    192.0.0.1 192.0.0.255 192.0.2.1 198.51.100.7 203.0.113.9 198.18.0.1 198.19.255.255 192.31.196.1 192.52.193.1
    192.175.48.1 2001:db8::1 3fff::1 2001:1::1 2001:20::1 100::1 5f00::1 4000::1 8000::1 1::1 ::ffff:192.0.2.1
    64:ff9b::198.18.0.1 200::1
""")
NEVER = _words("""
    169.254.169.254 169.254.0.1 169.254.170.2 168.63.129.16 100.100.100.200 192.0.0.192 0.0.0.0 0.1.2.3 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255 :: ff02::1 ff00::1 fe80::1 fe80::1%1 fe80::1%eth0 febf::1 fec0::1
    fd00:ec2::254 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::FFFF:0.0.0.0
    64:ff9b::169.254.169.254 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1 2001::1
    2001:0:7f00:1::1 64:ff9b:1::7f00:1 ::7f00:1 ::127.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1 192.88.99.1
    2606:4700::5efe:7f00:1 2606:4700::200:5efe:10.0.0.1 fe80::5efe:10.0.0.1 ::ffff:224.0.0.1
""")
NO_ADDRESSES = [
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.1:80",
    "[::1]",
    "::1/128",
]


def test_there_are_forms_enough() -> None:
    assert len({*PRIVATE, *SPECIAL, *NEVER, *NO_ADDRESSES}) >= 100


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_connected_to(text: str) -> None:
    assert Fence().refusal(text) == ""


@pytest.mark.parametrize("text", [*PRIVATE, *SPECIAL, *NEVER, *NO_ADDRESSES])
def test_any_other_address_is_refused(text: str) -> None:
    assert Fence().refusal(text) != ""


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_can_be_allowed_together(text: str) -> None:
    assert Fence(private=True).refusal(text) == ""


@pytest.mark.parametrize("text", [*SPECIAL, *NEVER, *NO_ADDRESSES])
def test_allowing_private_addresses_allows_no_others(text: str) -> None:
    assert Fence(private=True).refusal(text) != ""


EVERYTHING = Fence(private=True, networks=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))


@pytest.mark.parametrize("text", [*PRIVATE, *SPECIAL])
def test_a_named_network_is_allowed(text: str) -> None:
    assert EVERYTHING.refusal(text) == ""


@pytest.mark.parametrize("text", [*NEVER, *NO_ADDRESSES])
def test_metadata_groups_and_tunnels_stay_refused_whatever_is_allowed(text: str) -> None:
    assert EVERYTHING.refusal(text) != ""


def test_a_named_network_allows_nothing_beside_it() -> None:
    fence = Fence(networks=(ipaddress.ip_network("10.1.0.0/16"),))
    assert fence.refusal("10.1.255.255") == fence.refusal("::ffff:10.1.0.1") == ""
    assert fence.refusal("10.2.0.0") == "a private address"


@pytest.mark.parametrize(
    "spelling", ["127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "0"]
)
def test_old_spellings_of_an_address_are_judged_as_what_the_resolver_makes_of_them(spelling: str) -> None:
    rows = socket.getaddrinfo(spelling, 443, type=socket.SOCK_STREAM)
    assert rows
    assert all(Fence().refusal(str(row[4][0])) for row in rows)


def test_every_address_has_a_standing_and_no_python_calls_a_public_one_anything_else() -> None:
    """Where the standard library says "not global", we never say public; it knows less than we do, not more."""
    rng = random.Random(20261123)
    for _ in range(5_000):
        four = ipaddress.IPv4Address(rng.getrandbits(32))
        six = ipaddress.IPv6Address(rng.choice([0x2000 << 112, 0x2001 << 112, 0, 0xFC00 << 112]) | rng.getrandbits(108))
        for address in (four, six):
            standing, what = judge(carried(address))
            assert what
            assert standing is not Standing.PUBLIC or address.is_global or address.ipv4_mapped  # type: ignore[union-attr]  # only IPv6 has one, and only then is it asked
