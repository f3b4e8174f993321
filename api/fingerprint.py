"""Fingerprint: SHA-256 of what a submission asks for, by which a request that is made again is known."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from shared.items import Item
from shared.jobs import Priority
from shared.recipes import Recipe


class Fingerprint:
    """The same for the same request, however it was sent; it grows while the items stream by."""

    def __init__(self, recipe: Recipe, *, webhook: str | None, priority: Priority, retry_of: str | None) -> None:
        """Takes what is asked for all items; what has its default is as if it were left out."""
        options: dict[str, Any] = {"recipe": hashlib.sha256(recipe.canonical()).hexdigest()}
        if webhook:
            options["webhook"] = webhook
        if priority is not Priority.NORMAL:
            options["priority"] = priority
        if retry_of:
            options["retry_of"] = retry_of
        self._digest = hashlib.sha256(_ENCODE(options).encode())

    def add(self, item: Item) -> None:
        """Takes the next item as it was asked for: what is found out of a source is no part of it."""
        what = item.source.address if item.source else item.master
        refusal = asdict(item.refusal) if item.refusal else None
        self._digest.update(_ENCODE([item.number, what, item.filename, item.client_ref, refusal]).encode())

    def digest(self) -> str:
        """Returns the digest, hexadecimal."""
        return self._digest.hexdigest()


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
