"""Receivers of webhooks on loopback: real sockets, real TLS, good and bad manners."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#: Answers one request over a connection.
Manners = Callable[[socket.socket], object]


@dataclass(kw_only=True)
class Receiver:
    """Listens on loopback, keeps what comes, and answers with the manners that it has."""

    manners: Manners
    context: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    def heads(self) -> list[dict[str, str]]:
        """The header fields of each request, by lower-case name."""
        return [_fields(request) for request in self.requests]

    def bodies(self) -> list[bytes]:
        """The body of each request."""
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    @contextlib.contextmanager
    def listening(self) -> Iterator[Receiver]:
        """Listens until the block ends."""
        with socket.create_server((self.address, self.port), family=_family(self.address)) as listener:
            self.port = listener.getsockname()[1]
            acceptor = threading.Thread(target=self._accept, args=(listener,))
            acceptor.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                acceptor.join()

    def _accept(self, listener: socket.socket) -> None:
        threads = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(10)
            if self.context:
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
            self.requests.append(_read(connection))
            self.manners(connection)


def says(*answers: bytes) -> Manners:
    """Gives one answer after the other, the last one for ever."""
    left = list(answers)

    def manners(connection: socket.socket) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return manners


def status(code: int, *fields: str) -> bytes:
    """An answer without a body."""
    head = [f"HTTP/1.1 {code} Words", *fields, "Content-Length: 0", "", ""]
    return "\r\n".join(head).encode()


def drips(text: bytes, pause: float, first: bytes = b"") -> Manners:
    """Sends a byte at a time, over and over, until the other side goes."""

    def manners(connection: socket.socket) -> None:
        connection.sendall(first)
        wait = threading.Event()
        while True:
            for number in range(len(text)):
                connection.sendall(text[number : number + 1])
                wait.wait(pause)

    return manners


def floods(first: bytes, chunk: bytes) -> Manners:
    """Sends without end, as fast as it goes."""

    def manners(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(chunk)

    return manners


def keeps_silent(connection: socket.socket) -> None:
    """Reads on and says nothing."""
    while connection.recv(4096):
        pass


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority of the test's own."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """Makes one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        certificate = (
            _certificate(name, name, key, days=30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder=folder, key=key, certificate=certificate)

    @property
    def trusting(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def serving(self, name: str, *, days: int = 30) -> ssl.SSLContext:
        """What a server uses whose certificate is for `name`; a negative number of days: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
        certificate = (
            _certificate(subject, self.certificate.subject, key, days=days)
            .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"{name.replace(':', '_')}{days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _read(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        chunk = connection.recv(65536)
        if not chunk:
            return text
        text += chunk
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(_fields(head)["content-length"])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _fields(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
