"""IPTC records in and out of Photoshop's image resources."""

from __future__ import annotations

import random
import struct

import pytest

from tests.worker.metadata.blocks import IPTC
from worker.metadata import iptc


def resource(number: int, data: bytes, *, name: bytes = b"", size: int | None = None, kind: bytes = b"8BIM") -> bytes:
    """Returns an image resource by hand; `size` lies about its bytes."""
    title = bytes((len(name),)) + name
    title += bytes(len(title) % 2)
    length = struct.pack(">I", len(data) if size is None else size)
    return kind + struct.pack(">H", number) + title + length + data + bytes(len(data) % 2)


OTHER = resource(0x03ED, b"resolution", name=b"odd") + resource(0x0425, b"digest!", name=b"even name", kind=b"MeSa")


@pytest.mark.parametrize("prefix", [b"", b"Photoshop 3.0\0"])
@pytest.mark.parametrize("records", [IPTC, IPTC + b"\x1c\x02\x05\x00\x01x"])
def test_records_are_found_among_other_resources(prefix: bytes, records: bytes) -> None:
    """Names and lengths, odd or even, are stepped over."""
    assert iptc.from_photoshop(prefix + OTHER + resource(0x0404, records) + OTHER) == records


def test_records_come_back_out_of_their_wrapping() -> None:
    """What is wrapped is found again, of odd length as well."""
    for records in (IPTC, IPTC[:-1]):
        assert iptc.from_photoshop(iptc.to_photoshop(records)) == records
        assert len(iptc.to_photoshop(records)) % 2 == 0


@pytest.mark.parametrize(
    "resources",
    [
        pytest.param(b"", id="empty"),
        pytest.param(OTHER, id="none among them"),
        pytest.param(b"8BIM", id="a signature alone"),
        pytest.param(resource(0x0404, IPTC, size=0xFFFFFFFF), id="4 GB claimed"),
        pytest.param(resource(0x03ED, b"1", size=1000) + resource(0x0404, IPTC), id="a wrong length before them"),
        pytest.param(resource(0x0404, b"no records"), id="something else in their place"),
        pytest.param(b"GIF89a" + resource(0x0404, IPTC), id="something else before them"),
    ],
)
def test_without_records_there_is_nothing(resources: bytes) -> None:
    """None comes back, and nothing is raised."""
    assert iptc.from_photoshop(resources) is None


def test_damaged_resources_never_raise() -> None:
    """Of a thousand blocks with wrong bytes each gives bytes that it has, or nothing."""
    chance = random.Random(1888)
    original = OTHER + resource(0x0404, IPTC) + OTHER
    for _ in range(1000):
        data = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.randint(0, len(data))])
        found = iptc.from_photoshop(cut)
        assert found is None or found in cut
