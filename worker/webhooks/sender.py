"""The sender: calls a webhook once, and only where the rules let it.

The name is looked up once. All of its addresses have to be admitted: a name that also has an address inside is a trap
or a mistake. Then one of these very addresses is called, whatever the name means by then.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.clock import Clock
from shared.errors import InvalidRequest
from shared.webhooks import Rules, Target
from worker.webhooks.deliveries import Attempt
from worker.webhooks.exchange import AnswerUnfit, Deadline, connect, exchange

#: What a call may take in all, seconds.
TOTAL_SECONDS = 15.0

#: What a connection to one address may take, seconds, and how many addresses of a name are tried.
_CONNECT_SECONDS = 5.0
_ADDRESSES = 4

#: Gives the addresses of a name.
Resolve = Callable[[str], list[str]]


class NotCalled(Exception):
    """The rules do not let it be called, in words."""


def look_up(name: str) -> list[str]:
    """Returns the addresses of a name, in the order in which the system would try them; raises OSError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Calls webhooks."""

    #: what may be called
    rules: Rules
    #: time of day, for the record
    clock: Clock
    #: what certificates are trusted: those of the system
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    #: how names are looked up
    resolve: Resolve = look_up
    #: what a call may take in all, seconds
    seconds: float = TOTAL_SECONDS

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Sends JSON and returns what became of it; nothing that a receiver does is an exception."""
        at, begun = self.clock.now(), time.monotonic()
        status: int | None = None
        try:
            status = self._post(url, headers, body)
        except InvalidRequest as error:
            detail = f"Not called: {error.detail}"
        except (NotCalled, AnswerUnfit) as error:
            detail = str(error)
        except TimeoutError:
            detail = f"There was no complete answer within {time.monotonic() - begun:.0f} s."
        except ssl.SSLCertVerificationError as error:
            detail = f"The certificate does not hold: {error.verify_message.rstrip('.')}."
        except ssl.SSLError as error:
            detail = f"TLS failed: {error.reason or error}."
        except socket.gaierror as error:
            detail = f"The host name is not known: {error.strerror}."
        except OSError as error:
            detail = f"No connection: {error.strerror or error}."
        else:
            detail = _words(status)
        return Attempt(at=at, status=status, detail=detail, seconds=round(time.monotonic() - begun, 3))

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        deadline = Deadline.after(self.seconds)
        target = self.rules.check(url)
        addresses = self._addresses(target, deadline)
        request = _request(target, headers, body)
        return exchange(_connect(addresses, target, deadline), target, request, context=self.context, deadline=deadline)

    def _addresses(self, target: Target, deadline: Deadline) -> list[str]:
        """Looks the name up, once; raises NotCalled where one of its addresses is not admitted."""
        addresses = _within(deadline, self.resolve, target.host)
        if not addresses:
            raise NotCalled(f"{target.host} has no address.")
        for address in addresses:
            if not self.rules.admits(address):
                raise NotCalled(
                    f"Not called: {target.host} is at {address}, which is not on the public internet; "
                    "PHOTOCHROM_WEBHOOK_ALLOW names the networks that are called all the same."
                )
        return addresses[:_ADDRESSES]


def _connect(addresses: list[str], target: Target, deadline: Deadline) -> socket.socket:
    """Connects to the first address that answers; raises what the last one gave."""
    *others, last = addresses
    for address in others:
        try:
            return connect(address, target.port, seconds=min(_CONNECT_SECONDS, deadline.left()))
        except OSError:
            deadline.left()
    return connect(last, target.port, seconds=min(_CONNECT_SECONDS, deadline.left()))


def _within(deadline: Deadline, resolve: Resolve, name: str) -> list[str]:
    """Looks a name up in a thread that is left behind where it takes too long: the system's resolver has no limit."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(name))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answers.put(error)

    threading.Thread(target=ask, name="webhook-name", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {
        "Host": target.authority,
        "User-Agent": "Photochrom",
        "Accept": "*/*",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _words(status: int) -> str:
    if 200 <= status < 300:
        return "The receiver has it."
    if 300 <= status < 400:
        return f"The receiver answered {status}: redirects are not followed."
    return f"The receiver answered {status}."
