"""The figures of an evaluation: at the two ends they are known, and between them they follow their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab

from models.bins import COUNT, centers
from models.evaluation import FIGURES, Tally, Truth, bins_of, colorfulness, made_gray, psnr
from models.lab import lab_of
from models.spaces import Samples, master_lightness, srgb
from tests.makers import scene

#: Mean chroma below which a picture counts as near gray.
NEAR_GRAY = 3.0


def photo() -> Samples:
    """A color photo, uint8[256, 256, 3]."""
    return np.ascontiguousarray(skimage.data.astronaut()[:256, :256])


def flat(*colors: tuple[int, int, int], counts: tuple[int, ...] = (1,)) -> Samples:
    """A picture of one row with so many pixels of each color."""
    return np.repeat(np.array([colors], np.uint8), counts, axis=1)


def tally(*pairs: tuple[Samples, Samples]) -> Tally:
    """The tally of photos and of what was made of each."""
    made = Tally(near_gray=NEAR_GRAY)
    for truth, picture in pairs:
        made.add(Truth(truth), picture)
    return made


def values(made: Tally) -> dict[str, float]:
    """The figures alone."""
    return {name: figure.value for name, figure in made.figures().items()}


def as_rgb(gray: Samples) -> Samples:
    """Gray samples in three channels."""
    return np.repeat(gray[:, :, None], 3, axis=2)


def test_true_colors_are_without_error() -> None:
    """The upper end: no error, all mass within no distance, as colorful as the photo."""
    found = values(tally((photo(), photo())))
    assert tuple(found) == FIGURES
    assert found == {
        "ab_rmse": 0,
        "auc": 100,
        "auc_rebalanced": 100,
        "psnr": np.inf,
        "colorfulness": colorfulness(photo()),
        "near_gray": 0,
    }


def test_gray_errs_by_the_chroma_of_the_photo() -> None:
    """The lower end: without color each pixel is off by its true chroma."""
    gray = as_rgb(made_gray(photo()))
    found = values(tally((photo(), gray)))
    chroma = np.hypot(*lab_of(photo())[1])
    assert found["ab_rmse"] == pytest.approx(np.sqrt((chroma**2).mean() / 2), rel=1e-5)
    assert found["auc"] == pytest.approx(100 * (1 - chroma.mean() / 150), rel=1e-5)
    assert found["psnr"] == pytest.approx(psnr(gray, photo()))
    assert (found["colorfulness"], found["near_gray"]) == (0, 100)


def test_auc_is_the_area_under_the_swept_curve() -> None:
    """Counted threshold by threshold, as the paper does it, the same comes out."""
    picture = np.ascontiguousarray(photo()[:, ::-1])
    apart = np.hypot(*(lab_of(picture)[1] - lab_of(photo())[1]))
    thresholds = np.linspace(0, 150, 15_001)
    within = np.searchsorted(np.sort(apart.ravel()), thresholds, side="right") / apart.size
    area = np.trapezoid(within, thresholds) / 150
    assert values(tally((photo(), picture)))["auc"] == pytest.approx(100 * area, abs=0.01)


def test_rebalancing_lets_a_rare_color_count_as_much() -> None:
    """Of 99 blue pixels and a red one, only the red one wrong, half of the rebalanced mass is off."""
    truth = flat((40, 60, 200), (200, 30, 30), counts=(99, 1))
    picture = flat((40, 60, 200), (80, 80, 80), counts=(99, 1))
    off = np.hypot(*lab_of(truth)[1][:, 0, -1]) / 150
    found = values(tally((truth, picture)))
    assert found["auc"] == pytest.approx(100 * (1 - off / 100), abs=1e-3)
    assert found["auc_rebalanced"] == pytest.approx(100 * (1 - off / 2), abs=1e-3)


def test_rarity_is_that_of_all_photos() -> None:
    """A color that fills one photo and is absent from nine others weighs as much as theirs together."""
    blue, red, gray = flat((40, 60, 200)), flat((200, 30, 30)), flat((80, 80, 80))
    off = np.hypot(*lab_of(red)[1][:, 0, 0]) / 150
    found = values(tally((red, gray), *[(blue, blue)] * 9))
    assert found["auc"] == pytest.approx(100 * (1 - off / 10), abs=1e-3)
    assert found["auc_rebalanced"] == pytest.approx(100 * (1 - off / 2), abs=1e-3)


def test_a_rare_color_borrows_from_its_neighbors() -> None:
    """The share of a bin is smoothed, so that one pixel beside many of nearly its color does not outweigh them."""
    truth = flat((150, 120, 110), (150, 116, 90), counts=(999, 1))
    assert len(np.unique(Truth(truth).bins)) == 2
    picture = flat((150, 120, 110), (120, 120, 120), counts=(999, 1))
    found = values(tally((truth, picture)))
    off = np.hypot(*lab_of(truth)[1][:, 0, -1]) / 150
    assert 100 * (1 - off / 20) < found["auc_rebalanced"] < found["auc"]


def test_colorfulness_follows_its_formula() -> None:
    """Flat red and a red and green checkerboard, worked out by hand; gray has none."""
    assert colorfulness(flat((255, 0, 0))) == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert colorfulness(flat((255, 0, 0), (0, 255, 0), counts=(1, 1))) == pytest.approx(255 + 0.3 * 127.5)
    assert colorfulness(flat((90, 90, 90), (10, 10, 10), counts=(1, 1))) == 0


def test_near_gray_is_a_matter_of_mean_chroma() -> None:
    """A picture that is gray but for a spot counts, one that is pale all over does not."""
    spot = flat((120, 120, 120), (200, 30, 30), counts=(99, 1))
    pale = flat((120, 112, 108), counts=(100,))
    assert values(tally((pale, spot), (spot, pale)))["near_gray"] == 50


def test_lab_is_that_of_others() -> None:
    """L*, a and b of a photo are those of scikit-image, whose white point is rounded to fewer digits."""
    light, ab = lab_of(photo())
    judged = rgb2lab(photo())
    assert np.abs(light - judged[:, :, 0]).max() < 0.02
    assert np.abs(np.moveaxis(ab, 0, -1) - judged[:, :, 1:]).max() < 0.1


def test_gray_has_the_lightness_of_the_photo() -> None:
    """The gray sample is the nearest there is: half a step of L* away at most."""
    gray = made_gray(photo())
    away = np.abs(master_lightness(gray, srgb(8)) - lab_of(photo())[0])
    assert away.max() <= np.diff(srgb(8).lightness.astype(float)).max() / 2 + 1e-3


@given(st.integers(0, COUNT - 1), st.floats(-4.9, 4.9), st.floats(-4.9, 4.9))
def test_a_color_is_in_the_bin_around_it(number: int, a: float, b: float) -> None:
    """Within half a step of a center the bin is that center's."""
    color = (centers()[number] + np.array([a, b], np.float32)).reshape(2, 1, 1)
    assert bins_of(color).item() == number


def test_every_color_of_srgb_has_a_bin() -> None:
    """The center of a color's bin is at most a step and a half away, also beyond the bins."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    ab = lab_of(cube)[1]
    away = ab - centers()[bins_of(ab)].transpose(2, 0, 1)
    assert np.hypot(*away).max() < 15


def test_the_error_of_a_mean_is_that_of_the_textbook() -> None:
    """For few photos: standard deviation over the root of their number."""
    pairs = [(photo(), scene(3, width=256, height=256, seed=seed)) for seed in range(7)]
    each = [psnr(picture, truth) for truth, picture in pairs]
    found = tally(*pairs).figures()["psnr"]
    assert found.value == pytest.approx(np.mean(each))
    assert found.error == pytest.approx(np.std(each, ddof=1) / np.sqrt(len(each)))
    assert tally(pairs[0]).figures()["psnr"].error is None


def test_errors_of_many_photos_stay_right() -> None:
    """Beyond a hundred photos groups stand for them: the error still falls with the root of their number."""
    dice = np.random.default_rng(3)
    pairs = [(flat((120, 120, 120)), flat(tuple(dice.integers(0, 256, 3)))) for _ in range(1000)]
    each = [colorfulness(picture) for _, picture in pairs]
    found = tally(*pairs).figures()["colorfulness"]
    assert found.value == pytest.approx(np.mean(each))
    assert found.error == pytest.approx(np.std(each) / np.sqrt(1000), rel=0.3)


def test_a_difference_has_its_own_error() -> None:
    """Two ways that differ by the same on every photo differ for certain, however much the photos do."""
    truths = [scene(3, seed=seed) for seed in range(6)]
    grays = [as_rgb(made_gray(truth)) for truth in truths]
    reds = [np.clip(gray + np.array([60, 0, 0]), 0, 255).astype(np.uint8) for gray in grays]
    gray, red = tally(*zip(truths, grays, strict=True)), tally(*zip(truths, reds, strict=True))
    found = red.beside(gray)
    assert found["near_gray"].value == -100
    assert found["near_gray"].error == 0
    for name in ("ab_rmse", "auc", "psnr"):
        assert found[name].value == pytest.approx(values(red)[name] - values(gray)[name])
    assert found["auc"].error < gray.figures()["auc"].error


def test_nothing_has_no_figures() -> None:
    """A tally without photos says so."""
    with pytest.raises(ValueError, match="nothing"):
        Tally(near_gray=NEAR_GRAY).figures()


def test_the_time_is_the_median() -> None:
    """One slow picture, the first above all, does not move it; without times there is none."""
    made = Tally(near_gray=NEAR_GRAY)
    assert made.milliseconds() is None
    for seconds in (9.0, 0.05, 0.06):
        made.add(Truth(photo()), photo(), seconds)
    assert made.milliseconds() == pytest.approx(60)
