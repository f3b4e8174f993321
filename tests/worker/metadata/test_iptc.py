"""IPTC records in and out of Photoshop's image resources."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest

from tests.worker.metadata.blocks import IPTC
from worker.metadata import iptc


def resource(number: int, data: bytes, *, name: bytes = b"", size: int | None = None, kind: bytes = b"8BIM") -> bytes:
    """Returns an image resource by hand; `size` lies about its bytes."""
    title = bytes((len(name),)) + name
    title += bytes(len(title) % 2)
    length = struct.pack(">I", len(data) if size is None else size)
    return kind + struct.pack(">H", number) + title + length + data + bytes(len(data) % 2)


#: The first record of two, and one whose size takes four bytes of its own.
CAPTION = IPTC[:17]
LONG = b"\x1c\x02\xca\x80\x04\x00\x00\x00\x05large"

OTHER = resource(0x03ED, b"resolution", name=b"odd") + resource(0x0425, b"digest!", name=b"even name", kind=b"MeSa")


@pytest.mark.parametrize("prefix", [b"", b"Photoshop 3.0\0"])
@pytest.mark.parametrize("records", [IPTC, IPTC + b"\x1c\x02\x05\x00\x01x"])
def test_records_are_found_among_other_resources(prefix: bytes, records: bytes) -> None:
    """Names and lengths, odd or even, are stepped over."""
    assert iptc.records(prefix + OTHER + resource(0x0404, records) + OTHER) == (records, False)


def test_records_come_back_out_of_their_wrapping() -> None:
    """What is wrapped is found again, of odd length as well."""
    for records in (IPTC, IPTC + b"\x1c\x02\x05\x00\x01x"):
        assert iptc.records(iptc.to_photoshop(records)) == (records, False)
        assert len(iptc.to_photoshop(records)) % 2 == 0


@pytest.mark.parametrize(
    "resources",
    [
        pytest.param(b"", id="empty"),
        pytest.param(OTHER, id="none among them"),
        pytest.param(b"8BIM", id="a signature alone"),
        pytest.param(resource(0x03ED, b"1", size=1000) + resource(0x0404, IPTC), id="a wrong length before them"),
        pytest.param(resource(0x0404, b"no records"), id="something else in their place"),
        pytest.param(b"GIF89a" + resource(0x0404, IPTC), id="something else before them"),
    ],
)
def test_without_records_there_is_nothing(resources: bytes) -> None:
    """None comes back, and nothing is raised."""
    assert iptc.records(resources) == (None, False)


def test_damaged_resources_never_raise() -> None:
    """Of a thousand blocks with wrong bytes each gives bytes that it has, or nothing."""
    chance = random.Random(1888)
    original = OTHER + resource(0x0404, IPTC) + OTHER
    for _ in range(1000):
        data = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.randint(0, len(data))])
        found, _ = iptc.records(cut)
        assert found is None or found in cut


def as_resource(records: bytes) -> bytes:
    """Records as Photoshop wraps them."""
    return OTHER + resource(0x0404, records)


@pytest.mark.parametrize("wrap", [bytes, as_resource])
def test_records_that_are_cut_are_kept_as_far_as_they_are_whole(wrap: Callable[[bytes], bytes]) -> None:
    """Wherever a block ends: what is whole before that is kept, and the rest is told of."""
    for end in range(len(IPTC)):
        kept = b"" if end < len(CAPTION) else CAPTION
        assert iptc.records(wrap(IPTC[:end])) == (kept or None, end not in (0, len(CAPTION)))


@pytest.mark.parametrize(
    ("block", "found"),
    [
        pytest.param(IPTC + bytes(7), (IPTC, False), id="padding"),
        pytest.param(IPTC + b"\0\0rubbish", (IPTC, True), id="something else behind them"),
        pytest.param(as_resource(IPTC)[:-3], (CAPTION, True), id="a resource that is cut"),
        pytest.param(resource(0x0404, IPTC, size=0xFFFFFFFF), (IPTC, True), id="4 GB claimed"),
        pytest.param(IPTC + LONG, (IPTC + LONG, False), id="a long record"),
        pytest.param(IPTC + LONG[:-1], (IPTC, True), id="a long record that is cut"),
        pytest.param(IPTC + LONG[:6], (IPTC, True), id="a long record's size that is cut"),
        pytest.param(IPTC + b"\x1c\x02\x05\xff\xff\xff", (IPTC, True), id="a size of 32 KB"),
    ],
)
def test_what_is_whole_is_kept(block: bytes, found: tuple[bytes, bool]) -> None:
    """The records of a block, and whether something of it is lost."""
    assert iptc.records(block) == found
