"""Golden pictures: pixels change only together with the pipeline version."""

from __future__ import annotations

import numpy as np
import pytest

from models.nets import Net
from shared import recipes
from tests.worker import making
from tests.worker.golden import COMMAND, TOLERANCE, differences, figures, figures_of_all, masters, read
from worker.orders import Colorist, colorist_of


def test_pixels_change_only_with_the_pipeline_version() -> None:
    """Each derivative looks as it did when this pipeline version was new, with the same net."""
    known = read()
    assert (known.pipeline, known.model) == (recipes.PIPELINE_VERSION, making.LITE.digest), (
        f"golden.toml is of another pipeline version or net; after looking at the pictures, write it anew: {COMMAND}"
    )
    changed = differences(known.pictures, figures_of_all())
    assert not changed, (
        f"Pixels changed (levels of 255: {changed}), and the pipeline version did not: raise PIPELINE_VERSION in "
        f"shared/recipes.py, then {COMMAND}"
    )
    assert set(known.pictures) == set(masters()), f"golden.toml has other pictures: {COMMAND}"


@pytest.fixture(scope="module")
def today() -> dict[str, np.ndarray]:
    """The figures of the pictures as the code stands."""
    return figures_of_all()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param("models.chroma._TRUST", 120.0, id="how far color follows lightness"),
        pytest.param("models.chroma._PROJECTIONS", 1, id="how often means are restored"),
        pytest.param("models.nets.LIGHTNESS_CENTER", 50.5, id="what the net takes as zero"),
    ],
)
def test_a_change_of_pixels_is_seen(
    place: str, value: object, today: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small change of a single constant moves a figure by more than the tolerance."""
    monkeypatch.setattr(place, value)
    assert differences(today, figures_of_all())


def test_another_default_is_seen(today: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """A temperature of 0.39 changes every picture whose recipe leaves it out, and no other."""
    monkeypatch.setitem(recipes._NUMBERS, "temperature", (0.39, 0.05, 1.0))
    assert set(differences(today, figures_of_all())) == {
        name for name, (_, recipe) in masters().items() if "temperature" not in recipe
    }


def test_rounding_is_not_seen(today: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """What another engine or processor may differ by in ab, 0.001, leaves every figure within the tolerance."""
    dice = np.random.default_rng(1)

    def shaken(net: Net, recipe: recipes.Recipe) -> Colorist:
        colorist = colorist_of(net, recipe)
        return lambda lightness, where: _shaken(colorist(lightness, where), dice)

    monkeypatch.setattr(making, "colorist_of", shaken)
    assert not differences(today, figures_of_all())


def test_a_new_picture_is_a_difference() -> None:
    """A picture that golden.toml lacks does not pass as equal."""
    flat = figures(np.full((16, 16, 3), 7, np.uint8))
    assert differences({}, {"new": flat}) == {"new": np.inf}
    assert differences({"new": flat + TOLERANCE / 2}, {"new": flat}) == {}


def test_figures_do_not_depend_on_depth() -> None:
    """A level of 8 bits is 257 of 16."""
    samples = np.arange(16 * 16 * 3, dtype=np.uint16).reshape(16, 16, 3) % 256
    assert np.allclose(figures(samples.astype(np.uint8)), figures(samples * np.uint16(257)))


def _shaken(ab: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    return ab + dice.uniform(-1e-3, 1e-3, ab.shape).astype(np.float32)
