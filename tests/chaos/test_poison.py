"""Poison does what its name says, and nothing but its own item feels it."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shared.errors import DecodeCrashed, TooExpensive
from shared.settings import load
from tests.chaos.faults.poison import CODES, GREEDY_MEGABYTES, Executioner, greedy, poisons
from tests.house import lite, picture
from tests.worker.making import derive
from worker.sandbox import Sandbox

SETTINGS = load({})

#: A picture that keeps a child at work for a second or two.
SLOW = picture(4000, 3000, mode="RGB")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with as little memory as the chaos run gives."""
    with Sandbox(SETTINGS.cache_dir, GREEDY_MEGABYTES << 20) as made:
        derive(made, picture(), lite(), {})
        yield made


@pytest.fixture
def executioner() -> Executioner:
    """An executioner of this process's sandbox."""
    return Executioner(random.Random(1), lambda: [os.getpid()])


def test_greed_is_too_expensive(sandbox: Sandbox) -> None:
    """A file of a few hundred kB within every limit of the header needs more memory than a picture gets."""
    data = greedy()
    assert len(data) < 1 << 20
    with pytest.raises(TooExpensive) as caught:
        derive(sandbox, data, lite(), {})
    assert caught.value.extra["resource"] == "memory_bytes"


def test_one_strike_harms_no_picture(sandbox: Sandbox, executioner: Executioner) -> None:
    """A child that is ended amid a picture is replaced, and the picture made; no picture is struck twice."""
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(derive, sandbox, SLOW, lite(), {})
        assert _until(made, executioner.strike) == hashlib.sha256(SLOW).hexdigest()
        while not made.done():
            assert executioner.strike() is None
        assert made.result()
    assert executioner.struck.total() == executioner.deaths.total() == 1


@pytest.mark.parametrize("death", [signal.SIGSEGV, signal.SIGABRT])
def test_the_condemned_crash(death: signal.Signals, sandbox: Sandbox, executioner: Executioner) -> None:
    """A picture whose every child is ended has crashed its decoder; the next picture is made."""
    digest = hashlib.sha256(SLOW).hexdigest()
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(derive, sandbox, SLOW, lite(), {})
        while not made.done():
            executioner.condemn(digest, death)
        with pytest.raises(DecodeCrashed):
            made.result()
    assert executioner.struck == {digest: 2}
    assert derive(sandbox, picture(seed=2), lite(), {})


def test_poisons_are_the_same_each_time() -> None:
    """A seed gives the same poisons; each names codes that a picture may end with."""
    some = [(poison.name, poison.data) for poison in poisons(3, count=20)]
    assert some == [(poison.name, poison.data) for poison in poisons(3, count=20)]
    assert len(dict(some)) == 22
    assert all(poison.codes and poison.codes <= CODES for poison in poisons(3, count=20))


def _until(made: Future[bytes], act: Callable[[], str | None]) -> str:
    while not made.done():
        if found := act():
            return found
    raise AssertionError("the picture was made before it could be struck")
