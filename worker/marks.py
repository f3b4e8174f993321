"""Marks: a set of names in bounded memory that never lacks one that was added, and seldom has one that was not."""

from __future__ import annotations

import hashlib
import mmap
import secrets
import struct

#: 64 MiB. With 30,000,000 names one name in 600 is taken for marked by chance, with 10,000,000 one in 37,000.
_BITS = 1 << 29


class Marks:
    """A Bloom filter (B. H. Bloom, 1970) of four bits a name. What it takes for marked by chance differs each time."""

    def __init__(self, bits: int = _BITS) -> None:
        """Takes the number of bits, a power of two of at least 8."""
        # Memory of the system's: a page of it is not there before it is written to.
        self._bits = mmap.mmap(-1, bits // 8)
        self._mask = bits - 1
        self._salt = secrets.token_bytes(16)

    def add(self, name: str) -> None:
        """Marks a name."""
        for place in self._places(name):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, name: str) -> bool:
        return all(self._bits[place >> 3] & 1 << (place & 7) for place in self._places(name))

    def _places(self, name: str) -> tuple[int, int, int, int]:
        digest = hashlib.blake2b(name.encode(), digest_size=32, key=self._salt).digest()
        first, second, third, fourth = struct.unpack("<4Q", digest)
        mask = self._mask
        return first & mask, second & mask, third & mask, fourth & mask
