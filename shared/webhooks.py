"""Webhooks: what a client may name as one, and which addresses are called for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from shared.addresses import METADATA, Network, is_public
from shared.errors import InvalidRequest
from shared.settings import Settings

#: The longest webhook, characters: a job's record in the index has room for it.
MAX_URL = 1024

_FIELD = "webhook"
_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # printable ASCII without a blank or a backslash
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
# A name that ends in a number would be read as an IPv4 address, and not by everyone as the same one.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A webhook, taken apart once: what is checked is what is called."""

    #: whether it is called over TLS
    secure: bool
    #: name, or address without brackets, in lower case
    host: str
    #: TCP port
    port: int
    #: path and query
    path: str

    @property
    def authority(self) -> str:
        """What the Host field of a request says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.secure) else f"{host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the operator lets webhooks be."""

    #: networks that are called though they are not public
    allowed: tuple[Network, ...] = ()
    #: ports that are called
    ports: frozenset[int] = frozenset({443})
    #: whether http is called, too
    insecure: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Reads them from the settings."""
        return cls(
            allowed=tuple(ipaddress.ip_network(text.strip()) for text in settings.webhook_allow.split(",") if text),
            ports=frozenset(int(text) for text in settings.webhook_ports.split(",")),
            insecure=settings.webhook_insecure,
        )

    def check(self, url: str) -> Target:
        """Takes a webhook apart; raises InvalidRequest, in words that do not repeat it, for one that is not called."""
        if not 1 <= len(url) <= MAX_URL:
            raise _refused(f"has 1 to {MAX_URL:,} characters", limit=MAX_URL, seen=len(url))
        if not _CHARACTERS.fullmatch(url):
            raise _refused(
                "is a URL of printable ASCII without blanks and backslashes: write others as %XX, and foreign letters "
                "of a host name in its xn-- form"
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _refused("is no URL that can be understood") from None
        target = self._target(parts, port)
        if target.port not in self.ports:
            raise _refused("names a port that this server does not call", limit=sorted(self.ports), seen=target.port)
        if _is_address(target.host) and not self.admits(target.host):
            raise _refused("names an address that is not on the public internet", seen=target.host)
        return target

    def admits(self, address: str) -> bool:
        """Tells whether an address is called: a public one, or one in an allowed network."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if parsed in METADATA:
            return False
        return is_public(parsed) or any(parsed in network for network in self.allowed)

    def _target(self, parts: SplitResult, port: int | None) -> Target:
        schemes = ("https", "http") if self.insecure else ("https",)
        if parts.scheme not in schemes:
            raise _refused(f"begins with {' or '.join(f'{scheme}://' for scheme in schemes)}", limit=list(schemes))
        if "@" in parts.netloc:
            raise _refused("holds no user name and no password: they would lie in the job's record")
        if parts.fragment:
            raise _refused("has no fragment (#)")
        host = (parts.hostname or "").lower()
        if not (_is_address(host) or (_NAME.fullmatch(host) and not _NUMBER.fullmatch(host))):
            raise _refused("has no host name that can be called", seen=host)
        secure = parts.scheme == "https"
        query = f"?{parts.query}" if parts.query else ""
        port = _default_port(secure) if port is None else port
        return Target(secure=secure, host=host, port=port, path=f"{parts.path or '/'}{query}")


def shown(url: str) -> str:
    """Returns a checked webhook as people may see it: its path and its query can hold a secret."""
    parts = urlsplit(url)
    rest = "/…" if parts.path not in ("", "/") or parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{rest}"


def _default_port(secure: bool) -> int:
    return 443 if secure else 80


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _refused(words: str, **facts: object) -> InvalidRequest:
    return InvalidRequest(f"`{_FIELD}` {words}.", field=_FIELD, **facts)
