"""The reader of BMP."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from tests.makers import bmp_file, bmp_rows, scene
from tests.masters_other import masters, runs
from tests.worker.readers.reading import compare, open_header, read, refuse_cut, survive
from worker.readers import bmp

FIXTURES = {name: fixture for name, fixture in masters().items() if name.startswith("bmp")}
#: 16 grays.
RAMP = np.repeat(np.linspace(0, 255, 16).astype(np.uint8)[:, np.newaxis], 3, axis=1)
PLAIN = bmp_file(bmp_rows(scene(3), bits=24), (61, 47), bits=24)


def rle8(pixels: bytes, size: tuple[int, int] = (4, 2)) -> bytes:
    """A BMP of run lengths that are put as they are; its indices are gray in steps of 17."""
    return bmp_file(pixels, size, bits=8, compression=1, palette=RAMP)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, alpha, resolution and profile of each fixture come back."""
    compare(bmp, FIXTURES[name])


@pytest.mark.parametrize(
    "name", ["bmp-palette-1", "bmp-gray", "bmp-rgb", "bmp-565", "bmp-core", "bmp-rle4", "bmp-rle8"]
)
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file that ends early is refused, wherever that is; padding and the end mark of run lengths may be missing."""
    refuse_cut(bmp, FIXTURES[name].data[:-4])


def test_padding_of_the_last_row_may_be_missing() -> None:
    """A file that ends with its last pixel is whole."""
    width = 61
    _, samples = read(bmp, PLAIN[: -(-width * 3 % 4)])
    assert (samples == scene(3)).all()


@pytest.mark.parametrize(
    ("pixels", "rows"),
    [
        pytest.param(b"\4\1\0\0\4\2\0\1", [[34] * 4, [17] * 4], id="runs"),
        pytest.param(b"\4\1\0\0\4\2", [[34] * 4, [17] * 4], id="no end mark"),
        pytest.param(b"\0\3\1\2\3\0\1\4\0\0\4\0\0\1", [[0] * 4, [17, 34, 51, 68]], id="single pixels, padded"),
        pytest.param(b"\1\1\0\2\2\1\1\2\0\1", [[0, 0, 0, 34], [17, 0, 0, 0]], id="a jump"),
        pytest.param(b"\1\1\0\0\4\2\0\1", [[34] * 4, [17, 0, 0, 0]], id="a row that ends early"),
    ],
)
def test_run_lengths_are_read(pixels: bytes, rows: list[list[int]]) -> None:
    """Runs, single pixels, jumps and ends of rows give what they say; what is jumped over is color 0."""
    _, samples = read(bmp, rle8(pixels))
    assert samples.tolist() == rows


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        pytest.param(b"\4\1\0\1", Truncated, id="the end comes a row early"),
        pytest.param(b"\4\1\0\0\3\1\0\1", Truncated, id="the end comes a pixel early"),
        pytest.param(b"\4\1\0\0\0", Truncated, id="half a code"),
        pytest.param(b"\4\1\0\0\0\4\1\2", Truncated, id="single pixels are cut"),
        pytest.param(b"\4\1\0\2\0", Truncated, id="a jump is cut"),
        pytest.param(b"\5\1\0\1", Corrupt, id="a run leaves its row"),
        pytest.param(b"\0\5\1\1\1\1\1\0", Corrupt, id="single pixels leave their row"),
        pytest.param(b"\1\1\0\2\4\0", Corrupt, id="a jump leaves its row"),
        pytest.param(b"\1\1\0\2\0\3", Corrupt, id="a jump leaves the picture"),
        pytest.param(b"\4\x10\0\0\4\1\0\1", Corrupt, id="an index outside the palette"),
    ],
)
def test_run_lengths_that_are_not_whole_are_refused(pixels: bytes, error: type[Exception]) -> None:
    """Rows that are not in the file are not made up, and none gets another's pixels."""
    with pytest.raises(error):
        read(bmp, rle8(pixels))


def patched(at: int, fmt: str, *values: int, data: bytes = PLAIN) -> bytes:
    """A BMP with other numbers in its headers."""
    return data[:at] + struct.pack(fmt, *values) + data[at + struct.calcsize(fmt) :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(patched(14, "<I", 16), id="OS/2's short header"),
        pytest.param(patched(30, "<I", 4), id="JPEG inside"),
        pytest.param(patched(28, "<H", 64), id="64 bits a pixel"),
        pytest.param(patched(28, "<H", 64, data=patched(30, "<I", 3)), id="masks of 64 bits"),
        pytest.param(
            bmp_file(bytes(16), (2, 2), bits=32, compression=3, extra=struct.pack("<3I", 0xFF, 0x1FE, 0xFF0000)),
            id="masks that overlap",
        ),
        pytest.param(
            bmp_file(bytes(16), (2, 2), bits=32, compression=3, extra=struct.pack("<3I", 0xF0F, 0xF0, 0xFF0000)),
            id="a mask with a gap",
        ),
        pytest.param(
            bmp_file(bytes(16), (2, 2), bits=32, compression=3, extra=struct.pack("<3I", 0, 0xF0, 0xFF0000)),
            id="a mask of no bits",
        ),
    ],
)
def test_rare_kinds_are_named_unsupported(data: bytes) -> None:
    """What is not read is refused at the header."""
    with pytest.raises(UnsupportedPicture):
        open_header(bmp, data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(patched(18, "<i", -61), id="a negative width"),
        pytest.param(patched(22, "<i", 0), id="no height"),
        pytest.param(patched(22, "<i", -2, data=rle8(b"\4\1\0\0\4\2\0\1")), id="run lengths from the top"),
        pytest.param(patched(10, "<I", 20), id="pixels within the header"),
        pytest.param(bmp_file(bytes(16), (2, 2), bits=8), id="no palette"),
    ],
)
def test_headers_that_cannot_be_are_corrupt(data: bytes) -> None:
    """Headers that contradict themselves are damage."""
    with pytest.raises(Corrupt):
        open_header(bmp, data)


def test_a_claim_of_more_pixels_than_bytes_is_truncated_at_the_header() -> None:
    """Uncompressed pixels are counted before anything is decoded."""
    with pytest.raises(Truncated):
        open_header(bmp, patched(18, "<ii", 60_000, 60_000))


def test_run_lengths_show_their_size_in_the_header() -> None:
    """Size comes from the header alone, before anything is decoded."""
    assert open_header(bmp, rle8(b"\0\1", (60_000, 60_000))).pixels == 3_600_000_000


def test_an_index_outside_the_palette_is_corrupt() -> None:
    """A pixel that asks for a color that is not there is damage, not black."""
    data = bmp_file(bmp_rows(np.full((2, 4), 7, np.uint8), bits=4), (4, 2), bits=4, palette=RAMP[:5])
    with pytest.raises(Corrupt, match="number 7"):
        read(bmp, data)


def test_a_profile_beyond_the_file_is_ignored_and_told() -> None:
    """A profile that is cut off is left out, with a warning."""
    fixture = FIXTURES["bmp-profile"]
    header = open_header(bmp, fixture.data[:-1])
    assert header.profile is None
    assert header.warnings == ("profile_unreadable",)


def test_both_kinds_of_runs_are_equal() -> None:
    """The same indices come back from RLE4 and from RLE8."""
    indices = scene(1, depth=4)
    for bits, compression in ((8, 1), (4, 2)):
        data = bmp_file(runs(indices, nibbles=bits == 4), (61, 47), bits=bits, compression=compression, palette=RAMP)
        _, samples = read(bmp, data)
        assert (samples == indices * 17).all()


@pytest.mark.parametrize("name", FIXTURES)
def test_mutations_are_read_or_refused(name: str) -> None:
    """Random damage raises nothing but errors of pictures."""
    survive(bmp, FIXTURES[name], count=25)


def test_padding_among_run_lengths_is_left_out() -> None:
    """A row of three pixels that is coded with the fourth, its padding, is read."""
    _, samples = read(bmp, rle8(b"\4\1\0\0\3\2\1\x0f\0\1", (3, 2)))
    assert samples.tolist() == [[34] * 3, [17] * 3]
