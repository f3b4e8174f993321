"""The recipe: the parameters that decide a derivative's pixels, and the name they give it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import rfc8785

from shared.errors import InvalidRecipe
from shared.registry import shipped

#: Raised by one whenever the same master and recipe would give other pixels than before.
PIPELINE_VERSION = 5

DEFAULT_MODEL = "lite"

#: Compressions that each format can be written with. "auto" is the master's own where it is one of these and the
#: format stays, else the first.
COMPRESSIONS: Mapping[str, tuple[str, ...]] = {
    "tiff": ("deflate", "none", "lzw", "zstd"),
    "jpeg": ("lossy",),
    "png": ("lossless",),
    "jp2": ("lossless", "lossy"),
    "webp": ("lossless", "lossy"),
}

#: Bits a sample that each format can be written with.
DEPTHS: Mapping[str, tuple[int, ...]] = {"tiff": (8, 16), "jpeg": (8,), "png": (8, 16), "jp2": (8, 16), "webp": (8,)}

FormatName = Literal["master", "tiff", "jpeg", "png", "jp2", "webp"]
Compression = Literal["auto", "deflate", "none", "lzw", "zstd", "lossy", "lossless"]
BitDepth = Literal["master", "8", "16"]
Pages = Literal["first", "all"]
Colored = Literal["recolor", "skip"]

#: The words for "as the master has it".
MASTER = "master"
AUTO = "auto"

#: Most candidates of a recipe.
MAX_CANDIDATES = 8

#: Numeric fields of a recipe: default, lowest, highest.
_NUMBERS = {
    # Annealed mean: 0 is the mode, 1 the mean; 0.38 is the paper's choice (Zhang et al., ECCV 2016, section 2.3).
    "temperature": (0.38, 0.05, 1.0),
    # Factor on ab after decoding; 0 gives the master back.
    "chroma_gain": (1.0, 0.0, 2.0),
}

#: Fields of a recipe that take one of a few words; the first is the default.
_CHOICES = {
    "format": get_args(FormatName),
    "compression": get_args(Compression),
    "bit_depth": get_args(BitDepth),
    "pages": get_args(Pages),
    "colored": get_args(Colored),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A resolved recipe: every default filled in, numbers rounded to 3 decimals.

    That of a job may have candidates; that of a derivative has none, and only it has a digest. See `each`.
    """

    #: digest of the model
    model: str
    #: softmax temperature of the annealed mean, 0.05..1; the first candidate where there are any
    temperature: float
    #: factor on ab, 0..2
    chroma_gain: float
    #: format of the derivative: tiff, jpeg, png, jp2 or webp; "master" keeps the master's
    format: str
    #: how the derivative is compressed; "auto" keeps the master's way where its format can
    compression: str
    #: 1..100, where the compression is lossy
    quality: int
    #: bits a sample of the derivative: "8", "16", or "master" for what comes nearest to the master's
    bit_depth: str
    #: which pages of a multi-page TIFF are colored: "first" or "all"
    pages: str
    #: what is done with a master that is in color already: "recolor" or "skip"
    colored: str
    #: pipeline version
    pipeline: int
    #: temperatures, 0.05..1, each another: an item has a derivative at each of them
    candidates: tuple[float, ...] = ()

    def each(self) -> tuple[Recipe, ...]:
        """Returns the recipe of each derivative of an item: one a candidate, or this one where there are none."""
        return tuple(replace(self, temperature=each, candidates=()) for each in self.candidates) or (self,)

    def to_json(self) -> dict[str, Any]:
        """Returns the recipe for storage; without candidates it is as if the field did not exist."""
        data = asdict(self)
        if not self.candidates:
            del data["candidates"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """Reads what `to_json` wrote."""
        return cls(**{**data, "candidates": tuple(data.get("candidates", ()))})

    def canonical(self) -> bytes:
        """Returns the recipe as RFC 8785 canonical JSON."""
        return rfc8785.dumps(self.to_json())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: it names the derivative among those of one master.

        Raises ValueError for a recipe with candidates.
        """
        if self.candidates:
            raise ValueError("each candidate has a recipe of its own, and only that has a digest")
        return _digest(self)


@lru_cache(maxsize=256)
def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(recipe.canonical()).hexdigest()


def resolve(request: Mapping[str, Any], digest_of: Callable[[str], str] | None = None) -> Recipe:
    """Fills in every default of a client's recipe.

    `request` may hold `model` (a name) and the other fields of `Recipe` but `pipeline`. `digest_of` turns the name into
    a digest, or raises UnknownModel or ModelMissing; without it the models that ship are known. Raises InvalidRecipe
    for a field that is unknown, out of range or at odds with another.
    """
    known: dict[str, Callable[[str, object], Any]] = {
        "model": _text,
        **dict.fromkeys(_NUMBERS, _number),
        **dict.fromkeys(_CHOICES, _choice),
        "quality": _quality,
        "candidates": _temperatures,
    }
    if unknown := sorted(set(request) - set(known)):
        raise InvalidRecipe(
            f"Unknown recipe field {unknown[0]!r}. Known: {', '.join(sorted(known))}.", seen=unknown, field=unknown[0]
        )
    defaults: dict[str, Any] = {
        "model": DEFAULT_MODEL,
        **{name: default for name, (default, _, _) in _NUMBERS.items()},
        **{name: words[0] for name, words in _CHOICES.items()},
        "quality": 95,
        "candidates": (),
    }
    values = {name: check(name, request.get(name, defaults[name])) for name, check in known.items()}
    if values["candidates"]:
        if "temperature" in request:
            raise InvalidRecipe(
                "`temperature` and `candidates` exclude each other: each candidate is a temperature of its own.",
                field="candidates",
            )
        values["temperature"] = values["candidates"][0]
    _agree(values)
    values["model"] = (digest_of or shipped().digest_of)(values["model"])
    return Recipe(pipeline=PIPELINE_VERSION, **values)


def _agree(values: Mapping[str, Any]) -> None:
    """Raises InvalidRecipe where the format that was asked for cannot be had with the options that were."""
    fmt = values["format"]
    if fmt == MASTER:
        return
    possible = [str(depth) for depth in DEPTHS[fmt]]
    if values["bit_depth"] not in (MASTER, *possible):
        raise InvalidRecipe(
            f"`bit_depth` {values['bit_depth']} does not exist in {fmt}; {' or '.join(possible)} does.",
            field="bit_depth",
            limit=possible,
            seen=values["bit_depth"],
        )
    if values["compression"] not in (AUTO, *COMPRESSIONS[fmt]):
        raise InvalidRecipe(
            f"`compression` {values['compression']!r} does not exist in {fmt}; {', '.join(COMPRESSIONS[fmt])} does.",
            field="compression",
            limit=list(COMPRESSIONS[fmt]),
            seen=values["compression"],
        )
    if values["pages"] == "all" and fmt != "tiff":
        raise InvalidRecipe('`pages` "all" needs `format` tiff or master: no other holds pages.', field="pages")


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRecipe(f"`{field}` must be the name of a model.", field=field, seen=value)
    return value


def _choice(field: str, value: object) -> str:
    words = _CHOICES[field]
    # A depth may be written as a number.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text not in words:
        raise InvalidRecipe(
            f"`{field}` must be one of {', '.join(words)}; got {value!r}.", field=field, limit=list(words), seen=value
        )
    return str(text)


def _number(field: str, value: object, *, of: str | None = None) -> float:
    """Returns a number in the range of the field, or of that which `of` names."""
    _, low, high = _NUMBERS[of or field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidRecipe(
            f"`{field}` must be {'numbers' if of else 'a number'} from {low} to {high}; got {value!r}.",
            field=field,
            limit=[low, high],
            seen=value,
        )
    return round(float(value), 3)


def _temperatures(field: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_CANDIDATES:
        raise InvalidRecipe(
            f"`{field}` must be a list of up to {MAX_CANDIDATES} temperatures; got {value!r:.200}.",
            field=field,
            limit=MAX_CANDIDATES,
            seen=len(value) if isinstance(value, list | tuple) else value,
        )
    found = tuple(_number(field, entry, of="temperature") for entry in value)
    if len(set(found)) < len(found):
        raise InvalidRecipe(
            f"`{field}` has the same temperature twice, in 3 decimals: {', '.join(map(str, found))}.",
            field=field,
            seen=list(found),
        )
    return found


def _quality(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise InvalidRecipe(
            f"`{field}` must be a whole number from 1 to 100; got {value!r}.", field=field, limit=[1, 100], seen=value
        )
    return value
