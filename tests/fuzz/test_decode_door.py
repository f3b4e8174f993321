"""The decode door: whatever file comes, a worker gets a derivative or a documented refusal, and works on.

`make fuzz` sends 10,000 mutants of every kind of master through preflight, reader, renderer and writer, in the sandbox
as a worker has it; `make test` sends 200. A failure names the mutant: `tests.fuzz.mutants.mutant(seed, number)`.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from models.windows import Windows
from shared.errors import PictureError
from shared.recipes import resolve
from shared.settings import load
from tests.chaos.faults.poison import CODES
from tests.fuzz.budget import FILES, SEED
from tests.fuzz.mutants import masters, mutants
from worker.orders import Limits, Order
from worker.sandbox import Sandbox

#: A small server: what a mutant claims costs little time to refuse, or to color.
SETTINGS = load({}, max_megapixels=20, max_whole_megapixels=10, sandbox_megabytes=1024)

RECIPES = ({}, {"pages": "all"}, {"format": "tiff"}, {"format": "jp2", "compression": "lossy"}, {"bit_depth": "8"})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as a worker opens it."""
    with Sandbox(SETTINGS.cache_dir, SETTINGS.sandbox_megabytes << 20) as made:
        yield made


def brown(lightness: NDArray[np.float32], where: Windows) -> NDArray[np.float32]:
    """Colors of no net, which would be most of the time."""
    return np.full((2, lightness.shape[0] // 4, lightness.shape[1] // 4), 20, np.float32)


def ending(sandbox: Sandbox, data: bytes, recipe: dict[str, str]) -> str:
    """What a file comes to: "succeeded", or the code of its failure."""
    order = Order(
        master=hashlib.sha256(data).hexdigest(),
        recipe=resolve(recipe),
        model_name="lite",
        limits=Limits.of(SETTINGS),
        net_side=224,
        previews=False,
    )
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.seek(0)
        try:
            sandbox.derive("ann", source, target, order, colorist=brown, admitted=lambda pixels: None)
        except PictureError as error:
            return error.code if error.detail else "failed without words"
        assert target.tell()
        return "succeeded"


def test_no_mutant_gets_further_than_its_child(sandbox: Sandbox) -> None:
    """Each mutant ends as a success or with a code that a picture may have, and a good picture is made after all."""
    endings: Counter[str] = Counter()
    crashed: list[str] = []
    for number, made in enumerate(mutants(SEED, FILES)):
        came_to = ending(sandbox, made.data, RECIPES[number % len(RECIPES)])
        assert came_to == "succeeded" or came_to in CODES, made.name
        endings[came_to] += 1
        if came_to == "decode_crashed":
            crashed.append(made.name)
    sys.stdout.write(f"{FILES:,} mutants by seed {SEED}: {dict(endings)}; whose child died: {crashed}\n")
    assert endings["succeeded"] > FILES // 50
    assert endings["corrupt"] + endings["truncated"] > FILES // 10
    assert ending(sandbox, dict(masters())["png-gray-16"], {}) == "succeeded"
