"""What tests of nets may ask for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.answers import known_inputs
from models.eccv16.layers import INPUT_SIZE
from models.eccv16.twin import write_twin
from models.nets import LIGHTNESS_CENTER
from models.spaces import master_lightness, srgb


@pytest.fixture(scope="session")
def thin_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the shape of eccv16, with a sixteenth of its channels."""
    path = tmp_path_factory.mktemp("thin") / "thin.caffemodel"
    write_twin(path, width=16)
    return path


@pytest.fixture(scope="session")
def inputs() -> np.ndarray:
    """What nets are asked: L* minus 50 of a photo, a ramp and a disc, float32[3, 1, 224, 224]."""
    photo = cv2.imread(str(Path(__file__).parents[1] / "photos/detroit.jpg"), cv2.IMREAD_GRAYSCALE)
    assert photo is not None
    small = cv2.resize(photo, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA)
    pictures = [master_lightness(small.astype(np.uint8), srgb(8)), *known_inputs(INPUT_SIZE).values()]
    return np.stack(pictures).astype(np.float32)[:, None] - np.float32(LIGHTNESS_CENTER)
