"""Reading in tests: a file as one array, a fixture compared, a file damaged in many ways."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from models.spaces import Samples
from shared.errors import Corrupt, PictureError, Truncated
from tests.fixtures import Fixture
from worker.pictures import Header, Reader

#: Pixels above which a mutated file is not decoded: a caller refuses such headers.
_MOST_PIXELS = 20_000_000


def read(reader: Reader, data: bytes) -> tuple[Header, Samples]:
    """The header of the first page, and its rows as one array."""
    page = reader.open_master(io.BytesIO(data)).pages[0]
    return page.header, np.concatenate(list(page.strips()))


def open_header(reader: Reader, data: bytes) -> Header:
    """The header of the first page; nothing is decoded."""
    return reader.open_master(io.BytesIO(data)).pages[0].header


def compare(reader: Reader, fixture: Fixture) -> None:
    """Asserts that a reader finds in a fixture what was written."""
    header, samples = read(reader, fixture.data)
    assert (header.height, header.width) == fixture.samples.shape[:2]
    assert (header.kind, header.depth, header.alpha) == (fixture.kind, fixture.depth, fixture.alpha)
    assert (header.dpi, header.profile) == (fixture.dpi, fixture.profile)
    assert samples.shape == fixture.samples.shape
    assert samples.dtype.itemsize * 8 == fixture.depth
    assert np.abs(samples.astype(int) - fixture.samples).max() <= fixture.tolerance


def refuse_cut(reader: Reader, data: bytes, *, cuts: int = 40) -> None:
    """Asserts that a file is truncated wherever it is cut."""
    for length in np.linspace(4, len(data) - 1, cuts).astype(int):
        with pytest.raises(Truncated):
            read(reader, data[:length])


def refuse(reader: Reader, data: bytes) -> None:
    """Asserts that a file is refused as damaged."""
    with pytest.raises((Truncated, Corrupt)):
        read(reader, data)


def holed(data: bytes, *, size: int = 512, at: float = 0.5, fill: bytes = b"\0") -> bytes:
    """A file with a hole."""
    start = int(len(data) * at)
    return data[:start] + fill * size + data[start + size :]


def mutations(data: bytes, count: int, *, seed: int) -> Iterator[bytes]:
    """Damaged copies of a file: bytes changed, in its first 200 more often, pieces replaced, cut out, and cut off."""
    dice = np.random.default_rng(seed)
    for number in range(count):
        out = bytearray(data)
        at, size = int(dice.integers(len(out))), int(dice.integers(1, 64))
        way = number % 5
        if way < 2:
            for place in dice.integers(0, min(200, len(out)) if way else len(out), 4):
                out[place] = dice.integers(256)
        elif way == 2:
            out[at : at + size] = dice.bytes(size)
        elif way == 3:
            del out[at : at + size]
        else:
            del out[at:]
        yield bytes(out)


def survive(
    reader: Reader, fixture: Fixture, *, count: int = 12, seed: int = 1, repair: Callable[[bytes], bytes] = bytes
) -> None:
    """Asserts that damaged copies of a fixture are read or refused, and nothing else happens."""
    for data in mutations(fixture.data, count, seed=seed):
        try:
            page = reader.open_master(io.BytesIO(repair(data))).pages[0]
            if page.header.pixels <= _MOST_PIXELS:
                assert sum(len(strip) for strip in page.strips()) == page.header.height
        except PictureError:
            continue
