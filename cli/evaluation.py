"""An evaluation that goes on: its nets, the figures so far, and the photos that were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluation import Figure, Tally, Truth, made_gray
from models.nets import Net
from models.sheet import Sheet
from models.spaces import Samples
from models.tones import Tone
from shared.errors import PictureError
from shared.recipes import Recipe
from worker.orders import Limits
from worker.painting import LOW_COLOR
from worker.trials import SIDE, colored, read_photo

#: What the two ends that stand beside the models are called.
_GRAY, _TRUE = "gray", "true colors"

#: Photos left out that are named; the others are only counted.
_NAMED = 100


class Evaluation:
    """The evaluation of some nets. It does not grow with the photos."""

    def __init__(self, nets: Mapping[str, Net], recipe: Recipe, limits: Limits) -> None:
        """Takes the loaded nets by name, how they decode, and what is too large."""
        self._nets = nets
        self._recipe = recipe
        self._limits = limits
        self._gray, self._true = Tally(near_gray=LOW_COLOR), Tally(near_gray=LOW_COLOR)
        self._tallies = {name: Tally(near_gray=LOW_COLOR) for name in nets}
        self._left_out: Counter[str] = Counter()
        #: photos that were measured
        self.photos = 0
        #: path and reason of the first photos that were left out
        self.named: list[tuple[str, str]] = []
        #: a row a photo that was to be shown
        self.sheet = Sheet((_GRAY, *nets, _TRUE))

    def take(self, path: Path, *, show: bool) -> None:
        """Measures one photo, or notes why not; `show` puts it on the contact sheet."""
        try:
            photo = read_photo(path, self._limits)
            if isinstance(photo, Tone):
                self._leave_out(path, photo.value)
                return
            gray = made_gray(photo)
            made = {name: colored(gray, net, self._recipe, self._limits) for name, net in self._nets.items()}
        except PictureError as error:
            self._leave_out(path, error.code)
            return
        except OSError as error:
            self._leave_out(path, error.strerror or "file_error")
            return
        self._add(Truth(photo), gray, made)
        if show:
            self.sheet.add(path.name, [gray, *(picture for picture, _ in made.values()), photo])

    def report(self, folder: Path) -> dict[str, Any]:
        """Returns the figures as JSON has them; an infinite one is None. Raises ValueError without a photo."""
        (first, beginning), *others = self._tallies.items()
        return {
            "folder": str(folder),
            "photos": self.photos,
            "longest_side": SIDE,
            "temperature": self._recipe.temperature,
            "near_gray_chroma": LOW_COLOR,
            "rows": [
                _row(_GRAY, self._gray),
                *(_row(name, tally, self._nets[name].engine) for name, tally in self._tallies.items()),
                _row(_TRUE, self._true),
            ],
            "differences": [
                {"name": first, "less": _GRAY, **_rounded(beginning.beside(self._gray))},
                *({"name": name, "less": first, **_rounded(tally.beside(beginning))} for name, tally in others),
            ],
            "left_out": dict(self._left_out.most_common()),
            "left_out_photos": [{"path": path, "reason": reason} for path, reason in self.named],
        }

    def _add(self, truth: Truth, gray: Samples, made: Mapping[str, tuple[Samples, float]]) -> None:
        self._gray.add(truth, np.repeat(gray[:, :, None], 3, axis=2))
        for name, (picture, seconds) in made.items():
            self._tallies[name].add(truth, picture, seconds)
        self._true.add(truth, truth.photo)
        self.photos += 1

    def _leave_out(self, path: Path, reason: str) -> None:
        self._left_out[reason] += 1
        if len(self.named) < _NAMED:
            self.named.append((str(path), reason))


def _row(name: str, tally: Tally, engine: str | None = None) -> dict[str, Any]:
    took = tally.milliseconds()
    return {
        "name": name,
        "engine": engine,
        "milliseconds": None if took is None else round(took, 1),
        **_rounded(tally.figures()),
    }


def _rounded(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "value": round(figure.value, 3) if np.isfinite(figure.value) else None,
            "error": round(figure.error, 3) if figure.error is not None else None,
        }
        for name, figure in figures.items()
    }
