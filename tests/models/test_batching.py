"""Batching: pictures of many threads share a pass, and each thread gets the answer to its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.batching import Batched
from models.nets import color
from models.spaces import master_lightness, srgb
from shared.errors import NetFailed
from tests.house import lite


class Echo:
    """A net that gives each picture its own mean back, notes its passes, and can be held up."""

    engine = "echo"
    input_size = 8

    def __init__(self) -> None:
        self.passes: list[int] = []
        self.threads: set[str] = set()
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        self.begun.set()
        self.go.wait(10)
        self.passes.append(len(lightness))
        self.threads.add(threading.current_thread().name)
        if (lightness < 0).any():
            raise NetFailed("The net broke.")
        return np.broadcast_to(lightness.mean(axis=(1, 2, 3))[:, None, None, None], (len(lightness), 313, 2, 2))


def picture(value: float, count: int = 1) -> np.ndarray:
    """Returns pictures of one lightness."""
    return np.full((count, 1, 8, 8), value, np.float32)


def test_what_waits_shares_a_pass_and_each_gets_its_own() -> None:
    """While a pass runs, twenty pictures arrive: they are run as sixteen and four, all by one thread."""
    net = Echo()
    with Batched(lambda: net, most=16, wait=0.2) as batched, ThreadPoolExecutor(21) as threads:
        net.go.clear()
        first = threads.submit(batched.logits, picture(99, 16))
        assert net.begun.wait(10)
        rest = [threads.submit(batched.logits, picture(number)) for number in range(20)]
        while len(batched._waiting) < 20:
            pass
        net.go.set()
        assert first.result().shape == (16, 313, 2, 2)
        assert [float(answer.result()[0, 0, 0, 0]) for answer in rest] == list(range(20))
    assert net.passes == [16, 16, 4]
    assert net.threads == {"net"}


def test_a_lone_picture_does_not_wait_for_others_for_ever() -> None:
    """A picture that nobody joins is run after the wait."""
    net = Echo()
    with Batched(lambda: net, wait=0.01) as batched:
        assert batched.logits(picture(3)).mean() == 3
    assert net.passes == [1]


def test_a_request_larger_than_a_pass_is_run_whole() -> None:
    """A panorama's many windows at once are one pass."""
    net = Echo()
    with Batched(lambda: net, most=4, wait=0) as batched:
        assert len(batched.logits(picture(3, 9))) == 9
    assert net.passes == [9]


def test_a_failure_is_its_own_request_s() -> None:
    """A pass that fails is run again one by one: the good pictures get their answers, the bad one its error."""
    net = Echo()
    with Batched(lambda: net, wait=0.2, most=3) as batched, ThreadPoolExecutor(3) as threads:
        good, bad, other = [threads.submit(batched.logits, picture(value)) for value in (1, -1, 2)]
        assert good.result().mean() == 1
        assert other.result().mean() == 2
        with pytest.raises(NetFailed, match="broke"):
            bad.result()
    assert net.passes == [3, 1, 1, 1]


def test_a_net_that_cannot_be_loaded_says_so_at_once() -> None:
    """What loading raises is raised where the net is made."""

    def load() -> Echo:
        raise NetFailed("No such net.")

    with pytest.raises(NetFailed, match="No such net"):
        Batched(load)


def test_a_closed_net_answers_what_waited_and_refuses_the_rest() -> None:
    """Closing loses no request and hangs none."""
    net = Echo()
    batched = Batched(lambda: net, wait=5)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(batched.logits, picture(7))
        while not batched._waiting:
            pass
        batched.close()
        assert waiting.result().mean() == 7
    with pytest.raises(NetFailed, match="closed"):
        batched.logits(picture(1))


def test_the_shipped_net_says_the_same_in_a_batch() -> None:
    """Four threads with four pictures get what each gets alone, within float32's rounding."""
    samples = np.random.default_rng(4).integers(0, 256, (4, 224, 224), np.uint8)
    pictures = [master_lightness(sample, srgb(8)) for sample in samples]
    alone = [color(lite(), lightness, 0.38) for lightness in pictures]
    with Batched(lite, wait=0.5, most=4) as batched, ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda lightness: color(batched, lightness, 0.38), pictures))
    assert all(np.abs(one - other).max() < 1e-3 for one, other in zip(alone, together, strict=True))
    assert np.abs(alone[0] - alone[1]).max() > 0.01
