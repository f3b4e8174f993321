"""Quotas in words and header fields: what a tenant has left, and what it is told when nothing is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.errors import IndexUnavailable, QuotaExceeded, RateLimited, Throttled
from shared.index.quotas import MEGAPIXEL, Balance, Limits, Quotas

#: When to ask again where only the end of items brings more, seconds: workers count them at each sweep.
_OPEN_AFTER = 10

_DAY = 86_400

#: How the first line of a refusal begins, by the quota that is used up.
_WORDS = {
    "bytes": "Today's {limit:,} bytes are used up; the count begins anew at midnight UTC.",
    "megapixels": "Today's {limit:,} megapixels are colored; the count begins anew at midnight UTC.",
    "open-items": "{limit:,} items may be open at once, and {seen:,} would be: wait until some have ended.",
}


def take_items(quotas: Quotas, tenant: str, limits: Limits, items: int) -> None:
    """Charges a submission's items to its tenant; raises QuotaExceeded where they are beyond its quotas.

    Where the index is away nobody counts: a submission is taken whatever happens to the index.
    """
    try:
        balance = quotas.spend(tenant, limits, items=items)
    except IndexUnavailable:
        return
    if balance.refused:
        raise refusal(balance, limits, asked=items)


def room_for_items(quotas: Quotas, tenant: str, limits: Limits, items: int) -> float:
    """Returns how many items a tenant may open now, and charges none; raises QuotaExceeded where `items` are more."""
    if not limits.open_items:
        return math.inf
    try:
        balance = quotas.spend(tenant, Limits())
    except IndexUnavailable:
        return math.inf
    room = limits.open_items - balance.open_items
    if items > room:
        raise refusal(replace(balance, refused="open-items"), limits, asked=items)
    return room


def take_bytes(quotas: Quotas, tenant: str, limits: Limits, size: int) -> None:
    """Charges bytes that go straight to storage to their tenant; raises QuotaExceeded. Nobody counts as above."""
    try:
        balance = quotas.spend(tenant, limits, sent=size)
    except IndexUnavailable:
        return
    if balance.refused:
        raise refusal(balance, limits, asked=size)


def grant_bytes(quotas: Quotas, tenant: str, limits: Limits, sizes: Sequence[int]) -> list[bool]:
    """Charges files that go straight to storage, and returns for each whether the tenant has bytes left for it."""
    try:
        if not quotas.spend(tenant, limits, sent=sum(sizes)).refused:
            return [True] * len(sizes)
        return [not quotas.spend(tenant, limits, sent=size).refused for size in sizes]
    except IndexUnavailable:
        return [True] * len(sizes)


def refusal(balance: Balance, limits: Limits, *, asked: int) -> Throttled:
    """Returns the error for a call that a quota refused; `asked` is what it would have used of it."""
    policy = {"violated-policies": [balance.refused]}
    if balance.refused == "requests":
        after = max(1, math.ceil(balance.wait))
        return RateLimited(
            f"A tenant may make {limits.requests:,} requests a second.",
            limit=limits.requests,
            retry_after=after,
            **policy,
        )
    limit = {"bytes": limits.bytes, "megapixels": limits.megapixels, "open-items": limits.open_items}[balance.refused]
    used = {
        "bytes": balance.bytes,
        "megapixels": math.ceil(balance.pixels / MEGAPIXEL),
        "open-items": balance.open_items,
    }[balance.refused]
    seen = used if balance.refused == "megapixels" else used + asked
    return QuotaExceeded(
        _WORDS[balance.refused].format(limit=limit, seen=seen),
        limit=limit,
        seen=seen,
        retry_after=max(1, math.ceil(balance.wait)) if balance.wait else _OPEN_AFTER,
        **policy,
    )


def fields(balance: Balance, limits: Limits) -> dict[str, str]:
    """Returns `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) of the quotas in force.

    The units of megapixels and of open items are our own: the draft has none for them.
    """
    rows = list(_rows(balance, limits))
    if not rows:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={most}{more}' for name, most, more, _, _ in rows),
        "RateLimit": ", ".join(f'"{name}";r={max(0, left)}{reset}' for name, _, _, left, reset in rows),
    }


def _rows(balance: Balance, limits: Limits) -> Iterator[tuple[str, int, str, int, str]]:
    """Yields name, quota, parameters of the policy, what is left, and when there is more."""
    tomorrow = f";t={math.ceil(balance.day_left)}"
    if limits.requests:
        yield "requests", limits.requests, ";w=1", balance.requests_left, ";t=1"
    if limits.bytes:
        yield "bytes", limits.bytes, f';w={_DAY};qu="content-bytes"', limits.bytes - balance.bytes, tomorrow
    if limits.megapixels:
        left = limits.megapixels - math.ceil(balance.pixels / MEGAPIXEL)
        yield "megapixels", limits.megapixels, f';w={_DAY};qu="megapixels"', left, tomorrow
    if limits.open_items:
        yield "open-items", limits.open_items, ';qu="items"', limits.open_items - balance.open_items, ""
