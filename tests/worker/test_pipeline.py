"""From a master's bytes to a derivative's: every kind of master, what is kept and what is told."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from models.lab import XYZ_OF_RGB, lightness, linear
from models.uncertainty import Uncertainty
from models.windows import Windows, cells
from shared.errors import AlreadyColor, Corrupt, NotAPicture, PictureError, TooManyPixels, Truncated
from shared.recipes import resolve
from tests import masters_other, masters_tiff
from tests.fixtures import Fixture
from tests.house import lite, picture
from worker.orders import Colorist, Derivative, Limits, Order
from worker.pictures import Kind
from worker.pipeline import derive
from worker.profiles import handle
from worker.provenance import StoredFile, sidecar
from worker.readers import open_master

LIMITS = Limits(max_pixels=10_000_000, max_whole_pixels=10_000_000, max_pages=10, max_metadata_bytes=1 << 20)

ROOT = Path(__file__).parents[2]

#: Warnings that docs/api.md explains, and those for which the page has words.
DOCUMENTED = {
    code
    for row in re.findall(
        r"^\| (`[a-z_`, ]+`) \|",
        (ROOT / "docs/api.md").read_text().partition("| warning |")[2].partition("\n\n")[0],
        re.MULTILINE,
    )
    for code in re.findall(r"[a-z_]+", row)
}
WORDED = set(
    re.findall(r"^  ([a-z_]+):", (ROOT / "api/pages/codes.js").read_text().partition("WARNINGS")[2], re.MULTILINE)
)

#: The most that L* may move, by depth; at 8 bits in spaces whose darkest steps are larger, one such step.
BARS = {8: 0.6, 16: 0.05}


def net(lightness_: np.ndarray, where: Windows) -> np.ndarray:
    """The net that ships."""
    return cells(lite(), lightness_, where, 0.38)


def palette(lightness_: np.ndarray, where: Windows) -> np.ndarray:
    """Takes the net's place where it is only the file that matters: vivid colors that change from cell to cell."""
    height, width = (side // 4 for side in lightness_.shape)
    y, x = np.mgrid[0:height, 0:width] / 9
    return np.stack([60 * np.sin(x + y), 70 * np.cos(x - y)]).astype(np.float32)


def make(
    data: bytes, *, previews: bool = True, limits: Limits = LIMITS, colorist: Colorist = net, **recipe: Any
) -> tuple[Derivative, bytes]:
    """Makes a derivative of bytes, in place."""
    resolved = resolve(recipe)
    order = Order(
        master=hashlib.sha256(data).hexdigest(),
        recipe=resolved,
        model_name="lite",
        limits=limits,
        net_side=224,
        previews=previews,
    )
    admitted: list[int] = []
    with tempfile.TemporaryFile() as target:
        made = derive(
            io.BytesIO(data),
            target,
            order,
            colorist=colorist,
            admit=admitted.append,
        )
        target.seek(0)
        file = target.read()
    assert len(admitted) == 1
    assert admitted[0] >= made.width * made.height
    return made, file


@cache
def fixtures() -> Mapping[str, Fixture]:
    """Every fixture of every format."""
    return {**masters_tiff.masters(), **masters_other.masters()}


def test_every_warning_has_words() -> None:
    """The page has words for each warning that the API documents, and for no other."""
    assert len(DOCUMENTED) > 10
    assert DOCUMENTED == WORDED


def test_there_are_enough_fixtures() -> None:
    """The matrix has at least 60 kinds of master."""
    assert len(fixtures()) >= 60


@pytest.mark.parametrize("name", fixtures())
def test_each_kind_of_master_is_colored(name: str) -> None:
    """The derivative is the master plus color: format, size, depth, resolution, alpha and lightness are kept."""
    fixture = fixtures()[name]
    made, file = make(fixture.data, colorist=palette)
    page = open_master(io.BytesIO(file)).pages[0]
    master = open_master(io.BytesIO(fixture.data))
    header = master.pages[0].header
    assert made.format.name == ("png" if master.format.name == "bmp" else master.format.name)
    assert (page.header.width, page.header.height) == (header.width, header.height)
    assert page.header.kind is Kind.RGB
    assert page.header.depth == (8 if made.format.name in ("jpeg", "webp") else header.depth)
    if header.dpi:
        assert page.header.dpi == pytest.approx(header.dpi, rel=0.01)
    assert page.header.alpha == (header.alpha and made.format.name != "jpeg")
    assert made.delta_l.maximum <= max(BARS[page.header.depth], _step(fixture, page.header.depth))
    assert (made.encoded_delta_l is None) == (page.header.compression != "lossy")
    assert set(made.warnings) <= DOCUMENTED
    for small in (made.preview, made.master_preview):
        assert small is not None
        with Image.open(io.BytesIO(small)) as shown:
            shown.load()
    for mark in (b"compositeWithTrainedAlgorithmicMedia", b"DerivedFrom"):
        assert mark in file


@pytest.mark.parametrize("name", fixtures())
def test_without_color_the_master_comes_back(name: str) -> None:
    """At chroma gain 0 a lossless derivative of a gray master equals it, sample for sample; a tint is gone."""
    fixture = fixtures()[name]
    made, file = make(fixture.data, previews=False, colorist=palette, chroma_gain=0)
    assert "low_color" in made.warnings
    page = open_master(io.BytesIO(file)).pages[0]
    if page.header.compression == "lossy":
        return
    samples = np.concatenate(list(page.strips()))
    if fixture.alpha:
        assert np.array_equal(samples[:, :, 3], fixture.samples[:, :, -1])
    if fixture.kind is Kind.GRAY and "profile_replaced" not in made.warnings:
        gray = fixture.samples[:, :, 0] if fixture.alpha else fixture.samples
        tolerance = fixture.tolerance or 0
        for channel in range(3):
            assert np.abs(samples[:, :, channel].astype(int) - gray).max() <= tolerance
    else:
        tint = samples[:, :, :3].astype(int)
        assert np.ptp(tint, axis=2).max() <= (2 if page.header.depth == 8 else 64)


def _step(fixture: Fixture, depth: int) -> float:
    """Returns the largest half step of L* between neighboring samples of the derivative's space."""
    header = open_master(io.BytesIO(fixture.data)).pages[0].header
    steps = np.diff(handle(header, depth=depth).target.lightness.astype(np.float64))
    return float(steps.max()) / 2 + 0.01


def _gray(width: int = 90, height: int = 60) -> np.ndarray:
    with Image.open(io.BytesIO(picture(width, height))) as image:
        return np.asarray(image)


def _tiff(samples: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, samples, metadata=None, **options)
    return out.getvalue()


def _saved(image: Image.Image, fmt: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


@pytest.mark.parametrize("fmt", ["tiff", "jpeg", "png", "jp2", "webp"])
@pytest.mark.parametrize("depth", [8, 16])
def test_any_format_can_be_asked_for(fmt: str, depth: int) -> None:
    """A master becomes a file of the recipe's format; 16 bits stay 16 where it has them, and else it is told."""
    samples = _gray() if depth == 8 else _gray().astype(np.uint16) * 257
    made, file = make(_tiff(samples, resolution=(400, 400), resolutionunit=2), format=fmt)
    assert made.format.name == fmt
    page = open_master(io.BytesIO(file)).pages[0]
    holds = depth if fmt in ("tiff", "png", "jp2") else 8
    assert (page.header.depth, page.header.width, page.header.height) == (holds, 90, 60)
    assert page.header.dpi == pytest.approx((400, 400), rel=0.01)
    assert ("depth_reduced" in made.warnings) == (holds < depth)


def test_the_lossy_file_is_measured_once_more() -> None:
    """What JPEG itself does to lightness stands beside what the render did, and is the truth of the file."""
    data = picture(200, 150, fmt="JPEG")
    made, file = make(data)
    assert made.encoded_delta_l is not None
    assert made.encoded_delta_l.maximum > made.delta_l.maximum
    with Image.open(io.BytesIO(data)) as master, Image.open(io.BytesIO(file)) as color:
        light = lightness(linear(np.asarray(color) / 255) @ XYZ_OF_RGB[1])
        moved = np.abs(light - lightness(linear(np.asarray(master) / 255)))
    assert made.encoded_delta_l.maximum == pytest.approx(moved.max(), abs=0.35)
    assert made.encoded_delta_l.mean == pytest.approx(moved.mean(), abs=0.05)


def test_a_lossless_file_is_not_measured_twice() -> None:
    """PNG holds the rendered samples themselves."""
    assert make(picture(50, 40))[0].encoded_delta_l is None


def test_every_page_of_several_can_be_colored() -> None:
    """By recipe all pages go into the derivative, each with its own size and color; else the first, with a warning."""
    out = io.BytesIO()
    sizes = [(60, 90), (40, 50), (70, 30)]
    with tifffile.TiffWriter(out) as writer:
        for height, width in sizes:
            writer.write(_gray(width, height), metadata=None)
    made, file = make(out.getvalue())
    assert "multi_page" in made.warnings
    assert len(open_master(io.BytesIO(file)).pages) == made.pages == 1
    made, file = make(out.getvalue(), pages="all")
    assert "multi_page" not in made.warnings
    pages = open_master(io.BytesIO(file)).pages
    assert made.pages == 3
    assert [(page.header.height, page.header.width) for page in pages] == sizes
    for page in pages:
        samples = np.concatenate(list(page.strips())).astype(int)
        assert np.ptp(samples, axis=2).max() > 5


def test_a_master_in_color_is_told_of_and_can_be_skipped() -> None:
    """A color photo is recolored with a warning, or refused where the recipe says so; a sepia one is neither."""
    import skimage.data  # noqa: PLC0415

    scene = Image.fromarray(skimage.data.astronaut()).resize((256, 256))
    color = _saved(scene, "PNG")
    made, _ = make(color)
    assert made.tone == "color"
    assert "already_color" in made.warnings
    with pytest.raises(AlreadyColor):
        make(color, colored="skip")
    gray = np.asarray(scene.convert("L")).astype(float)
    sepia = np.stack([gray, gray * 0.85, gray * 0.66], axis=-1).astype(np.uint8)
    made, _ = make(_saved(Image.fromarray(sepia), "PNG"), colored="skip")
    assert made.tone == "toned"
    assert "already_color" not in made.warnings
    assert make(_saved(scene.convert("L"), "PNG"))[0].tone == "gray"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_orientation_is_applied_once(fmt: str, orientation: int) -> None:
    """The derivative is upright and says so; Pillow's own transposition is the judge."""
    from PIL import ImageOps  # noqa: PLC0415

    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if fmt == "WEBP" else {"quality": 100} if fmt == "JPEG" else {}
    data = _saved(Image.fromarray(_gray()), fmt, exif=exif, dpi=(300, 600), **options)
    made, file = make(data, previews=False, chroma_gain=0)
    with Image.open(io.BytesIO(data)) as master, Image.open(io.BytesIO(file)) as color:
        upright = np.asarray(ImageOps.exif_transpose(master).convert("L")).astype(int)
        seen = np.asarray(color)[:, :, 1].astype(int)
        assert np.abs(seen - upright).max() <= (6 if fmt == "JPEG" else 1)
        assert color.getexif().get(0x0112, 1) == 1
    assert (made.height, made.width) == upright.shape
    if fmt != "WEBP":
        dpi = open_master(io.BytesIO(file)).pages[0].header.dpi
        assert dpi == pytest.approx((600, 300) if orientation > 4 else (300, 600), rel=0.01)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF"])
def test_every_derivative_says_what_it_is(fmt: str) -> None:
    """The XMP packet names kind, net, recipe and master; a sentence tells a person."""
    data = picture(90, 60, fmt=fmt)
    _, file = make(data)
    master = hashlib.sha256(data).hexdigest().encode()
    for mark in (
        b"compositeWithTrainedAlgorithmicMedia",
        b"DerivedFrom",
        master,
        resolve({}).digest.encode(),
        b"a guess",
    ):
        assert mark in file, mark


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF", "WEBP", "JPEG2000"])
def test_the_same_inputs_give_the_same_bytes(fmt: str) -> None:
    """Derivative and sidecar hold no time, host or chance."""
    data = _saved(Image.fromarray(_gray()).convert("RGB"), fmt)
    (first, file), (second, again) = make(data), make(data)
    assert file == again
    stored = StoredFile(sha256=hashlib.sha256(file).hexdigest(), size=len(file))
    facts = {"engine": "cv2", "master": hashlib.sha256(data).hexdigest(), "recipe": resolve({}), "model": "lite"}
    facts["uncertainty"] = Uncertainty(mean=0.5, p95=0.75)
    assert sidecar(first, stored, **facts) == sidecar(second, stored, **facts)


def test_a_derivative_crosses_the_wire() -> None:
    """What is known of a derivative comes back from JSON as it was; previews travel beside it."""
    made, _ = make(picture(90, 60, fmt="JPEG"))
    again = Derivative.from_json(made.to_json(), master_preview=made.master_preview, preview=made.preview)
    assert again == made


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", NotAPicture, id="empty"),
        pytest.param(b"hello there, this is text", NotAPicture, id="text"),
        pytest.param(picture(90, 60, fmt="JPEG")[:400], Truncated, id="cut JPEG"),
        pytest.param(picture(90, 60)[:300], Truncated, id="cut PNG"),
        pytest.param(_tiff(_gray())[:1500], Truncated, id="cut TIFF"),
        pytest.param(b"II*\0" + b"\t" * 200, Truncated, id="TIFF that points beyond its end"),
        pytest.param(picture(90, 60).replace(b"IDAT", b"IDAX", 1), Corrupt, id="PNG with a wrong chunk"),
        pytest.param(picture(4000, 2600), TooManyPixels, id="too many pixels"),
    ],
)
def test_what_cannot_be_colored_says_why(data: bytes, error: type[PictureError]) -> None:
    """Each refusal has its own error with words for a person."""
    with pytest.raises(error) as caught:
        make(data)
    # A word, not only the key that some table lacked, ends the sentence.
    assert re.search(r"[A-Za-z]{4}[^:]*$", caught.value.detail), caught.value.detail


def test_a_large_tiff_is_read_twice_and_colored_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is not kept between the passes gives the derivative of one that is."""
    data = _tiff(_gray(300, 500), rowsperstrip=16, compression="zlib")
    _, kept = make(data)
    monkeypatch.setattr("worker.kept._KEPT_BYTES", 1000)
    _, streamed = make(data)
    assert np.array_equal(tifffile.imread(io.BytesIO(kept)), tifffile.imread(io.BytesIO(streamed)))
