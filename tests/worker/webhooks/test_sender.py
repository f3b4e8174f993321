"""Calling a webhook: real HTTP(S) servers on loopback, and names that lie."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest

from shared.addresses import Network
from shared.clock import ManualClock
from shared.webhooks import Rules
from tests.worker.webhooks.receivers import (
    OK,
    Authority,
    Manners,
    Receiver,
    drips,
    floods,
    keeps_silent,
    says,
    status,
)
from worker.webhooks.exchange import MAX_ANSWER
from worker.webhooks.sender import Resolve, Sender

HOME: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

BODY = b'{"type":"job.completed"}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that the sender trusts."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


def sender(
    receiver: Receiver,
    *,
    resolve: Resolve = lambda name: ["127.0.0.1"],
    allowed: tuple[Network, ...] = HOME,
    context: ssl.SSLContext | None = None,
    seconds: float = 10.0,
) -> Sender:
    """A sender that may call the receiver."""
    rules = Rules(allowed=allowed, ports=frozenset({receiver.port}), insecure=context is None)
    return Sender(
        rules=rules,
        clock=ManualClock(),
        resolve=resolve,
        seconds=seconds,
        context=context or ssl.create_default_context(),
    )


def url(receiver: Receiver, *, host: str = "hooks.example.org", path: str = "/in?k=v") -> str:
    """Where the receiver is called."""
    return f"{'https' if receiver.context else 'http'}://{host}:{receiver.port}{path}"


def test_a_receiver_gets_what_was_sent(authority: Authority) -> None:
    """Over TLS, by the name, with the headers and the very bytes of the body."""
    receiver = Receiver(manners=says(OK), context=authority.serving("hooks.example.org"))
    names = []

    def resolve(name: str) -> list[str]:
        names.append(name)
        return ["127.0.0.1"]

    with receiver.listening():
        calling = sender(receiver, resolve=resolve, context=authority.trusting)
        attempt = calling.post(url(receiver), {"webhook-id": "msg_1"}, BODY)
    assert (attempt.status, attempt.received) == (200, True), attempt
    assert receiver.requests[0].startswith(b"POST /in?k=v HTTP/1.1\r\n")
    (head,) = receiver.heads()
    assert head["host"] == f"hooks.example.org:{receiver.port}"
    assert head["webhook-id"] == "msg_1"
    assert receiver.bodies() == [BODY]
    assert names == ["hooks.example.org"]


def test_the_name_is_sent_with_the_handshake(authority: Authority) -> None:
    """A server of many names learns which one is meant (SNI), though the address is pinned."""
    context, seen = authority.serving("hooks.example.org"), []
    context.sni_callback = lambda sock, name, ctx: seen.append(name)  # type: ignore[assignment]
    with Receiver(manners=says(OK), context=context).listening() as receiver:
        assert sender(receiver, context=authority.trusting).post(url(receiver), {}, BODY).received
    assert seen == ["hooks.example.org"]


@pytest.mark.parametrize(
    ("certified", "days", "trusted"),
    [
        pytest.param("other.example.org", 30, True, id="another name"),
        pytest.param("127.0.0.1", 30, True, id="the address instead of the name"),
        pytest.param("hooks.example.org", -1, True, id="expired"),
        pytest.param("hooks.example.org", 30, False, id="an authority nobody knows"),
    ],
)
def test_a_wrong_certificate_is_not_told(authority: Authority, certified: str, days: int, trusted: bool) -> None:
    """Nothing is sent to who cannot prove the name."""
    receiver = Receiver(manners=says(OK), context=authority.serving(certified, days=days))
    with receiver.listening():
        context = authority.trusting if trusted else ssl.create_default_context()
        attempt = sender(receiver, context=context).post(url(receiver), {}, BODY)
    assert attempt.status is None
    assert "certificate" in attempt.detail
    assert receiver.requests == []


def test_a_name_that_changes_its_mind_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once a call; what it means a moment later is never asked (DNS rebinding)."""
    answers = [["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1"]]

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("looked up behind the sender's back")

    with Receiver(manners=says(OK)).listening() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        calling = sender(receiver, resolve=lambda name: answers.pop(0))
        attempts = [calling.post(url(receiver), {}, BODY) for _ in range(4)]
    assert [attempt.received for attempt in attempts] == [True, False, False, True]
    assert "10.0.0.1" in attempts[1].detail
    assert "169.254.169.254" in attempts[2].detail
    assert len(receiver.requests) == 2
    assert answers == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1%lo"],
)
def test_no_form_of_loopback_is_called(address: str) -> None:
    """Without an allowed network a name that leads home, in whatever form, is not connected to."""
    with Receiver(manners=says(OK)).listening() as receiver:
        attempt = sender(receiver, resolve=lambda name: [address], allowed=()).post(url(receiver), {}, BODY)
    assert attempt.status is None
    assert "not on the public internet" in attempt.detail
    assert receiver.requests == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(code: int) -> None:
    """A redirect, here to a cloud's metadata, is an answer like any other: not received."""
    answer = status(code, "Location: http://169.254.169.254/latest/meta-data/")
    names = []
    with Receiver(manners=says(answer)).listening() as receiver:
        calling = sender(receiver, resolve=lambda name: names.append(name) or ["127.0.0.1"])
        attempt = calling.post(url(receiver), {}, BODY)
    assert (attempt.status, attempt.received) == (code, False)
    assert len(names) == 1
    assert len(receiver.requests) == 1


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look the name up again."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Receiver(manners=says(OK)).listening() as receiver:
        assert sender(receiver).post(url(receiver), {}, BODY).received


ENDLESS = b"X-Filler: " + b"y" * 1000 + b"\r\n"


@pytest.mark.parametrize(
    ("manners", "code", "words"),
    [
        pytest.param(keeps_silent, None, "within", id="says nothing"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX: ", 0.02), None, "within", id="drips its head"),
        pytest.param(drips(b"y", 0.02, b"HTTP/1.1 200 OK\r\n\r\n"), 200, "has it", id="drips its body"),
        pytest.param(floods(b"HTTP/1.1 200 OK\r\n", ENDLESS), None, f"{MAX_ANSWER:,}", id="head without end"),
        pytest.param(floods(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 1000), 200, "has it", id="body without end"),
        pytest.param(floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None, f"{MAX_ANSWER:,}", id="100 without end"),
        pytest.param(says(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK), 200, "has it", id="hints first"),
        pytest.param(says(b"HTTP/1.1 200 OK\n\n"), 200, "has it", id="bare line ends"),
        pytest.param(says(b"SSH-2.0-x\r\n\r\n"), None, "not HTTP", id="another protocol"),
        pytest.param(says(b"HTTP/1.1 2000 OK\r\n\r\n"), None, "not HTTP", id="no status"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\n"), None, "closed", id="closes in its head"),
        pytest.param(says(b""), None, "closed", id="closes at once"),
        pytest.param(says(status(503)), 503, "503", id="an error"),
    ],
)
def test_bad_manners_hold_nothing_up(manners: Manners, code: int | None, words: str) -> None:
    """Whatever a receiver does, a call ends within its time and its bytes, and says what happened."""
    with Receiver(manners=manners).listening() as receiver:
        attempt = sender(receiver, seconds=0.5).post(url(receiver), {}, BODY)
    assert attempt.status == code
    assert words in attempt.detail
    assert attempt.seconds < 10


def test_a_handshake_that_drips_is_cut_off(authority: Authority) -> None:
    """The time of a call counts the TLS handshake as well."""
    receiver = Receiver(manners=drips(b"\x16\x03\x03\x40\x00\x02", 0.02))
    with receiver.listening():
        calling = sender(receiver, context=authority.trusting, seconds=0.5)
        attempt = calling.post(f"https://hooks.example.org:{receiver.port}/", {}, b"")
    assert attempt.status is None
    assert attempt.seconds < 10


def test_a_look_up_that_hangs_is_left_behind() -> None:
    """The system's resolver has no limit of its own; the call has."""
    never = threading.Event()

    def resolve(name: str) -> list[str]:
        never.wait(20)
        return ["127.0.0.1"]

    with Receiver(manners=says(OK)).listening() as receiver:
        attempt = sender(receiver, resolve=resolve, seconds=0.3).post(url(receiver), {}, BODY)
    never.set()
    assert (attempt.status, attempt.seconds < 10) == (None, True)
    assert receiver.requests == []


def test_the_next_address_is_tried() -> None:
    """Where the first address of a name refuses the connection, the second is called."""
    with Receiver(manners=says(OK)).listening() as receiver:
        calling = sender(receiver, resolve=lambda name: ["127.0.0.2", "127.0.0.1"])
        assert calling.post(url(receiver), {}, BODY).received
        away = sender(receiver, resolve=lambda name: ["127.0.0.2", "127.0.0.3"]).post(url(receiver), {}, BODY)
    assert "refused" in away.detail


def test_names_that_are_not_known_are_said() -> None:
    """A name without an address, an unknown one and a stored webhook that the rules no longer let be are told apart."""

    def unknown(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with Receiver(manners=says(OK)).listening() as receiver:
        assert "has no address" in sender(receiver, resolve=lambda name: []).post(url(receiver), {}, BODY).detail
        assert "not known" in sender(receiver, resolve=unknown).post(url(receiver), {}, BODY).detail
        assert "port" in sender(receiver).post("http://hooks.example.org:1/", {}, BODY).detail
    assert receiver.requests == []


def test_ipv6_is_called(authority: Authority) -> None:
    """An IPv6 literal is called at that address, its certificate checked for it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    receiver = Receiver(manners=says(OK), context=authority.serving("::1"), address="::1")
    with receiver.listening():
        calling = sender(receiver, resolve=lambda name: [name], context=authority.trusting)
        attempt = calling.post(url(receiver, host="[::1]"), {}, BODY)
    assert attempt.received, attempt
    assert receiver.heads()[0]["host"] == f"[::1]:{receiver.port}"


def test_the_system_looks_names_up() -> None:
    """By default the system's resolver is asked, and this machine's own name leads nowhere outside."""
    with Receiver(manners=says(OK)).listening() as receiver:
        rules = Rules(ports=frozenset({receiver.port}), insecure=True)
        attempt = Sender(rules=rules, clock=ManualClock()).post(url(receiver, host="localhost"), {}, BODY)
        rules = Rules(ports=frozenset({receiver.port}), insecure=True, allowed=HOME)
        let_in = Sender(rules=rules, clock=ManualClock()).post(url(receiver, host="localhost"), {}, BODY)
    assert "not on the public internet" in attempt.detail
    assert let_in.received


def test_trust_is_that_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority of an intranet is trusted where the system is told to (SSL_CERT_FILE)."""
    own = Authority.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Receiver(manners=says(OK), context=own.serving("hooks.example.org")).listening() as receiver:
        rules = Rules(ports=frozenset({receiver.port}), allowed=HOME)
        calling = Sender(rules=rules, clock=ManualClock(), resolve=lambda name: ["127.0.0.1"])
        assert calling.post(url(receiver), {}, BODY).received
