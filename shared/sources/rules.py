"""Which sources a tenant may name, and what a source's address looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Bytes of an object's key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
MAX_KEY = 1024

#: Bucket names as https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html has them. With no `@`
#: and no `:` in it, the bucket is all that can stand between the slashes.
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", re.DOTALL)

#: A tenant's name as `photochrom keys` takes it.
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

#: Control characters, and halves of surrogate pairs, which are no UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

#: Tenant -> bucket and beginning of the key, which is empty or ends in a slash.
Rules = Mapping[str, tuple[tuple[str, str], ...]]


def parse_source(address: str) -> tuple[str, str]:
    """Returns bucket and key of `s3://bucket/key`. The key is taken literally: `%20` is three characters of it.

    Raises ValueError, in words for a person, for a query or fragment, an empty, `.` or `..` segment, control characters
    and anything else that is no such address.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise ValueError("a source is written s3://bucket/key, without user, port and region")
    bucket, key = found.groups()
    _check_key(key)
    if not key or key.endswith("/"):
        raise ValueError("a source names an object, not a folder")
    return bucket, key


def parse_rules(text: str) -> Rules:
    """Reads `tenant=s3://bucket/prefix/,...`; the prefix ends in a slash, and `s3://bucket/` is all of a bucket.

    Raises ValueError for anything else.
    """
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for rule in filter(None, text.split(",")):
        tenant, _, address = rule.strip().partition("=")
        place = _ADDRESS.fullmatch(address)
        if not place or not _TENANT.fullmatch(tenant):
            raise ValueError(rule)
        bucket, prefix = place.groups()
        if prefix and not prefix.endswith("/"):
            raise ValueError(rule)
        _check_key(prefix)
        found[tenant] = (*found.get(tenant, ()), (bucket, prefix))
    return found


def is_allowed(rules: Rules, tenant: str, bucket: str, key: str) -> bool:
    """Tells whether one of the tenant's rules covers an object, as `parse_source` returned it."""
    return any(bucket == theirs and key.startswith(prefix) for theirs, prefix in rules.get(tenant, ()))


def _check_key(key: str) -> None:
    """Raises ValueError for a key, or a beginning of one, that could be read in two ways."""
    if _UNPRINTABLE.search(key):
        raise ValueError("a source has no control characters")
    if "?" in key or "#" in key:
        raise ValueError("a source has no query and no fragment: no `?` and no `#`")
    if len(key.encode()) > MAX_KEY:
        raise ValueError(f"the key of a source has at most {MAX_KEY:,} bytes")
    if not {"", ".", ".."}.isdisjoint(key.removesuffix("/").split("/") if key else ()):
        raise ValueError("a source has no empty segment, and none that is `.` or `..`")
