"""Mutants: damaged copies of every kind of master that the tests make, each named by seed and number."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from tests import masters_other, masters_tiff
from tests.makers import PNG_SIGNATURE

#: Numbers at which readers go wrong.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)

#: Bytes at a file's beginning that are most of what a header is.
_HEADER = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """A damaged file."""

    #: seed, number, and which master was damaged how: what replays it
    name: str
    #: the file
    data: bytes


@cache
def masters() -> Sequence[tuple[str, bytes]]:
    """Every master that the tests make, by name; made once a test process."""
    found = {**masters_other.masters(), **masters_tiff.masters()}
    return [(name, fixture.data) for name, fixture in sorted(found.items())]


def mutants(seed: int, count: int, *, first: int = 0) -> Iterator[Mutant]:
    """Yields `count` mutants from number `first` on; each master's turn comes again and again."""
    return (mutant(seed, number) for number in range(first, first + count))


def mutant(seed: int, number: int) -> Mutant:
    """Makes one mutant: the same each time for the same seed and number."""
    dice = random.Random(f"{seed}/{number}")
    known = masters()
    name, data = known[number % len(known)]
    damaged = bytearray(data)
    ways = dice.sample(_WAYS, dice.choice((1, 1, 1, 2, 3)))
    for way in ways:
        way(damaged, dice)
    if damaged.startswith(PNG_SIGNATURE) and dice.random() < 0.5:
        damaged = _with_sums(damaged)
    how = "+".join(way.__name__.removeprefix("_") for way in ways)
    return Mutant(name=f"{seed}/{number} {name} {how}", data=bytes(damaged))


def _bytes(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 8) if data else 0):
        data[dice.randrange(len(data))] = dice.randrange(256)


def _header_bytes(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 4) if data else 0):
        data[dice.randrange(min(_HEADER, len(data)))] = dice.randrange(256)


def _number(data: bytearray, dice: random.Random) -> None:
    code = dice.choice((">H", "<H", ">I", "<I"))
    size = struct.calcsize(code)
    reach = len(data) if dice.random() < 0.5 else min(_HEADER, len(data))
    if reach > size:
        extreme = dice.choice(_EXTREMES) & (256**size - 1)
        struct.pack_into(code, data, dice.randrange(reach - size), extreme)


def _noise(data: bytearray, dice: random.Random) -> None:
    at, size = _piece(data, dice)
    data[at : at + size] = dice.randbytes(size)


def _hole(data: bytearray, dice: random.Random) -> None:
    at, size = _piece(data, dice)
    data[at : at + size] = bytes((dice.choice((0, 0xFF)),)) * size


def _loss(data: bytearray, dice: random.Random) -> None:
    at, size = _piece(data, dice)
    del data[at : at + size]


def _echo(data: bytearray, dice: random.Random) -> None:
    at, size = _piece(data, dice)
    data[at:at] = data[at : at + size] * dice.randint(1, 50)


def _graft(data: bytearray, dice: random.Random) -> None:
    donor = dice.choice(masters())[1]
    at, size = _piece(donor, dice)
    to, _ = _piece(data, dice)
    data[to : to + size] = donor[at : at + size]


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[_piece(data, dice)[0] :]


def _swap(data: bytearray, dice: random.Random) -> None:
    at, size = _piece(data, dice)
    to, _ = _piece(data, dice)
    data[at : at + size], data[to : to + size] = data[to : to + size], data[at : at + size]


_WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _bytes,
    _header_bytes,
    _number,
    _noise,
    _hole,
    _loss,
    _echo,
    _graft,
    _cut,
    _swap,
)


def _piece(data: Sequence[int], dice: random.Random) -> tuple[int, int]:
    """Returns where a random piece begins, and its length."""
    return dice.randrange(len(data) or 1), min(len(data), int(2 ** dice.uniform(0, 9)))


def _with_sums(png: bytearray) -> bytearray:
    """Returns a PNG whose check sums are right, so that what is damaged gets past them."""
    out, at = bytearray(PNG_SIGNATURE), len(PNG_SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if at + 12 + length > len(png):
            break
        chunk = png[at + 4 : at + 8 + length]
        out += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return out + png[at:]
