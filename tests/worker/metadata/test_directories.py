"""Image file directories: what is packed is read again, and what lies about itself leads nowhere."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.metadata.directories import Directory, Field, Layout, Structure, header, pack, rational, short, text

LAYOUTS = [Layout(order=order, big=big) for order in ("<", ">") for big in (False, True)]

#: Types of values and the bytes of one.
TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 12: 8, 16: 8}

fields = st.sampled_from(sorted(TYPES)).flatmap(
    lambda kind: st.integers(1, 9).flatmap(
        lambda count: st.binary(min_size=count * TYPES[kind], max_size=count * TYPES[kind]).map(
            lambda data: Field(type=kind, data=data)
        )
    )
)
directories = st.dictionaries(st.integers(1, 65_535), fields, min_size=1, max_size=12)


def read(data: bytes, *, allowance: int = 1 << 20) -> Directory:
    """Returns the first directory of a structure."""
    structure = Structure(io.BytesIO(data), allowance=allowance)
    return structure.directory(structure.first, kept=lambda _: True)


def whole(directory: Directory, layout: Layout) -> bytes:
    """Returns a structure with one directory."""
    start = header(len(header(0, layout)), layout)
    return start + pack(directory, len(start), layout)


@given(directory=directories, layout=st.sampled_from(LAYOUTS))
def test_what_is_packed_is_read_again(directory: Directory, layout: Layout) -> None:
    """Fields of every type come back byte for byte, in either byte order and either size of offsets."""
    assert read(whole(directory, layout)) == directory


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_child_is_found_in_its_place(layout: Layout) -> None:
    """A directory within a directory is read through the tag that points to it."""
    data = whole({5: short(1), 34665: {7: text(b"within")}}, layout)
    structure = Structure(io.BytesIO(data), allowance=1000)
    found = structure.directory(structure.first, kept=lambda _: True)
    structure.child(found, 34665, kept=lambda _: True)
    assert found == {5: short(1), 34665: {7: text(b"within")}}


def test_numbers_are_those_of_the_file_whatever_its_byte_order() -> None:
    """A big-endian structure by hand gives the numbers that were written."""
    entry = struct.pack(">HHII", 282, 5, 1, 26)
    data = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0) + struct.pack(">II", 600, 2)
    field = read(data)[282]
    assert isinstance(field, Field)
    assert field.numbers() == (300.0,)


def test_a_quotient_by_zero_is_no_number() -> None:
    """A rational with the denominator 0 is passed over."""
    assert Field(type=5, data=struct.pack("<4I", 1, 0, 3, 2)).numbers() == (1.5,)


@pytest.mark.parametrize("value", [0.01, 72.0, 299.9994, 300.0, 1_000_000.0])
def test_a_resolution_is_written_exactly(value: float) -> None:
    """A number of up to four decimals comes back as it was."""
    assert rational(value).numbers() == (pytest.approx(value, rel=1e-12),)


@given(value=st.floats(0.01, 1_000_000))
def test_a_resolution_always_fits_its_field(value: float) -> None:
    """No number that a resolution can be needs a numerator of more than 32 bits, and 3 decimals are right."""
    assert rational(value).numbers() == (pytest.approx(value, abs=5e-4),)


def test_of_many_numbers_only_the_first_are_looked_at() -> None:
    """A field that claims a million numbers does not become a million objects."""
    assert Field(type=3, data=struct.pack("<H", 6) * 1_000_000).numbers()[:2] == (6, 6)
    assert len(Field(type=3, data=bytes(2_000_000)).numbers()) < 10


def test_fields_that_overlap_cannot_swell() -> None:
    """Of a thousand fields that all claim the same megabyte no more is read than the allowance."""
    many = b"".join(struct.pack("<HHII", tag, 7, 1 << 20, 0) for tag in range(1, 1001))
    data = b"II*\0" + struct.pack("<IH", 8, 1000) + many + bytes(1 << 20)
    found = read(data, allowance=3 << 20)
    assert len(found) == 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"II*\0\xff\xff\xff\xff", id="a directory beyond the end"),
        pytest.param(b"II*\0\x08\0\0\0\xff\xff", id="entries that are not there"),
        pytest.param(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60), id="more entries than any file has"),
        pytest.param(b"II*\0" + struct.pack("<IHHHII", 8, 1, 270, 2, 0xFFFFFFFF, 8), id="4 GB of text"),
        pytest.param(b"II*\0" + struct.pack("<IHHHII", 8, 1, 270, 99, 1, 8), id="a type that does not exist"),
        pytest.param(b"II*\0" + struct.pack("<IHHHII", 8, 1, 270, 2, 0, 8), id="no values"),
    ],
)
def test_lies_lead_nowhere(data: bytes) -> None:
    """A field or directory that is not there as it claims is left out."""
    assert read(data) == {}


def test_what_is_no_structure_is_refused() -> None:
    """Without II or MM there is nothing to read."""
    with pytest.raises(ValueError, match="begins with"):
        Structure(io.BytesIO(b"GIF89a"), allowance=10)
