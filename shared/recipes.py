"""The recipe: the parameters that decide a derivative's pixels, and the name they give it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785

from shared.errors import InvalidRecipe
from shared.registry import model_named

#: Raised by one whenever the same master and recipe would give other pixels than before.
PIPELINE_VERSION = 1

DEFAULT_MODEL = "lite"

#: Numeric fields of a recipe: default, lowest, highest.
_NUMBERS = {
    # Annealed mean: 0 is the mode, 1 the mean; 0.38 is the paper's choice (Zhang et al., ECCV 2016, section 2.3).
    "temperature": (0.38, 0.05, 1.0),
    # Factor on ab after decoding; 0 gives the master back.
    "chroma_gain": (1.0, 0.0, 2.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A resolved recipe: every default filled in, numbers rounded to 3 decimals."""

    #: digest of the model
    model: str
    #: softmax temperature of the annealed mean, 0.05..1
    temperature: float
    #: factor on ab, 0..2
    chroma_gain: float
    #: format of the derivative; "master" keeps the master's
    format: str
    #: JPEG quality, 1..100 (other formats are lossless)
    quality: int
    #: pipeline version
    pipeline: int

    def canonical(self) -> bytes:
        """Returns the recipe as RFC 8785 canonical JSON."""
        return rfc8785.dumps(asdict(self))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: it names the derivative among those of one master."""
        return hashlib.sha256(self.canonical()).hexdigest()


def resolve(request: Mapping[str, Any]) -> Recipe:
    """Fills in every default of a client's recipe.

    `request` may hold `model` (a registered name), `temperature` and `chroma_gain`. Raises InvalidRecipe for a field
    that is unknown or out of range, UnknownModel for a model that is not registered.
    """
    if unknown := sorted(set(request) - {"model", *_NUMBERS}):
        known = sorted({"model", *_NUMBERS})
        raise InvalidRecipe(f"Unknown recipe field {unknown[0]!r}. Known: {', '.join(known)}.", seen=unknown)
    name = request.get("model", DEFAULT_MODEL)
    if not isinstance(name, str):
        raise InvalidRecipe("`model` must be the name of a model.", seen=name)
    numbers = {field: _number(field, request.get(field, _NUMBERS[field][0])) for field in _NUMBERS}
    return Recipe(model=model_named(name).digest, format="master", quality=95, pipeline=PIPELINE_VERSION, **numbers)


def _number(field: str, value: object) -> float:
    _, low, high = _NUMBERS[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidRecipe(
            f"`{field}` must be a number from {low} to {high}; got {value!r}.",
            field=field,
            limit=[low, high],
            seen=value,
        )
    return round(float(value), 3)
