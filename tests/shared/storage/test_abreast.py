"""Operations abreast, over storage that is near or far."""

from __future__ import annotations

import pytest

from shared.storage.abreast import abreast
from shared.storage.memory import MemoryStore


@pytest.mark.parametrize("breadth", [1, 3])
def test_each_is_told_after_it_was_done(breadth: int) -> None:
    """Results come in the order of the things; `alive` is called once for each that did not fail."""
    store, heard = MemoryStore(), []
    store.breadth = breadth
    assert abreast(store, lambda n: 60 // n, [3, 1, 2], alive=lambda: heard.append(True)) == [20, 60, 30]
    assert len(heard) == 3
    with pytest.raises(ZeroDivisionError):
        abreast(store, lambda n: 60 // n, [0], alive=lambda: heard.append(True))
    assert len(heard) == 3
