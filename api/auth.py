"""Who is asking: an API key's tenant, or the one person at this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import secrets
import threading
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from shared import layout
from shared.clock import Clock, timestamp
from shared.errors import ForeignHost, ForeignOrigin, Unauthorized
from shared.storage import ObjectStore

#: How long what was read of the keys is believed, seconds: a revoked key dies within this.
_CACHE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What is stored of an API key: never the key itself."""

    #: SHA-256 of the key, hexadecimal
    digest: str
    #: whose requests it makes
    tenant: str
    #: what people call it
    name: str
    #: RFC 3339, UTC
    created_at: str


def create_key(store: ObjectStore, clock: Clock, *, tenant: str, name: str) -> str:
    """Stores a new key and returns it: 256 random bits, to be shown once."""
    key = f"pc_{secrets.token_urlsafe(32)}"
    record = ApiKey(digest=_digest(key), tenant=tenant, name=name, created_at=timestamp(clock.now()))
    store.put(layout.api_key(record.digest), json.dumps(asdict(record)).encode(), media_type="application/json")
    return key


def list_keys(store: ObjectStore) -> list[ApiKey]:
    """Returns every key's record, oldest first."""
    records = [_read(store, info.key) for info in store.list(layout.KEYS)]
    return sorted((record for record in records if record), key=lambda record: record.created_at)


def revoke_key(store: ObjectStore, digest: str) -> None:
    """Removes a key's record."""
    store.delete(layout.api_key(digest))


class Doorkeeper:
    """Decides who asks; remembers for half a minute what storage said."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._seen: dict[str, tuple[float, Any]] = {}

    def tenant(self, *, authorization: str | None, host: str, origin: str | None) -> str:
        """Returns the tenant of a request.

        Raises Unauthorized where keys exist and none of them is shown; without keys ForeignHost and ForeignOrigin for
        whatever a page of another site could have sent (DNS rebinding, cross-site posts).
        """
        if self.keyless():
            if not is_loopback(_host_name(host)):
                raise ForeignHost(seen=host)
            if origin is not None and urlsplit(origin).netloc != host:
                raise ForeignOrigin(seen=origin)
            return layout.DEFAULT_TENANT
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized()
        key_name = layout.api_key(_digest(key.strip()))
        record = self._remembered(key_name, lambda: _read(self._store, key_name))
        if record is None:
            raise Unauthorized("This API key is not known, or was revoked.")
        return str(record.tenant)

    def keyless(self) -> bool:
        """Tells whether the server has no API keys."""
        return bool(self._remembered(layout.KEYS, lambda: not any(True for _ in self._store.list(layout.KEYS))))

    def _remembered(self, name: str, read: Any) -> Any:
        now = self._clock.now()
        with self._guard:
            seen = self._seen.get(name)
        if seen and now - seen[0] < _CACHE_SECONDS:
            return seen[1]
        value = read()
        with self._guard:
            if len(self._seen) > 10_000:
                self._seen.clear()
            self._seen[name] = now, value
        return value


def is_loopback(host: str) -> bool:
    """Tells whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _read(store: ObjectStore, key: str) -> ApiKey | None:
    try:
        with store.get(key) as stream:
            return ApiKey(**json.load(stream))
    except KeyError:
        return None
