"""What holds for a file of every format, judged by other libraries than those that wrote it where there are any."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import simplejpeg
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.spaces import Samples
from shared.errors import UnsupportedPicture
from shared.formats import FORMATS
from tests.worker.metadata.blocks import IPTC, MARKS, SENTENCE, XMP
from tests.worker.writers.dressed import LOSSLESS, LOSSY, METADATA, PROFILE, dressing, picture, strips, written
from worker.metadata import iptc, xmp
from worker.pictures import MOST_TEXTS, Metadata, Text
from worker.readers import open_master
from worker.writers import writer_of

FORMATS_WRITTEN = ["tiff", "jpeg", "png", "jp2", "webp"]


def _pillow(data: bytes) -> Samples:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


DECODERS: Mapping[str, Callable[[bytes], Samples]] = {
    "tiff": lambda data: tifffile.imread(io.BytesIO(data)),
    "jpeg": lambda data: simplejpeg.decode_jpeg(data, strict=True),
    "png": imagecodecs.png_decode,
    # The codestream alone: of a whole file imagecodecs converts the samples by the profile.
    "jp2": lambda data: imagecodecs.jpeg2k_decode(data[data.index(b"jp2c") + 4 :]),
    "webp": _pillow,
}


def lossy(fmt: str) -> dict[str, str]:
    """Returns the compression of a small file of a format."""
    return {"compression": {"tiff": "none", "png": "lossless"}.get(fmt, "lossy")}


@pytest.mark.parametrize(("fmt", "depth", "alpha", "compression"), LOSSLESS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 300), (301, 3), (67, 131)])
def test_samples_come_back_exactly(fmt: str, depth: int, alpha: int, compression: str, height: int, width: int) -> None:
    """What is written without loss is read as it was: 8 and 16 bits, with and without alpha, of any size."""
    samples = picture(height, width, depth=depth, alpha=alpha)
    data, _ = written(fmt, samples, heights=[40], compression=compression)
    assert np.array_equal(DECODERS[fmt](data).reshape(samples.shape), samples)


@pytest.mark.parametrize(("fmt", "depth", "alpha", "compression"), [kind for kind in LOSSLESS if kind[1] == 8])
def test_pillow_reads_the_same(fmt: str, depth: int, alpha: int, compression: str) -> None:
    """A second reader agrees on the samples of 8 bits."""
    samples = picture(67, 131, depth=depth, alpha=alpha)
    data, _ = written(fmt, samples, compression=compression)
    assert np.array_equal(_pillow(data), samples)


@pytest.mark.parametrize(("fmt", "depth", "alpha", "compression"), LOSSY)
def test_loss_keeps_within_its_bound(fmt: str, depth: int, alpha: int, compression: str) -> None:
    """At quality 95 the error is below 1 % of the range on the mean; at 30 the file is smaller."""
    samples = picture(120, 160, depth=depth, alpha=alpha)
    data, _ = written(fmt, samples, compression=compression)
    off = np.abs(DECODERS[fmt](data).astype(float) - samples) / (2**depth - 1)
    assert off.mean() < 0.01
    assert off.max() < 0.08
    assert len(written(fmt, samples, compression=compression, quality=30)[0]) < len(data)


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
@settings(max_examples=15, deadline=None)
@given(heights=st.lists(st.integers(1, 40), max_size=12))
def test_how_the_rows_come_does_not_matter(fmt: str, heights: list[int]) -> None:
    """Any cutting into strips gives the same bytes, which are the same each time."""
    samples = picture(90, 17)
    assert written(fmt, samples, heights=heights, **lossy(fmt)) == written(fmt, samples, **lossy(fmt))


@pytest.mark.parametrize("fmt", ["tiff", "jpeg", "png", "webp"])
def test_pillow_finds_profile_resolution_and_blocks(fmt: str) -> None:
    """Profile byte for byte, dots per inch, artist, date, place, XMP and IPTC are where a program looks for them."""
    data, _ = written(fmt, picture(30, 40), **lossy(fmt))
    with Image.open(io.BytesIO(data)) as image:
        exif, info = image.getexif(), image.info
        assert info["icc_profile"] == PROFILE
        assert exif[0x013B] == "Zoe Mueller"
        assert exif[0x0131] == "Photochrom"
        assert exif[0x010E] == SENTENCE
        assert exif[0x0112] == 1
        assert exif.get_ifd(0x8769)[0x9003] == "1936:03:09 10:20:30"
        assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (40, 30)
        assert exif.get_ifd(0x8825)[2] == (48.0, 51.0, 30.0)
        assert (exif[0x011A], exif[0x011B], exif[0x0128]) == (300.0, 299.5, 2)
        if fmt != "webp":
            assert info["dpi"] == pytest.approx((300.0, 299.5), abs=0.6 if fmt == "jpeg" else 0.02)
        assert info["xmp"] == METADATA.xmp


@pytest.mark.parametrize(("fmt", "depth", "alpha", "compression"), LOSSLESS)
def test_our_own_reader_gives_the_same_samples(fmt: str, depth: int, alpha: int, compression: str) -> None:
    """What is written without loss comes back through the readers, whatever the profile says of its colors."""
    samples = picture(67, 131, depth=depth, alpha=alpha)
    data, _ = written(fmt, samples, compression=compression)
    page = open_master(io.BytesIO(data)).pages[0]
    assert (page.header.alpha, page.header.compression) == (bool(alpha), compression)
    assert np.array_equal(np.concatenate(list(page.strips())), samples)


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_our_own_reader_finds_everything_again(fmt: str) -> None:
    """Size, profile, resolution and all blocks of a file come back through the readers."""
    data, warnings = written(fmt, picture(30, 40), **lossy(fmt))
    header = open_master(io.BytesIO(data)).pages[0].header
    assert (header.width, header.height, header.depth) == (40, 30, 8)
    assert header.profile == PROFILE
    assert header.dpi == pytest.approx((300.0, 299.5), abs=0.6 if fmt == "jpeg" else 0.02)
    assert header.metadata.xmp == METADATA.xmp
    if fmt == "webp":
        assert header.metadata.iptc is None
        assert warnings == ("metadata_dropped",)
    else:
        # TIFF counts it in words of 32 bits.
        assert (header.metadata.iptc or b"").rstrip(b"\0") == IPTC
        assert warnings == ()
    assert header.metadata.exif is not None
    for words in (b"Zoe Mueller", b"1936:03:09 10:20:30", SENTENCE.encode()):
        assert words in header.metadata.exif


TEXTS = (
    Text(keyword="Title", words="Calle en Mérida"),
    Text(keyword="Description", words="Plate 12"),
    Text(keyword="Comment", words="A crack"),
    Text(keyword="Author", language="es", words="José 日本"),
)


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_xml_documents_stay_in_jpeg_2000(fmt: str) -> None:
    """They come back from there byte for byte; other formats have no place for them, and tell."""
    documents = (b"<mods><title>Evening star</title></mods>", "<a>Mérida</a>".encode())
    data, warnings = written(fmt, picture(5, 7), metadata=Metadata(documents=documents), **lossy(fmt))
    kept = open_master(io.BytesIO(data)).pages[0].header.metadata.documents
    assert (kept, warnings) == ((documents, ()) if fmt == "jp2" else ((), ("metadata_dropped",)))


@pytest.mark.parametrize("fmt", ["tiff", "jp2", "webp"])
def test_texts_without_a_place_are_told(fmt: str) -> None:
    """Words that only PNG and JPEG have are left out with a warning."""
    _, warnings = written(fmt, picture(5, 7), metadata=Metadata(texts=TEXTS), **lossy(fmt))
    assert warnings == ("metadata_dropped",)


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_our_own_sentence_is_no_loss(fmt: str) -> None:
    """A derivative that is colored again loses nothing: what is no text of its master is not told."""
    texts = (Text(keyword="Description", words=SENTENCE), Text(keyword="Comment", words=SENTENCE))
    assert written(fmt, picture(5, 7), metadata=Metadata(texts=texts), **lossy(fmt))[1] == ()


@pytest.mark.parametrize("fmt", ["png", "jpeg"])
@pytest.mark.parametrize("size", [1, 70_000], ids=["short", "longer than a segment"])
def test_no_more_texts_are_written_than_are_read(fmt: str, size: int) -> None:
    """The sentence has its place among as many as there may be; what has none for it is told of."""
    count = MOST_TEXTS if size == 1 else 100
    texts = tuple(Text(keyword="Comment", words=f"{number:x>{size}}") for number in range(count))
    if size > 1:
        texts += tuple(Text(keyword="Comment", words=str(number)) for number in range(MOST_TEXTS - count))
    data, warnings = written(fmt, picture(5, 7), metadata=Metadata(texts=texts), **lossy(fmt))
    again = open_master(io.BytesIO(data)).pages[0].header
    assert len(again.metadata.texts) == MOST_TEXTS
    assert any(SENTENCE in text.words for text in again.metadata.texts)
    assert (warnings, again.warnings) == (("metadata_dropped",), ())
    assert written(fmt, picture(5, 7), metadata=again.metadata, **lossy(fmt))[1] == ()


def test_texts_stay_in_a_png() -> None:
    """Each comes back with its language; the description has the sentence at its end, once."""
    data, warnings = written("png", picture(5, 7), metadata=Metadata(texts=TEXTS))
    assert warnings == ()
    texts = open_master(io.BytesIO(data)).pages[0].header.metadata.texts
    description = Text(keyword="Description", words=f"Plate 12\n{SENTENCE}")
    assert texts == (description, TEXTS[0], *TEXTS[2:])
    again, _ = written("png", picture(5, 7), metadata=Metadata(texts=texts))
    assert open_master(io.BytesIO(again)).pages[0].header.metadata.texts == texts


def test_texts_become_comments_of_a_jpeg() -> None:
    """Each names what it is; a comment is one already. The sentence stands behind them, once."""
    data, warnings = written("jpeg", picture(5, 7), metadata=Metadata(texts=TEXTS), compression="lossy")
    assert warnings == ()
    texts = open_master(io.BytesIO(data)).pages[0].header.metadata.texts
    words = ["Title: Calle en Mérida", "Description: Plate 12", "A crack", "Author: José 日本", SENTENCE]
    assert [text.words for text in texts] == words
    again, _ = written("jpeg", picture(5, 7), metadata=Metadata(texts=texts), compression="lossy")
    assert open_master(io.BytesIO(again)).pages[0].header.metadata.texts == texts


def test_texts_do_not_grow_from_format_to_format() -> None:
    """A derivative of a derivative, as JPEG and PNG in turns, says each thing as often as the one before the last."""
    texts = TEXTS
    seen = []
    for fmt in ("png", "jpeg") * 4:
        data, _ = written(fmt, picture(5, 7), metadata=Metadata(texts=texts), **lossy(fmt))
        texts = open_master(io.BytesIO(data)).pages[0].header.metadata.texts
        seen.append(texts)
    assert seen[-1] == seen[1]
    assert seen[-2] == seen[2]


def test_a_comment_of_many_segments_is_cut_between_characters() -> None:
    """Each part is whole words of UTF-8, whose characters have up to four bytes."""
    words = "x" + "é日😀" * 20_000
    data, _ = written(
        "jpeg", picture(5, 7), metadata=Metadata(texts=(Text(keyword="Comment", words=words),)), compression="lossy"
    )
    *parts, sentence = open_master(io.BytesIO(data)).pages[0].header.metadata.texts
    assert len(parts) == 3
    assert "".join(part.words for part in parts) == words
    assert sentence.words == SENTENCE


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_a_file_without_metadata_has_the_sentence_alone(fmt: str) -> None:
    """Where the master has no profile, no resolution and no blocks, none is invented."""
    samples = picture(30, 40)
    bare = {"profile": None, "dpi": None, "metadata": Metadata()}
    data, warnings = written(fmt, samples, **bare, **lossy(fmt))
    header = open_master(io.BytesIO(data)).pages[0].header
    assert (header.profile, header.dpi, header.metadata.iptc, header.metadata.xmp) == (None, None, None, None)
    assert SENTENCE.encode() in data
    assert warnings == ()


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_odd_lengths_shift_nothing(fmt: str) -> None:
    """Blocks of an odd number of bytes are followed by what should follow them."""
    packet = xmp.merged(XMP, replace(MARKS, sentence="odd"))[0]
    for block in (packet, packet + b"\n"):
        metadata = replace(METADATA, xmp=block, iptc=IPTC + b"\x1c\x02\x05\x00\x01x")
        data, _ = written(fmt, picture(5, 7), metadata=metadata, **lossy(fmt))
        header = open_master(io.BytesIO(data)).pages[0].header
        assert header.metadata.xmp == block
        assert header.profile == PROFILE


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
@pytest.mark.parametrize("dpi", [(1e-9, 1e-9), (1e30, 300.0), (0.0, 0.0), (float("nan"), 300.0)])
def test_a_resolution_that_cannot_be_is_left_out(fmt: str, dpi: tuple[float, float]) -> None:
    """What no scanner has is not written anywhere."""
    data, _ = written(fmt, picture(5, 7), dpi=dpi, **lossy(fmt))
    assert open_master(io.BytesIO(data)).pages[0].header.dpi is None


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
@pytest.mark.parametrize("dpi", [(72.0, 72.0), (96.0, 1200.0), (4800.0, 4800.0), (1.5, 25.4)])
def test_resolutions_come_back(fmt: str, dpi: tuple[float, float]) -> None:
    """Coarse, fine and unequal resolutions are right to what the format can say."""
    data, _ = written(fmt, picture(5, 7), dpi=dpi, **lossy(fmt))
    found = open_master(io.BytesIO(data)).pages[0].header.dpi
    assert found == pytest.approx(dpi, abs=0.51 if fmt == "jpeg" else 0.02)


@pytest.mark.parametrize("fmt", ["jpeg", "png", "jp2", "webp"])
def test_formats_of_one_page_refuse_a_second(fmt: str) -> None:
    """Only TIFF holds several pages."""
    samples = picture(5, 7)
    writer = writer_of(next(known for known in FORMATS if known.name == fmt))
    pages = [(dressing(samples, **lossy(fmt)), strips(samples)) for _ in range(2)]
    with pytest.raises(UnsupportedPicture, match="one page"):
        writer.write(io.BytesIO(), iter(pages))


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
def test_all_pages_are_taken_to_their_end(fmt: str) -> None:
    """The pages' own work behind the last strip and the last page is done: figures are taken there."""
    samples = picture(50, 7)
    done: list[str] = []

    def rows() -> Any:
        yield from strips(samples, [30])
        done.append("strips")

    def pages() -> Any:
        yield dressing(samples, **lossy(fmt)), rows()
        done.append("pages")

    writer_of(next(known for known in FORMATS if known.name == fmt)).write(io.BytesIO(), pages())
    assert done == ["strips", "pages"]


@pytest.mark.parametrize("fmt", FORMATS_WRITTEN)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(picture(49, 7), id="a row too few"),
        pytest.param(picture(51, 7), id="a row too many"),
        pytest.param(picture(50, 8), id="another width"),
        pytest.param(picture(50, 7, depth=16), id="another depth"),
        pytest.param(picture(50, 7, alpha=True), id="another number of channels"),
    ],
)
def test_strips_that_do_not_make_the_page_are_refused(fmt: str, wrong: Samples) -> None:
    """Rows are never invented or left out."""
    page = dressing(picture(50, 7), **lossy(fmt))
    writer = writer_of(next(known for known in FORMATS if known.name == fmt))
    with pytest.raises(ValueError, match=r"rows came|a strip of"):
        writer.write(io.BytesIO(), iter([(page, strips(wrong, [20]))]))


@pytest.mark.parametrize(("fmt", "side"), [("jpeg", 65_500), ("png", 1_000_000), ("webp", 16_383)])
def test_sides_beyond_the_format_are_refused_before_any_work(fmt: str, side: int) -> None:
    """The refusal names the limit and what was seen; no strip is asked for."""

    def never() -> Any:
        raise AssertionError("a strip was asked for")
        yield

    page = replace(dressing(picture(1, 1), **lossy(fmt)), width=side + 1)
    writer = writer_of(next(known for known in FORMATS if known.name == fmt))
    with pytest.raises(UnsupportedPicture, match=f"{side:,}") as refused:
        writer.write(io.BytesIO(), iter([(page, never())]))
    assert refused.value.extra == {"limit": side, "seen": side + 1}


def test_iptc_is_wrapped_as_programs_expect_it() -> None:
    """JPEG's APP13 holds image resources that Pillow finds."""
    data, _ = written("jpeg", picture(5, 7), compression="lossy")
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["photoshop"][0x0404] == IPTC
    assert iptc.records(iptc.to_photoshop(IPTC)) == (IPTC, False)
