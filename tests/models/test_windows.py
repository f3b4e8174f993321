"""Windows: what the net sees of ordinary pictures and of panoramas."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from models.bins import COUNT, centers
from models.nets import color
from models.reduction import Reduction, scaled
from models.spaces import master_lightness, srgb
from models.windows import LONGEST, Windows, cells, windows
from tests.house import lite

SIDE = 224


class Teller:
    """A net that says of each cell what its own lightness is: the darker, the nearer to the first bins."""

    engine = "teller"
    input_size = SIDE

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        self.seen.append(lightness)
        means = cv2.resize(lightness[0, 0] + 50, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA)
        number = np.clip(means * (COUNT / 100), 0, COUNT - 1).astype(int)
        return np.where(np.arange(COUNT)[None, :, None, None] == number, 50, 0).astype(np.float32)


class Mood:
    """A net whose colors depend on the window as a whole: what makes seams."""

    engine = "mood"
    input_size = SIDE

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        number = int(np.clip((lightness.mean() + 50) * (COUNT / 100), 0, COUNT - 1))
        out = np.zeros((1, COUNT, SIDE // 4, SIDE // 4), np.float32)
        out[:, number] = 50
        return out


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_windows_fit_any_shape(width: int, height: int) -> None:
    """Up to twice as long as wide there is one window; the net is asked 60 times at most; the long side is found."""
    where = windows(width, height)
    ratio = max(width, height) / min(width, height)
    assert (where.count == 1) == (ratio <= LONGEST)
    assert 1 <= where.count <= 60
    across, along = sorted(where.size(SIDE))
    assert across == SIDE
    assert along == SIDE * (where.count + 1) // 2
    if where.count > 1:
        assert where.wide == (width > height)
        # Nothing is squeezed by more than a picture of one window may be.
        assert ratio > 40 or 1 <= ratio * SIDE / along <= LONGEST


def test_both_directions_are_the_same() -> None:
    """A tall panorama is cut as the wide one is."""
    assert windows(1000, 5000).count == windows(5000, 1000).count
    assert windows(5000, 1000).size(SIDE) == windows(1000, 5000).size(SIDE)[::-1]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_cell_lies_where_it_belongs(count: int, wide: bool) -> None:
    """Where the net's answer depends on the place only, windows give what one large window would."""
    where = Windows(count=count, wide=wide)
    width, height = where.size(SIDE)
    ramp = np.linspace(1, 99, max(width, height), dtype=np.float32)
    lightness = np.ascontiguousarray(np.broadcast_to(ramp if wide else ramp[:, None], (height, width)))
    net = Teller()
    ab = cells(net, lightness, where, 0.38)
    assert ab.shape == (2, height // 4, width // 4)
    assert [seen.shape for seen in net.seen] == [(1, 1, SIDE, SIDE)] * count
    means = cv2.resize(lightness, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    wanted = centers()[np.clip(means * (COUNT / 100), 0, COUNT - 1).astype(int)].transpose(2, 0, 1)
    assert np.abs(ab - wanted).max() < 0.1


@pytest.mark.parametrize("wide", [True, False])
def test_no_seam_shows(wide: bool) -> None:
    """Where windows disagree, colors go over from one to the next without a step."""
    where = Windows(count=5, wide=wide)
    width, height = where.size(SIDE)
    steps = np.repeat(np.array([20, 90, 35, 70, 5, 60], np.float32), SIDE // 2)
    lightness = np.ascontiguousarray(np.broadcast_to(steps if wide else steps[:, None], (height, width)))
    ab = cells(Mood(), lightness, where, 0.38)
    along = np.abs(np.diff(ab, axis=2 if wide else 1))
    assert np.ptp(ab[0]) + np.ptp(ab[1]) > 50
    assert along.max() < 8


def test_one_window_is_the_net_itself() -> None:
    """An ordinary picture is what the net says of it."""
    lightness = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)
    where = windows(400, 300)
    assert np.array_equal(cells(lite(), lightness, where, 0.38), color(lite(), lightness, 0.38))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_size_does_not_change_colors(name: str) -> None:
    """The net says the same of a picture of 300 pixels and of 3,000: a mean difference in ab below 2."""
    gray = cv2.cvtColor(getattr(skimage.data, name)(), cv2.COLOR_RGB2GRAY)
    found = []
    for side in (300, 3000):
        scale = side / max(gray.shape)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        sized = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=method)
        where = windows(*sized.shape[::-1])
        reduction = Reduction(*sized.shape[::-1], *np.minimum(where.size(SIDE), sized.shape[::-1]), 1)
        reduction.add(sized)
        seen = scaled(reduction.result(), where.size(SIDE))
        found.append(cells(lite(), master_lightness(seen, srgb(8)), where, 0.38))
    assert np.hypot(*found[0]).mean() > 3
    assert np.abs(found[0] - found[1]).mean() < 2
