"""Signing: the secrets of a tenant, and the signatures that they make (Standard Webhooks, symmetric scheme v1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, replace

from shared import layout
from shared.clock import Clock
from shared.storage import ObjectStore

#: How long webhooks are signed with the old secret, too, after a new one was made, seconds.
OVERLAP_SECONDS = 24 * 3600

#: Secrets that are kept: the newest and those that it replaced.
_KEPT = 4

_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """One secret of a tenant."""

    #: `whsec_` and 32 random bytes as base64
    text: str
    #: when it stops being used, seconds since the epoch; None for the newest
    until: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """The secrets of all tenants. They lie in storage as they are: who signs needs them, and so does who verifies."""

    #: where they lie
    store: ObjectStore
    #: time
    clock: Clock

    def current(self, tenant: str) -> tuple[Secret, ...]:
        """Returns what is signed with now, newest first; makes the first one."""
        key = layout.webhook_secrets(tenant)
        found = self._read(key)
        if not found:
            self.store.put_if_absent(key, _text([_fresh()]), media_type="application/json")
            found = self._read(key)
        now = self.clock.now()
        return tuple(secret for secret in found if secret.until is None or secret.until > now)

    def rotate(self, tenant: str) -> tuple[Secret, ...]:
        """Makes a new secret, lets the one before be used for a day more, and returns what is signed with now."""
        until = self.clock.now() + OVERLAP_SECONDS
        old = [replace(secret, until=secret.until or until) for secret in self.current(tenant)]
        self.store.put(layout.webhook_secrets(tenant), _text([_fresh(), *old][:_KEPT]), media_type="application/json")
        return self.current(tenant)

    def _read(self, key: str) -> list[Secret]:
        try:
            with self.store.get(key) as stream:
                return [Secret(**data) for data in json.load(stream)]
        except KeyError:
            return []


def signatures(known: tuple[Secret, ...], message_id: str, moment: int, body: bytes) -> str:
    """Returns the value of `webhook-signature`: one signature a secret, with a blank between."""
    signed = f"{message_id}.{moment}.".encode() + body
    return " ".join(f"v1,{_signature(secret, signed)}" for secret in known)


def _signature(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.text.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _fresh() -> Secret:
    return Secret(text=_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


def _text(known: list[Secret]) -> bytes:
    return json.dumps([asdict(secret) for secret in known]).encode()
