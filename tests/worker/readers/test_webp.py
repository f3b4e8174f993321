"""The reader of WebP."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from shared.errors import Corrupt, Truncated
from tests.makers import riff_chunks, saved, scene, webp_file
from tests.masters_other import XMP, masters
from tests.worker.readers.reading import compare, open_header, read, refuse_cut, survive
from worker.readers import webp

FIXTURES = {name: fixture for name, fixture in masters().items() if name.startswith("webp")}
PLAIN = saved(scene(3), "WEBP", lossless=True)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, alpha, resolution and profile of each fixture come back."""
    compare(webp, FIXTURES[name])


@pytest.mark.parametrize("name", ["webp-lossless", "webp-lossy", "webp-lossy-alpha", "webp-animated-once"])
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file shorter than its first bytes claim is refused, wherever it ends."""
    refuse_cut(webp, FIXTURES[name].data)


@pytest.mark.parametrize(("options", "word"), [({"lossless": True}, "lossless"), ({"quality": 90}, "lossy")])
def test_the_chunk_tells_the_compression(options: dict[str, object], word: str) -> None:
    """VP8L is without loss, VP8 is not."""
    assert open_header(webp, saved(scene(3), "WEBP", **options)).compression == word


def test_of_an_animation_the_first_frame_is_read() -> None:
    """An animation gives its first frame, with a warning."""
    frames = [Image.fromarray(scene(3, seed=seed)) for seed in (0, 1, 2)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    header, samples = read(webp, out.getvalue())
    assert header.warnings == ("multi_page",)
    assert (samples == scene(3)).all()


def test_xmp_comes_along() -> None:
    """The packet stands in the header."""
    assert open_header(webp, saved(scene(3), "WEBP", xmp=XMP)).metadata.xmp == XMP


def test_bytes_behind_the_end_are_no_matter() -> None:
    """What follows the file's own size is not looked at."""
    _, samples = read(webp, PLAIN + b"trailing")
    assert (samples == scene(3)).all()


def test_a_chunk_larger_than_its_file_is_corrupt() -> None:
    """A chunk that claims more than the file has room for is damage."""
    with pytest.raises(Corrupt, match="VP8L"):
        open_header(webp, PLAIN[:16] + struct.pack("<I", 1 << 20) + PLAIN[20:])


def test_a_file_without_a_picture_is_truncated() -> None:
    """A file of metadata alone lacks its picture."""
    with pytest.raises(Truncated, match="no picture"):
        open_header(webp, webp_file([(b"XMP ", XMP)]))


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([(b"VP8 ", bytes(20))], id="no key frame"),
        pytest.param([(b"VP8L", bytes(20))], id="no signature"),
        pytest.param([(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + bytes(14))], id="no pixels"),
        pytest.param([(b"VP8X", bytes(4)), *riff_chunks(PLAIN)], id="a short canvas"),
        pytest.param([(b"VP8X", bytes(10)), (b"ANMF", bytes(16))], id="a frame without a picture"),
    ],
)
def test_headers_that_cannot_be_are_corrupt(chunks: list[tuple[bytes, bytes]]) -> None:
    """Chunks that do not hold what they are named for are damage."""
    with pytest.raises(Corrupt):
        open_header(webp, webp_file(chunks))


def test_a_canvas_of_another_size_is_corrupt() -> None:
    """A still picture fills its canvas; one that does not is damage."""
    canvas = bytes(4) + struct.pack("<I", 16_000)[:3] + struct.pack("<I", 16_000)[:3]
    data = webp_file([(b"VP8X", canvas), *riff_chunks(PLAIN)])
    assert open_header(webp, data).pixels == 16_001 * 16_001
    with pytest.raises(Corrupt):
        read(webp, data)


@pytest.mark.parametrize("name", FIXTURES)
def test_mutations_are_read_or_refused(name: str) -> None:
    """Random damage raises nothing but errors of pictures."""
    survive(webp, FIXTURES[name], count=60)
