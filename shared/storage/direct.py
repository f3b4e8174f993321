"""Uploads straight to storage: clients send masters by signed requests, and their bytes do not pass through the API.

A small master goes by one PUT, whose signature binds its key, its SHA-256, its length and that the key is free. A
large one goes in pieces to a key of its own, where nobody believes it until its digest is proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedPut:
    """One PUT that its holder may make, without a key and for some time."""

    #: absolute address, signature included
    url: str
    #: header fields that are signed, so that they have to be sent as they are
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class NotOffered:
    """This storage takes nothing straight from clients."""

    #: what is wrong with its server, in words for the operator; empty where nobody asked for it
    reason: str = ""


class DirectUploads(Protocol):
    """What a storage offers that takes bytes straight from clients.

    Raises as ObjectStore does; keys are those of an ObjectStore.
    """

    #: the largest file that goes by one PUT, bytes; a larger one goes in pieces
    largest_put: int

    def presign_put(self, key: str, *, sha256: str, size: int, seconds: int, media_type: str) -> SignedPut:
        """Returns the PUT that creates the object from `size` bytes of that SHA-256 (hex), unless the key exists."""

    def piece_bytes(self, size: int) -> int:
        """Returns how many bytes a piece of a file has; the last one has what is left."""

    def begin(self, key: str, *, media_type: str) -> str:
        """Begins an upload in pieces and returns the storage's id of it."""

    def presign_piece(self, key: str, upload: str, number: int, *, size: int, seconds: int) -> SignedPut:
        """Returns the PUT of piece `number` (1..) with `size` bytes; sent again, it replaces the piece."""

    def pieces(self, key: str, upload: str) -> dict[int, int] | None:
        """Returns the bytes of each piece that is there, by number; None where there is no such upload any more."""

    def join(self, key: str, upload: str) -> bool:
        """Makes the pieces that are there the object; False where there is no such upload any more."""

    def abort(self, key: str, upload: str) -> None:
        """Removes the pieces of an upload; one that is gone is no error."""

    def adopt(self, source: str, key: str, *, sha256: str, media_type: str) -> bool:
        """Proves an object's bytes and creates `key` from them, unless it exists; returns whether this call did.

        Raises ChecksumMismatch, and creates nothing, for bytes that do not have the SHA-256; KeyError where there is no
        such object. `source` stays.
        """
