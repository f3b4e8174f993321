"""Webhooks as their receiver sees them: is it genuine, and what does it say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from photochrom.errors import WebhookNotGenuine

#: How far the sender's clock and the receiver's may be apart, seconds.
TOLERANCE = 300.0

_PREFIX = "whsec_"


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """Returns the event `{"type", "timestamp", "data"}` that a webhook brought, once it is proved to be genuine.

    `secret` is what `photochrom webhooks secret` prints, `whsec_...`; `headers` are those of the request, in any case;
    `body` its bytes as they came; `now` the time in seconds since the epoch, the clock's if left out. Raises
    WebhookNotGenuine for anything that is not signed with this secret, or not within the last five minutes, and
    ValueError for a secret that is none. An event may come twice: `webhook-id` is then the same.
    Source: Standard Webhooks 1.0.0 (standardwebhooks.com), symmetric signatures.
    """
    key = _key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    try:
        name, moment, signed = (given[f"webhook-{field}"] for field in ("id", "timestamp", "signature"))
        age = (time.time() if now is None else now) - int(moment)
    except (KeyError, ValueError):
        raise WebhookNotGenuine("webhook-id, webhook-timestamp or webhook-signature is missing or malformed.") from None
    expected = b"v1," + base64.b64encode(hmac.digest(key, f"{name}.{moment}.".encode() + body, hashlib.sha256))
    # Each one is compared, so that the time does not tell which of them fits.
    matches = [hmac.compare_digest(expected, one.encode()) for one in signed.split(" ")]
    if not any(matches):
        raise WebhookNotGenuine("The signature is not of this secret and these bytes.")
    if abs(age) > TOLERANCE:
        raise WebhookNotGenuine(f"It was signed {age:,.0f} s ago; {TOLERANCE:.0f} s are allowed.")
    event: dict[str, Any] = json.loads(body)
    return event


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("a webhook's secret is whsec_ and base64")
    return key
