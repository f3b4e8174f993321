"""API keys: what is stored of them, and making, rotating and revoking them."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared import layout
from shared.clock import Clock, timestamp
from shared.storage import ObjectStore


class Scope(StrEnum):
    """What a key may do. None of them holds another: a key has exactly those that it was given."""

    #: send masters; make and cancel jobs
    SUBMIT = "submit"
    #: see jobs and items, fetch pictures and reports
    READ = "read"
    #: remove jobs, look at the server itself
    ADMIN = "admin"
    #: see how much work there is and how the server does, and nothing of whose it is
    OBSERVE = "observe"


#: What a key may do that was made before there were scopes, and one that is made without naming any.
USUAL = frozenset({Scope.SUBMIT, Scope.READ})


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
    #: what it may do
    scopes: frozenset[Scope] = USUAL
    #: RFC 3339, UTC: it opens nothing from then on; None for never
    expires_at: str | None = None
    #: RFC 3339, UTC: when it was revoked; None for a key that was not
    revoked_at: str | None = None

    def opens(self, now: float) -> bool:
        """Tells whether the key is good at a moment, seconds since the epoch."""
        # Timestamps of one length in UTC sort as the moments do.
        expired = self.expires_at is not None and self.expires_at <= timestamp(now)
        return not expired and self.revoked_at is None

    def to_json(self) -> dict[str, Any]:
        """Returns the record as it is stored."""
        return asdict(self) | {"scopes": sorted(self.scopes)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ApiKey:
        """Reads a stored record; one without scopes is older than they are."""
        scopes = frozenset(Scope(name) for name in data["scopes"]) if "scopes" in data else USUAL
        return cls(**{**data, "scopes": scopes})


def digest_of(key: str) -> str:
    """Returns the SHA-256 of a key, hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(
    store: ObjectStore,
    clock: Clock,
    *,
    tenant: str,
    name: str,
    scopes: Iterable[Scope] = USUAL,
    seconds: float | None = None,
) -> str:
    """Stores a new key and returns it: 256 random bits, to be shown once. It is good for `seconds`, or for ever."""
    key = f"pc_{secrets.token_urlsafe(32)}"
    now = clock.now()
    record = ApiKey(
        digest=digest_of(key),
        tenant=tenant,
        name=name,
        created_at=timestamp(now),
        scopes=frozenset(scopes),
        expires_at=timestamp(now + seconds) if seconds is not None else None,
    )
    _write(store, record)
    return key


def list_keys(store: ObjectStore) -> list[ApiKey]:
    """Returns every key's record, revoked ones too, oldest first."""
    records = [_read(store, info.key) for info in store.list(layout.KEYS)]
    return sorted((record for record in records if record), key=lambda record: record.created_at)


def find_key(store: ObjectStore, key: str) -> ApiKey | None:
    """Returns the record of a key, or None for one that was never made.

    The record is looked up by the key's SHA-256, so that how long this takes can tell at most something about that
    hash, and nobody can choose a key by its hash. The one comparison takes the same time whatever it finds.
    """
    digest = digest_of(key)
    record = _read(store, layout.api_key(digest))
    return record if record and hmac.compare_digest(record.digest, digest) else None


def revoke_key(store: ObjectStore, clock: Clock, record: ApiKey) -> None:
    """Marks a key as revoked. Its record stays: a server whose keys are all revoked is shut, not open to everybody."""
    _write(store, replace(record, revoked_at=timestamp(clock.now())))


def rotate_key(store: ObjectStore, clock: Clock, record: ApiKey, *, overlap: float) -> str:
    """Returns a new key of the same tenant, name, scopes and lifetime; the old one is good for `overlap` more seconds.

    The new one is stored first: whatever dies in between, the tenant has a key.
    """
    lifetime = _moment(record.expires_at) - _moment(record.created_at) if record.expires_at else None
    key = create_key(store, clock, tenant=record.tenant, name=record.name, scopes=record.scopes, seconds=lifetime)
    end = timestamp(clock.now() + overlap)
    _write(store, replace(record, expires_at=min(end, record.expires_at or end)))
    return key


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _read(store: ObjectStore, name: str) -> ApiKey | None:
    try:
        with store.get(name) as stream:
            return ApiKey.from_json(json.load(stream))
    except KeyError:
        return None


def _write(store: ObjectStore, record: ApiKey) -> None:
    store.put(layout.api_key(record.digest), json.dumps(record.to_json()).encode(), media_type="application/json")
