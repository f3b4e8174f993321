"""Islands: worker hosts that reach Valkey and storage only by a network of their own, which can be cut.

With the rights for it each is a network namespace, its link to the bridge taken down: packets vanish. Without, each has
wires of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from bench.scale.house import PHOTOCHROM
from bench.scale.wires import Wire

#: Addresses of the bridge and, from 2 on, of the hosts: a private network that this machine does not have otherwise.
_NETWORK = "10.213.77"
_BRIDGE = "pcscale"


class Island(Protocol):
    """Where one host lives."""

    #: how it reaches Valkey and the bucket: address and port of each
    valkey: Wire
    bucket: Wire
    #: arguments of Python that start something there
    prefix: Sequence[str]

    def cut(self) -> None:
        """Cuts it off."""

    def mend(self) -> None:
        """Connects it again."""


class _Wired:
    """An island of wires."""

    prefix: Sequence[str] = ()

    def __init__(self, valkey: Wire, bucket: Wire) -> None:
        self.valkey, self.bucket = valkey, bucket

    def cut(self) -> None:
        """Cuts both wires."""
        self.valkey.cut()
        self.bucket.cut()

    def mend(self) -> None:
        """Mends both wires."""
        self.valkey.mend()
        self.bucket.mend()


class _Namespace:
    """An island in a network namespace."""

    def __init__(self, name: str, valkey: Wire, bucket: Wire) -> None:
        self.name, self.valkey, self.bucket = name, valkey, bucket
        self.prefix: Sequence[str] = ("-m", "bench.scale.launch", "--netns", name, "--")

    def cut(self) -> None:
        """Takes its link down."""
        _ip("link", "set", self.name, "down")

    def mend(self) -> None:
        """Brings its link up."""
        _ip("link", "set", self.name, "up")


def entry(island: Island, command: Sequence[str] = PHOTOCHROM) -> tuple[str, ...]:
    """Returns arguments of Python that run a command on an island."""
    return (*island.prefix, *command)


def has_namespaces() -> bool:
    """Tells whether this process may make network namespaces and has the tool for it."""
    if os.geteuid() or not shutil.which("ip"):
        return False
    made = subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], capture_output=True, check=False)
    if made.returncode == 0:
        _ip("link", "del", _BRIDGE)
    return made.returncode == 0


@contextmanager
def islands(count: int, *, valkey: str, bucket: int, namespaces: bool) -> Iterator[list[Island]]:
    """Gives islands that reach the socket `valkey` and the port `bucket`; nothing of them is left afterwards."""
    with ExitStack() as stack:

        def wire(address: str, target: int | str) -> Wire:
            made = Wire(address, target)
            stack.callback(made.close)
            return made

        if not namespaces:
            yield [_Wired(wire("127.0.0.1", valkey), wire("127.0.0.1", bucket)) for _ in range(count)]
            return
        stack.callback(_ip, "link", "del", _BRIDGE)
        _ip("link", "add", _BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{_NETWORK}.1/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        one, other = wire(f"{_NETWORK}.1", valkey), wire(f"{_NETWORK}.1", bucket)
        found: list[Island] = []
        for number in range(count):
            name = f"{_BRIDGE}{number}"
            stack.callback(_ip, "netns", "del", name)
            _ip("netns", "add", name)
            _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", name, "master", _BRIDGE, "up")
            _ip("-n", name, "addr", "add", f"{_NETWORK}.{number + 2}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
            found.append(_Namespace(name, one, other))
        yield found


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
