"""Trials: what is measured is what a user would get."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.files import WEIGHTS
from models.nets import load_net
from models.spaces import Samples
from models.tones import Tone
from shared.errors import NotAPicture, TooManyPixels, Truncated
from shared.recipes import resolve
from tests.makers import saved
from tests.worker.making import LIMITS, LITE, derive
from worker.deriving import InPlace
from worker.orders import Limits
from worker.trials import SIDE, colored, read_photo


def photo(width: int = 300, height: int = 200) -> Image.Image:
    """A color photo."""
    return Image.fromarray(skimage.data.astronaut()).resize((width, height), Image.Resampling.BICUBIC)


def written(folder: Path, image: Image.Image, name: str = "photo.png", **options: object) -> Path:
    """Writes a picture file."""
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return folder / name


@pytest.mark.parametrize(("width", "height"), [(300, 200), (700, 120)])
def test_a_gray_photo_is_colored_as_a_master_is(width: int, height: int) -> None:
    """Sample for sample the derivative of the same gray picture as a file, also of a panorama."""
    gray = np.asarray(photo(width, height).convert("L"))
    net = load_net(LITE, WEIGHTS, threads=1)
    recipe = {"temperature": 0.5}
    found, seconds = colored(gray, net, resolve(recipe), LIMITS)
    with Image.open(io.BytesIO(derive(InPlace(), saved(gray, "PNG"), net, recipe))) as derivative:
        assert np.array_equal(found, np.asarray(derivative))
    assert 0 < seconds < 60


def test_a_small_photo_is_read_as_it_is(tmp_path: Path) -> None:
    """Samples in sRGB are not touched."""
    image = photo()
    assert np.array_equal(_read(written(tmp_path, image)), np.asarray(image))


def test_a_large_photo_is_reduced(tmp_path: Path) -> None:
    """Its longer side becomes the limit, by the mean over each pixel's area; turned upright as its EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    found = _read(written(tmp_path, photo(3 * SIDE, 2 * SIDE), "large.jpg", quality=95, exif=exif))
    assert found.shape == (SIDE, round(SIDE * 2 / 3), 3)
    wanted = np.asarray(photo(SIDE, round(SIDE * 2 / 3)).rotate(-90, expand=True)).astype(int)
    assert np.abs(found - wanted).mean() < 3


def test_transparency_is_left_out(tmp_path: Path) -> None:
    """The colors of a photo with alpha are read as they stand."""
    image = photo()
    image.putalpha(128)
    assert np.array_equal(_read(written(tmp_path, image)), np.asarray(image)[:, :, :3])


def test_what_has_no_colors_says_its_tone(tmp_path: Path) -> None:
    """Gray in one channel or three is gray, sepia is toned."""
    gray = photo().convert("L")
    levels = np.asarray(gray).astype(float)
    sepia = np.stack([levels, levels * 0.85, levels * 0.66], axis=-1).astype(np.uint8)
    assert read_photo(written(tmp_path, gray), LIMITS) is Tone.GRAY
    assert read_photo(written(tmp_path, gray.convert("RGB")), LIMITS) is Tone.GRAY
    assert read_photo(written(tmp_path, Image.fromarray(sepia)), LIMITS) is Tone.TONED


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Text, a cut file and one above the limit are refused as masters are."""
    whole = written(tmp_path, photo())
    cut, text = tmp_path / "cut.png", tmp_path / "text.txt"
    cut.write_bytes(whole.read_bytes()[:-2000])
    text.write_text("text")
    small = Limits(max_pixels=100, max_whole_pixels=100, max_pages=1, max_metadata_bytes=1000)
    for path, limits, error in ((text, LIMITS, NotAPicture), (cut, LIMITS, Truncated), (whole, small, TooManyPixels)):
        with pytest.raises(error):
            read_photo(path, limits)


def _read(path: Path) -> Samples:
    found = read_photo(path, LIMITS)
    assert not isinstance(found, Tone)
    return found
