"""A consultation: what one net says of one master. It is asked once a page, whatever is made of its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.decoding import annealed_mean
from models.nets import Net
from models.uncertainty import Tally, Uncertainty, entropy, painted
from models.windows import Windows, decoded
from shared.recipes import Recipe
from worker.orders import Colorist
from worker.previews import jpeg, preview_size

Array = NDArray[np.float32]

#: Answers that are kept for the next derivative, bytes: those of some 600 pages at 8 temperatures, 3,000 at one.
_KEPT_BYTES = 128 << 20


class Consultation:
    """Gives the colorists of one master's derivatives. They take turns: one thread at a time."""

    def __init__(self, net: Net, recipes: Sequence[Recipe]) -> None:
        """Asks nothing yet; `recipes` are those of the derivatives that are to be made."""
        self._net = net
        self._temperatures = [recipe.temperature for recipe in recipes]
        self._kept: dict[bytes, Array] = {}
        self._room = _KEPT_BYTES
        self._heard: set[bytes] = set()
        self._tally = Tally()
        self._first: Array | None = None

    def colorist(self, recipe: Recipe) -> Colorist:
        """Returns the colorist that the net is under one of the recipes."""
        return partial(self._ab, self._temperatures.index(recipe.temperature))

    def uncertainty(self) -> Uncertainty | None:
        """Returns how unsure the net was over the pages it was asked about, each page once; None before the first."""
        return self._tally.figures()

    def map(self, width: int, height: int) -> bytes | None:
        """Returns a JPEG of where the net is unsure of the first page, as large as the preview of a picture."""
        if self._first is None:
            return None
        return jpeg(painted(self._first, preview_size(width, height)))

    def _ab(self, number: int, lightness: Array, where: Windows) -> Array:
        key = hashlib.blake2b(lightness.tobytes(), person=f"{where.count} {where.wide}".encode()).digest()
        answer = self._kept.get(key)
        if answer is None:
            answer = decoded(self._net, lightness, where, self._decode)
            self._hear(key, answer)
        return answer[2 * number : 2 * number + 2]

    def _decode(self, logits: Array) -> Array:
        """Returns a and b at each temperature, then the uncertainty: float32[2 n + 1, h, w]."""
        return np.concatenate([*(annealed_mean(logits, each)[0] for each in self._temperatures), entropy(logits)])

    def _hear(self, key: bytes, answer: Array) -> None:
        if key not in self._heard:
            self._heard.add(key)
            self._tally.add(answer[-1])
            if self._first is None:
                self._first = answer[-1]
        # What comes after the room is full is asked again for each derivative. To drop the oldest instead would drop
        # each page before its turn comes again.
        if answer.nbytes <= self._room:
            self._room -= answer.nbytes
            self._kept[key] = answer
