"""Provenance: every color picture says that it is one: which net, which recipe, from which master."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import escape

from models.render import DeltaL
from shared.recipes import Recipe
from shared.registry import model_by_digest
from worker.orders import Derivative

#: What the picture is, in the vocabulary of the IPTC (NewsCodes, Digital Source Type).
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_SYSTEM = "Photochrom"

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    Iptc4xmpExt:DigitalSourceType="{source_type}"
    Iptc4xmpExt:AISystemUsed="{system}"
    Iptc4xmpExt:AISystemVersionUsed="{version}">
   <xmpMM:DerivedFrom stRef:documentID="sha256:{master}"/>
   <xmpMM:History>
    <rdf:Seq>
     <rdf:li stEvt:action="derived" stEvt:softwareAgent="{system}" stEvt:parameters="recipe sha256:{recipe}"/>
    </rdf:Seq>
   </xmpMM:History>
   <dc:description>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">{sentence}</rdf:li>
    </rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file by its bytes."""

    #: SHA-256
    sha256: str
    #: bytes
    size: int


def model_name(recipe: Recipe) -> str:
    """Returns the registered name of the recipe's model, or the start of its digest."""
    model = model_by_digest(recipe.model)
    return model.name if model else recipe.model[:12]


def sentence(recipe: Recipe) -> str:
    """Returns what a person reads about the picture."""
    return (
        f"Colors added by {_SYSTEM} with the neural net {model_name(recipe)}; "
        "they are a guess. The lightness is that of the black-and-white original."
    )


def xmp(*, master: str, recipe: Recipe) -> bytes:
    """Returns the XMP packet of a derivative, UTF-8; the same for the same master (SHA-256) and recipe."""
    fields = {
        "source_type": SOURCE_TYPE,
        "system": _SYSTEM,
        "version": f"{model_name(recipe)} sha256:{recipe.model}, pipeline {recipe.pipeline}",
        "master": master,
        "recipe": recipe.digest,
        "sentence": sentence(recipe),
    }
    return _XMP.format(**{name: escape(value, {'"': "&quot;"}) for name, value in fields.items()}).encode()


def sidecar(derivative: Derivative, stored: StoredFile, *, engine: str, master: str, recipe: Recipe) -> dict[str, Any]:
    """Returns the record beside a derivative. It holds no time, host or job: the same inputs give the same text."""
    encoded = derivative.encoded_delta_l
    return {
        "master": master,
        "recipe": asdict(recipe),
        "recipe_sha256": recipe.digest,
        "model": {"name": model_name(recipe), "digest": recipe.model},
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
        "warnings": list(derivative.warnings),
        "digital_source_type": SOURCE_TYPE,
    }


def figures(delta: DeltaL) -> dict[str, float]:
    return {"max": delta.maximum, "mean": delta.mean, "p999": delta.p999}
