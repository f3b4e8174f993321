"""Evaluation: how near a picture's colors come to those of the photo that it was made from.

A photo is made gray and colored again; what is measured is the picture that a user would get. A plausible color that is
not the true one counts as an error, so that the figures say how a net compares with another, and with no color at all,
more than how a picture looks.

- ab RMSE: root of the mean squared error of a and b, over both, all pixels, all photos.
- AuC: area under the curve of the share of pixels whose ab is within a distance of the true one, for distances of 0 to
  150, in percent (Zhang et al., ECCV 2016, section 3.1). That area is 1 - mean(min(distance, 150)) / 150.
- rebalanced AuC: the same with each pixel weighted by 1 / p of its true bin, p being the share of that bin in the
  photos, smoothed by a Gaussian of sigma 5 (section 2.2, lambda = 0).
- PSNR: of sRGB samples, in dB, mean over photos.
- colorfulness: Hasler & Suesstrunk, "Measuring colourfulness in natural images", 2003, their M3, mean over photos.
- near gray: percent of pictures whose mean chroma is below a threshold.

Each photo counts the same, whatever its size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.bins import COUNT, STEP, centers, smoothing
from models.lab import XYZ_OF_RGB, encoded, lab_of, linear
from models.spaces import Samples

Array = NDArray[np.float64]

#: The figures, in the order of a table.
FIGURES = ("ab_rmse", "auc", "auc_rebalanced", "psnr", "colorfulness", "near_gray")

#: Largest distance in ab of the AuC.
_FARTHEST = 150.0

#: Groups that photos are dealt to in turn, so that memory does not grow with them. Up to so many photos the standard
#: error is the plain jackknife's, beyond it that of the delete-a-group jackknife (Kott, 2001).
_GROUPS = 100

#: Times that a median is taken of.
_TIMES = 1000

#: Cells of the ab plane on each side of 0.
_REACH = 13


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure over all photos."""

    #: the figure; infinite for a PSNR without an error
    value: float
    #: its standard error over photos; None for fewer than two
    error: float | None


class Truth:
    """A color photo, and what a picture made from it is held against."""

    def __init__(self, photo: Samples) -> None:
        """Takes sRGB samples, uint8[h, w, 3]."""
        self.photo = photo
        self.ab = lab_of(photo)[1]
        #: of each pixel's true color, int64[h * w]
        self.bins = bins_of(self.ab).ravel()
        #: share of each bin, float64[313]
        self.shares = np.bincount(self.bins, minlength=COUNT) / self.bins.size


class Tally:
    """The sums that one way to color leaves, photo by photo."""

    def __init__(self, *, near_gray: float) -> None:
        """Takes the mean chroma below which a picture counts as near gray."""
        self._near_gray = near_gray
        self._count = 0
        # A group's photos, its sums of five figures a photo, of the bins' shares, and of their pixels' distances.
        self._means = np.zeros((_GROUPS, 5))
        self._shares = np.zeros((_GROUPS, COUNT))
        self._distances = np.zeros((_GROUPS, COUNT))
        self._seconds: deque[float] = deque(maxlen=_TIMES)

    def add(self, truth: Truth, picture: Samples, seconds: float | None = None) -> None:
        """Adds the picture, sRGB uint8[h, w, 3], that was made of a photo, and how long the net took."""
        ab = lab_of(picture)[1]
        distance = np.hypot(*(ab - truth.ab)).astype(np.float64).ravel()
        group = self._count % _GROUPS
        self._means[group] += (
            1,
            np.square(distance).mean() / 2,
            psnr(picture, truth.photo),
            colorfulness(picture),
            np.hypot(*ab).mean() < self._near_gray,
        )
        self._shares[group] += truth.shares
        near = np.minimum(distance, _FARTHEST)
        self._distances[group] += np.bincount(truth.bins, near, minlength=COUNT) / near.size
        self._count += 1
        if seconds is not None:
            self._seconds.append(seconds)

    def figures(self) -> dict[str, Figure]:
        """Returns each of FIGURES; raises ValueError before a photo was added."""
        return _with_errors(self._of(self._all()), self._without_each())

    def beside(self, other: Tally) -> dict[str, Figure]:
        """Returns each of FIGURES less that of another tally of the same photos, with the difference's own error."""
        values = self._of(self._all()) - other._of(other._all())
        return _with_errors(values, self._without_each() - other._without_each())

    def milliseconds(self) -> float | None:
        """Returns the median time of the net, or None where none was taken."""
        return float(np.median(self._seconds)) * 1000 if self._seconds else None

    def _all(self) -> NDArray[np.bool_]:
        if not self._count:
            raise ValueError("nothing was added")
        return self._means[:, 0] > 0

    def _without_each(self) -> Array:
        """Returns the figures of all groups but one, for each one, float64[groups, 6]."""
        groups = self._all()
        chosen = [groups & (np.arange(_GROUPS) != number) for number in np.flatnonzero(groups)]
        return np.array([self._of(part) for part in chosen if part.any()])

    def _of(self, groups: NDArray[np.bool_]) -> Array:
        """Returns the figures of some groups, float64[6]."""
        photos, squares, ratios, colors, grays = self._means[groups].sum(axis=0)
        shares, distances = self._shares[groups].sum(axis=0), self._distances[groups].sum(axis=0)
        weights = np.divide(1.0, smoothing() @ shares, where=shares > 0, out=np.zeros(COUNT))
        return np.array(
            [
                np.sqrt(squares / photos),
                100 * (1 - distances.sum() / photos / _FARTHEST),
                100 * (1 - weights @ distances / (weights @ shares) / _FARTHEST),
                ratios / photos,
                colors / photos,
                100 * grays / photos,
            ]
        )


def made_gray(photo: Samples) -> Samples:
    """Returns gray samples uint8[h, w] that have the lightness of an sRGB photo, uint8[h, w, 3]."""
    luminance = linear(np.arange(256) / 255)[photo] @ XYZ_OF_RGB[1]
    return np.rint(encoded(np.clip(luminance, 0, 1)) * 255).astype(np.uint8)


def bins_of(ab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns the bin of each color of ab float32[2, h, w], int64[h, w]; beyond all bins the nearest to its cell."""
    a, b = np.clip(np.rint(ab / STEP), -_REACH, _REACH).astype(np.int64) + _REACH
    found: NDArray[np.int64] = _cells()[a, b]
    return found


def psnr(picture: Samples, photo: Samples) -> float:
    """Returns the peak signal-to-noise ratio of 8-bit samples in dB; infinite where they are the same."""
    error = float(np.square(picture.astype(np.float64) - photo).mean())
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def colorfulness(picture: Samples) -> float:
    """Returns M3 of sRGB samples, uint8[h, w, 3]: 0 for gray, 15 slightly, 45 averagely, 82 highly colorful."""
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    opponents = red - green, (red + green) / 2 - blue
    spread = np.hypot(*(each.std() for each in opponents))
    return float(spread + 0.3 * np.hypot(*(each.mean() for each in opponents)))


def _with_errors(values: Array, without: Array) -> dict[str, Figure]:
    """Returns figures with the standard error that those without each group give (Efron & Stein, 1981)."""
    count = len(without)
    # An infinite ratio does not scatter.
    finite = np.nan_to_num(without, posinf=0, neginf=0)
    errors = np.sqrt((count - 1) * finite.var(axis=0)) if count > 1 else [None] * len(FIGURES)
    return {
        name: Figure(value=float(value), error=None if error is None else float(error))
        for name, value, error in zip(FIGURES, values, errors, strict=True)
    }


@cache
def _cells() -> NDArray[np.int64]:
    """Returns the bin nearest to each cell of the ab plane, int64[27, 27]."""
    steps = np.arange(-_REACH, _REACH + 1) * STEP
    a, b = np.meshgrid(steps, steps, indexing="ij")
    away = np.square(a[:, :, None] - centers()[:, 0]) + np.square(b[:, :, None] - centers()[:, 1])
    return np.asarray(away.argmin(axis=2), np.int64)
