"""Provenance: every color picture says that it is one: which net, which recipe, from which master."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from models.render import DeltaL
from models.uncertainty import Uncertainty
from shared.recipes import Recipe
from worker.metadata import xmp
from worker.metadata.xmp import Marks
from worker.orders import Derivative
from worker.pictures import Metadata

#: What the picture is, in the vocabulary of the IPTC (NewsCodes, Digital Source Type).
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_SYSTEM = "Photochrom"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file by its bytes."""

    #: SHA-256
    sha256: str
    #: bytes
    size: int


def sentence(model: str) -> str:
    """Returns what a person reads about a picture that the model of this name has colored."""
    return (
        f"Colors added by {_SYSTEM} with the neural net {model}; "
        "they are a guess. The lightness is that of the black-and-white original."
    )


def marked(metadata: Metadata, *, master: str, recipe: Recipe, model: str) -> tuple[Metadata, tuple[str, ...]]:
    """Returns the metadata of a derivative, and warnings: its master's, with an XMP packet that says what it is.

    The same for the same metadata, master (SHA-256), recipe and name of its model.
    """
    marks = Marks(
        source_type=SOURCE_TYPE,
        system=_SYSTEM,
        version=f"{model} sha256:{recipe.model}, pipeline {recipe.pipeline}",
        master=master,
        recipe=recipe.digest,
        sentence=sentence(model),
    )
    packet, warnings = xmp.merged(metadata.xmp, marks, turn=metadata.turn)
    return replace(metadata, xmp=packet, turn=None), warnings


def sidecar(
    derivative: Derivative,
    stored: StoredFile,
    *,
    engine: str,
    master: str,
    recipe: Recipe,
    model: str,
    uncertainty: Uncertainty | None,
) -> dict[str, Any]:
    """Returns the record beside a derivative. It holds no time, host or job: the same inputs give the same text."""
    encoded = derivative.encoded_delta_l
    return {
        "master": master,
        "recipe": recipe.to_json(),
        "recipe_sha256": recipe.digest,
        "model": {"name": model, "digest": recipe.model},
        "engine": engine,
        "pipeline": recipe.pipeline,
        "derivative": {
            "sha256": stored.sha256,
            "size": stored.size,
            "media_type": derivative.format.media_type,
            "extension": derivative.format.extension,
            "width": derivative.width,
            "height": derivative.height,
            "pages": derivative.pages,
        },
        "tone": derivative.tone,
        "delta_l": figures(derivative.delta_l),
        "encoded_delta_l": figures(encoded) if encoded else None,
        "uncertainty": asdict(uncertainty) if uncertainty else None,
        "warnings": list(derivative.warnings),
        "digital_source_type": SOURCE_TYPE,
    }


def figures(delta: DeltaL) -> dict[str, float]:
    """Returns the figures as the sidecar and the item name them."""
    return {"max": delta.maximum, "mean": delta.mean, "p999": delta.p999}
