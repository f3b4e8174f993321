"""Bombs are refused from their headers, in a child that has hardly any memory to spare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.windows import Windows
from shared.errors import PictureError
from shared.recipes import resolve
from shared.settings import load
from tests.worker.bombs import bombs
from worker.orders import Limits, Order
from worker.sandbox import Sandbox

#: What a child may take beyond its libraries, MiB: preflight and a small picture need less, a bomb far more.
MEGABYTES = 96

SETTINGS = load({})
BOMBS = bombs()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with little memory."""
    with Sandbox(SETTINGS.cache_dir, MEGABYTES << 20) as made:
        yield made


def brown(lightness: NDArray[np.float32], where: Windows) -> NDArray[np.float32]:
    """Colors of no net."""
    return np.full((2, lightness.shape[0] // 4, lightness.shape[1] // 4), 20, np.float32)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_from_its_header(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """What a bomb ends with is no lack of memory, no crash, no time-out; where it is refused no pixel is decoded."""
    bomb = BOMBS[name]
    path = tmp_path / "bomb"
    bomb.write(path)
    order = Order(
        master="0" * 64,
        recipe=resolve(dict(bomb.recipe)),
        model_name="lite",
        limits=Limits.of(SETTINGS),
        net_side=224,
        previews=False,
    )
    admitted: list[int] = []
    with path.open("rb") as source, (tmp_path / "made").open("w+b") as target:
        try:
            sandbox.derive("ann", source, target, order, colorist=brown, admitted=admitted.append)
            came_to = "succeeded"
        except PictureError as error:
            came_to = error.code
    assert came_to in bomb.ends
    assert bool(admitted) == (bomb.admitted or came_to == "succeeded")
