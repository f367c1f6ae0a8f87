"""Which addresses may be connected to: the guard against being sent into the operator's own network. Pure.

The table is our own, so that every Python judges alike; it follows the special-purpose registries of IANA (RFC 6890)
and the places where clouds keep instance metadata. An address that carries an IPv4 address is judged by that one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class Standing(Enum):
    """Who may be behind an address, and what lets us connect to it."""

    PUBLIC = "public"  # anybody
    PRIVATE = "private"  # this machine or network: when private ones are allowed, or the network is named
    SPECIAL = "special"  # documentation, benchmarks, reserved: when the network is named
    NEVER = "never"  # metadata of machines, groups, tunnels: nothing lets us


_TABLE: Final = tuple(
    (ipaddress.ip_network(network), standing, what)
    for standing, what, networks in (
        (
            Standing.NEVER,
            "an address of machine metadata",
            "169.254.169.254/32 168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 "
            "fd00:ec2::/32 fd20:ce::254/128 fd00:c1::a9fe:a9fe/128 fd00:42::42/128",
        ),
        (Standing.NEVER, "a link-local address", "169.254.0.0/16 fe80::/10 fec0::/10"),
        (Standing.NEVER, "no address of one machine", "0.0.0.0/8 224.0.0.0/4 240.0.0.0/4 ::/128 ff00::/8"),
        (Standing.PRIVATE, "an address of this machine", "127.0.0.0/8 ::1/128"),
        (Standing.PRIVATE, "a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"),
        (Standing.PRIVATE, "a shared address of a carrier", "100.64.0.0/10"),
        (
            Standing.NEVER,
            "an address of a tunnel",
            "::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 2001::/32 2002::/16 192.88.99.0/24",
        ),
        (
            Standing.SPECIAL,
            "an address for documentation or benchmarks",
            "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15 2001:db8::/32 3fff::/20",
        ),
        (
            Standing.SPECIAL,
            "a reserved address",
            "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.175.48.0/24 2001::/23",
        ),
        (Standing.PUBLIC, "a public address", "0.0.0.0/0 2000::/3"),
        (Standing.SPECIAL, "a reserved address", "::/0"),
    )
    for network in networks.split()
)
"""The first network that holds an address decides."""
_CARRIERS: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4-mapped addresses, and those that NAT64 makes of IPv4 ones on networks without IPv4."""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


@dataclass(frozen=True, slots=True)
class Fence:
    """What is allowed besides public addresses: all private ones, or whatever is in the networks named."""

    private: bool = False
    networks: tuple[Network, ...] = ()

    def refusal(self, text: str) -> str:
        """What stands against connecting to an address, as a noun; empty when nothing does."""
        try:
            address = carried(ipaddress.ip_address(text))
        except ValueError:
            return "no address"
        standing, what = judge(address)
        if standing is Standing.PUBLIC or (standing is Standing.PRIVATE and self.private):
            return ""
        named = standing is not Standing.NEVER and any(address in network for network in self.networks)
        return "" if named else what


def judge(address: Address) -> tuple[Standing, str]:
    """An address's standing, and what it is."""
    if isinstance(address, IPv6Address) and int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return Standing.NEVER, "an address of a tunnel"
    return next((standing, what) for network, standing, what in _TABLE if address in network)


def carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only stands for it; any other address as it is."""
    if isinstance(address, IPv6Address) and any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
