"""Ids of jobs: UUID version 7 (RFC 9562), so that they sort by the time they were made."""

from __future__ import annotations

import uuid

import uuid6


def new_id() -> str:
    """Returns a fresh UUIDv7 in its 36-character form."""
    return str(uuid6.uuid7())


def made_at(job_id: str) -> float:
    """Returns when an id of `new_id` was made, seconds since the epoch: its first 48 bits (RFC 9562, 5.7)."""
    return (uuid.UUID(job_id).int >> 80) / 1000


def is_id(text: str) -> bool:
    """Tells whether `text` is a UUID in the form that `new_id` gives."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
