"""What a client may name as a webhook."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidRequest, InvalidSetting
from shared.settings import load
from shared.webhooks import MAX_URL, Rules, shown

RULES = Rules()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("", "characters", id="empty"),
        pytest.param("https://example.org/" + "x" * MAX_URL, "characters", id="too long"),
        pytest.param("https://example.org/a b", "printable", id="blank"),
        pytest.param("https://example.org/\r\nHost: x", "printable", id="new line"),
        pytest.param("https://museum.örg/", "printable", id="foreign letters"),
        pytest.param("https://example.org\\@evil.org/", "printable", id="backslash"),
        pytest.param("http://example.org/", "https://", id="http"),
        pytest.param("ftp://example.org/", "https://", id="another scheme"),
        pytest.param("example.org/hook", "https://", id="no scheme"),
        pytest.param("https://user:word@example.org/", "password", id="user and password"),
        pytest.param("https://@example.org/", "password", id="empty user"),
        pytest.param("https://example.org/#part", "fragment", id="fragment"),
        pytest.param("https:///hook", "host", id="no host"),
        pytest.param("https://example.org./", "host", id="dot at the end"),
        pytest.param("https://-a.org/", "host", id="hyphen at the start"),
        pytest.param("https://2130706433/", "host", id="address as a number"),
        pytest.param("https://0x7f.1/", "host", id="address in hexadecimal"),
        pytest.param("https://127.1/", "host", id="short address"),
        pytest.param("https://010.0.0.1/", "host", id="octal address"),
        pytest.param("https://[fe80::1%25eth0]/", "host", id="address with a zone"),
        pytest.param("https://[::1/", "understood", id="open bracket"),
        pytest.param("https://example.org:99999/", "understood", id="port beyond all ports"),
        pytest.param("https://example.org:8443/", "port", id="port not called"),
        pytest.param("https://example.org:0/", "port", id="port 0"),
        pytest.param("https://127.0.0.1/", "public", id="loopback"),
        pytest.param("https://[::ffff:10.0.0.1]/", "public", id="mapped address"),
        pytest.param("https://169.254.169.254/latest", "public", id="metadata"),
    ],
)
def test_a_bad_webhook_is_refused_with_what_is_wrong(url: str, words: str) -> None:
    """The problem names the field and what is wrong, and does not repeat the URL, which may hold a secret."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        RULES.check(url)
    assert caught.value.extra["field"] == "webhook"
    assert "user:word" not in caught.value.detail


@given(st.one_of(st.text(max_size=60), st.text(":/@[]#?.%0127xabf\\-", max_size=40)).map("https://{}".format))
def test_whatever_is_sent_is_taken_apart_or_refused(url: str) -> None:
    """No text breaks the check, and what passes makes one clean line of a request."""
    try:
        target = RULES.check(url)
    except InvalidRequest:
        return
    line = f"POST {target.path} HTTP/1.1 {target.authority}"
    assert line.isascii()
    assert line.isprintable()
    assert line.count(" ") == 3
    assert target.path.startswith("/")
    assert RULES.check(f"https://{target.authority}{target.path}") == target


def test_a_good_webhook_is_taken_apart() -> None:
    """Host, port, path and query are what is called later."""
    target = RULES.check("https://Hooks.Example.org/a/b?c=d")
    assert (target.secure, target.host, target.port, target.path) == (True, "hooks.example.org", 443, "/a/b?c=d")
    assert target.authority == "hooks.example.org"
    assert RULES.check("https://example.org").path == "/"
    assert RULES.check("https://example.org?x").path == "/?x"
    six = Rules(ports=frozenset({8443})).check("https://[2606:4700::1]:8443/")
    assert (six.host, six.authority) == ("2606:4700::1", "[2606:4700::1]:8443")


def test_the_operator_opens_doors() -> None:
    """Networks, ports and http are called where the settings say so; the metadata of a cloud never is."""
    rules = Rules.of(
        load(
            {
                "PHOTOCHROM_WEBHOOK_ALLOW": "10.1.0.0/16, fd12::/32",
                "PHOTOCHROM_WEBHOOK_PORTS": "443, 8080",
                "PHOTOCHROM_WEBHOOK_INSECURE": "true",
            }
        )
    )
    assert rules.check("http://10.1.2.3:8080/x").port == 8080
    assert rules.admits("fd12::1")
    assert not rules.admits("10.2.0.1")
    assert not rules.admits("no address")
    with pytest.raises(InvalidRequest, match="port"):
        rules.check("http://10.1.2.3/x")
    wide = Rules(allowed=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))
    assert wide.admits("127.0.0.1")
    assert not wide.admits("169.254.169.254")
    assert not wide.admits("fd00:ec2::254")


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEBHOOK_ALLOW", "10.1.0.1/16"), ("WEBHOOK_ALLOW", "inside"), ("WEBHOOK_PORTS", "443,"), ("WEBHOOK_PORTS", "0")],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    """Networks and ports that do not parse end the start."""
    with pytest.raises(InvalidSetting, match=f"PHOTOCHROM_{name}"):
        load({f"PHOTOCHROM_{name}": value})


def test_path_and_query_are_not_shown() -> None:
    """People see where a webhook goes, and not what lets one in there."""
    assert shown("https://hooks.example.org/services/T0/B1/sEcReT?k=v") == "https://hooks.example.org/…"
    assert shown("https://example.org:8443/") == "https://example.org:8443"
    assert shown("https://example.org?token=1") == "https://example.org/…"
