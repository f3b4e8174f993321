"""Which addresses are public."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import is_public

INSIDE = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "this network",
    "10.255.255.255": "private",
    "100.64.0.1": "CGNAT",
    "100.127.255.254": "CGNAT, its end",
    "100.100.100.200": "metadata of a cloud",
    "127.0.0.1": "loopback",
    "127.255.0.1": "loopback too",
    "168.63.129.16": "metadata of a cloud, at a public address",
    "169.254.169.254": "metadata of most clouds",
    "172.16.0.1": "private",
    "172.31.255.255": "private, its end",
    "192.0.0.192": "metadata of a cloud",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::ffff:93.184.216.34": "IPv4-mapped, of a public one",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b:1::a00:1": "NAT64, local use",
    "100::1": "discard-only",
    "2001::1": "Teredo",
    "2001:2::1": "benchmarks",
    "2001:10::1": "ORCHID",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "3fff::1": "documentation",
    "5f00::1": "segment routing",
    "fc00::1": "unique-local",
    "fd00:ec2::254": "metadata of a cloud",
    "fe80::1": "link-local",
    "fe80::1%1": "link-local with a zone",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
}

OUTSIDE = ("1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.32.0.1")
OUTSIDE_V6 = ("2600::1", "2606:4700:4700::1111", "2a00:1450:4001:82b::200e", "2001:4860:4860::8888")


@pytest.mark.parametrize(("text", "why"), [pytest.param(text, why, id=f"{why} {text}") for text, why in INSIDE.items()])
def test_an_address_inside_is_not_public(text: str, why: str) -> None:
    """Each kind of address that does not belong to the public internet is told apart."""
    assert not is_public(ipaddress.ip_address(text)), why


@pytest.mark.parametrize("text", OUTSIDE + OUTSIDE_V6)
def test_an_address_outside_is_public(text: str) -> None:
    """Addresses beside the special networks are called."""
    assert is_public(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_no_embedding_hides_an_address(address: ipaddress.IPv4Address) -> None:
    """However IPv6 embeds an IPv4 address, it is refused."""
    number = int(address)
    for network, shift in (("::", 0), ("::ffff:0:0", 0), ("64:ff9b::", 0), ("64:ff9b:1::", 0), ("2002::", 80)):
        assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(network)) | number << shift))


@given(st.ip_addresses())
def test_what_python_calls_private_is_not_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Nothing that the standard library knows to be special counts as public."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(address)
