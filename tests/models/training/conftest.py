"""What the tests of training share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from models.training.photos import Photos, read_photos
from tests.models.training.textures import textured


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Where torch is loaded, gives it one thread: results are the same only with the same number."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """Twenty color photos of 40 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(20):
        (folder / f"{number}.png").write_bytes(textured(number))
    return read_photos(folder, side=40)
